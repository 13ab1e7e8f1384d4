// Whether a picture is loaded: if that failed, a card in its place says whether its file is gone or only could not be
// fetched, and loads it again.

import { find, findAll } from "./dom.js";
import { isGone } from "./server.js";

const RELOAD_AFTER = [2, 8, 30]; // seconds, if the server answers but the picture did not come

const PICTURES = ":is(.limner-picture, .limner-sent) img:not(.limner-area, .limner-preview)";

export const isUnloaded = (button) => button.classList.contains("limner-unloaded");

document.addEventListener("error", ({ target }) => {
  if (target.matches?.(PICTURES)) cover(target.parentElement);
}, true);

document.addEventListener("load", ({ target }) => {
  if (!target.matches?.(PICTURES)) return;
  target.classList.add("limner-loaded");
  find(".limner-preview", target.parentElement)?.remove();
  if (isUnloaded(target.parentElement)) uncover(target.parentElement);
}, true);

// Puts the card in the place of the picture, and asks the server whether the file is gone.
async function cover(button) {
  button.classList.add("limner-unloaded");
  button.dataset.title ??= button.title;
  name(button, "Try again");
  const gone = await isGone(find("img", button).src);
  if (gone === null) return; // it is loaded again when there is a connection
  button.classList.toggle("limner-gone", gone);
  const tries = Number(button.dataset.tries || 0);
  if (gone || tries >= RELOAD_AFTER.length) return;
  button.dataset.tries = tries + 1;
  setTimeout(() => button.isConnected && isUnloaded(button) && reload(button), RELOAD_AFTER[tries] * 1000);
}

function name(button, label) {
  button.title = label;
  button.setAttribute("aria-label", label);
}

function uncover(button) {
  button.classList.remove("limner-unloaded", "limner-gone");
  name(button, button.dataset.title);
  delete button.dataset.tries;
}

export function reload(button) {
  const image = find("img", button);
  image.src = image.getAttribute("src"); // which has the browser fetch it again
}

document.addEventListener("limner-online", () => {
  findAll(".limner-unloaded").forEach(reload);
  for (const image of findAll(".limner-blank img[src]")) image.src = image.getAttribute("src");
});
