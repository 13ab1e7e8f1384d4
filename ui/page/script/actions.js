// What a person does with a message: its buttons are plain HTML, whose name is the action and whose value is the
// message and, if it matters, the version.

import { toast, UNDO_SECONDS } from "./announce.js";
import { putIn } from "./chips.js";
import { write } from "./composer.js";
import { copyPicture } from "./copy.js";
import { current, open } from "./conversation.js";
import { find, findAll } from "./dom.js";
import { forgetKey, keysFor, openKey } from "./keys.js";
import { editAgain, openReuse } from "./reuse.js";
import { reveal } from "./scrolling.js";
import { askForSeed } from "./seed.js";
import { send } from "./server.js";
import { turnOf } from "./thread.js";
import { isUnloaded, reload } from "./unloaded.js";
import { openZoom } from "./zoom.js";

const imageOf = (button) => find("img", button.closest("figure"));

const actions = {
  copy: (button) => copyPicture(imageOf(button).dataset.full, button),
  zoom: (button) => (isUnloaded(button) ? reload(button) : openZoom(button)),
  put_in: (button) => putIn(imageOf(button)),
  edit: ({ value }) => editAgain(...value.split(" ")),
  reuse: openReuse,
  enter_key: openKey,
  forget_key: forgetKey,
  example: (button) => write(button.textContent.trim()),
  stop: (button) => act(button, "stop"),
  choose: (button) => act(button, "choose"),
  delete: ({ value }) => remove(...value.split(" "), "This version"),
  regenerate: (button) => regenerate(...button.value.split(" "), button),
};

export function watchActions() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[name]");
    if (button && !button.disabled && !button.closest("dialog") && Object.hasOwn(actions, button.name)) actions[button.name](button);
    const link = event.target.closest?.("a[name=new], a[name=home]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (link.name === "new" || !find("#limner-main").hasAttribute("data-empty")) open();
  });
}

// Posts an action of a message; returns the answer, and shows what went wrong.
async function post(message, action, version, { body, more = "", conversation = current() } = {}) {
  const query = `${version ? `&version=${version}` : ""}${more}`.replace("&", "?");
  const reply = await send("POST", `threads/${conversation}/messages/${message}/${action}${query}`, body);
  if (!reply.ok && reply.status !== 409) toast(reply.problem);
  return reply;
}

async function act(button, action) {
  if (button.classList.contains("limner-pressed")) return; // a second click
  button.classList.add("limner-pressed"); // not disabled, which would take the focus away
  const [message, version] = button.value.split(" ");
  const { ok } = await post(message, action, version);
  setTimeout(() => button.classList.remove("limner-pressed"), ok ? 1000 : 0); // if it is still there
}

// Makes a version again, or versions with other choices: `values` are then those of the composer.
export async function regenerate(message, version, button, values, seed = "") {
  if (button?.classList.contains("limner-pressed")) return;
  button?.classList.add("limner-pressed");
  const keys = keysFor(values ?? { provider: providerOf(message, version) });
  const body = values || keys.keys ? { ...values, ...keys } : undefined;
  const { ok, status, problem } = await post(message, "regenerate", version, { body, more: seed && `&seed=${seed}` });
  button?.classList.remove("limner-pressed");
  if (ok) return showRunning(message);
  if (status !== 409) return;
  if (seed) return toast(problem);
  const chosen = await askForSeed();
  if (chosen) await regenerate(message, version, button, values, chosen);
}

// The provider that was asked for a version, which may not be the one that made it.
const providerOf = (message, version) =>
  find(`[name=regenerate][value="${message} ${version}"]`, turnOf(message))?.closest("[data-provider]").dataset.provider;

// Brings what is being made into view, wherever the person has scrolled.
async function showRunning(message) {
  for (let frames = 0; frames < 60; frames += 1) {
    const card = turnOf(message) && findAll(".limner-running", turnOf(message)).at(-1);
    if (card) return reveal(card);
    await new Promise(requestAnimationFrame);
  }
}

// Deletes a message, or one version of it; it can be taken back for a minute.
export async function remove(message, version, what) {
  const conversation = current(); // another one may be shown when it is taken back
  const { ok } = await post(message, "delete", version);
  const restore = () => post(message, "restore", version, { conversation });
  if (ok) toast(`${what} is deleted.`, { action: restore, seconds: UNDO_SECONDS });
}
