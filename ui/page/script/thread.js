// The thread: messages as the server draws them, in their order. Only what changed is drawn again.

import { say, toast } from "./announce.js";
import { current, isUnsent, onOpen } from "./conversation.js";
import { refresh } from "./conversations.js";
import { find, findAll, make } from "./dom.js";
import { notify, setTitle } from "./notify.js";
import { isSending, replacePending } from "./pending.js";
import { forgetPlace, keepEnd, keepPlace, scrollToEnd } from "./scrolling.js";
import { get } from "./server.js";
import { connect, follow, rest, unfollow } from "./stream.js";
import { tick } from "./timers.js";

const turns = new Map(); // message id -> {element, message}
let pressed = null; // the turn on which a finger, a mouse button or the space bar is held down
const delayed = new Map(); // message id -> message: drawn once it is let go
let isLoaded = false;
let waiting = []; // the first messages, until all are there: one by one, each would load its picture in passing

const list = () => find("#limner-turns");
const olderBox = () => find(".limner-older");

export const turnOf = (id) => turns.get(id)?.element;
const isRunning = () => [...turns.values()].some(({ message }) => message.state === "running") || isSending();

onOpen(show);

function show(id, isNew) {
  clear();
  isLoaded = false;
  showEmpty();
  follow(id, take);
  if (!isNew) loadTitle(id);
}

// Shows the title of a conversation, or why it is not here. What is shown may not be saved yet, unless `isSaved`.
export async function loadTitle(id, isSaved = false) {
  const { status, data, problem } = await get(`threads/${id}`);
  if (id !== current()) return;
  if (status === 401) showGone(problem);
  else if (status !== 404) showTitle(data.title);
  else if (isSaved || !list().children.length) showGone("It was deleted, or it belongs to another browser or account.");
}

// Looks whether the conversation may be seen, after somebody has signed in or out.
export function lookAgain() {
  if (isUnsent()) return;
  if (find(":scope > .limner-gone", list())) show(current(), false);
  else loadTitle(current(), true);
}

export function showTitle(title = "") {
  find("#limner-title").textContent = title;
  setTitle(title ? `${title} · Limner` : "Limner");
}

function showGone(why) {
  unfollow();
  list().setAttribute("aria-busy", "false");
  clear([make("div", { className: "limner-card limner-gone" },
    make("h2", {}, "This conversation is not here."),
    make("p", {}, why),
    make("a", { className: "limner-button", href: "./", name: "new" }, "New conversation"))]);
  showEmpty();
}

function clear(left = []) {
  turns.clear();
  delayed.clear();
  waiting = [];
  list().replaceChildren(...left);
  olderBox().hidden = true;
  showTitle();
  forgetPlace();
}

// The composer stands in the middle of the page until there is something above it.
export function showEmpty() {
  find("#limner-main").toggleAttribute("data-empty", !list().children.length);
}

function take({ messages, live = [], reset, more, older }, isFirst) {
  if (reset) clear(findAll(".limner-pending-turn", list()));
  waiting.push(...messages);
  if (isFirst && more) return;
  for (const message of waiting.splice(0)) {
    if (isEarlier(message)) continue; // it comes with those that are not loaded yet
    // what is sent may settle before this page hears that it runs
    const before = turns.get(message.id)?.message ?? (isSending() ? { state: "running" } : undefined);
    showMessage(message);
    if (isLoaded && !message.deleted) announce(before, message);
  }
  for (const part of live) showLive(part);
  if (more) return;
  if (isFirst) {
    olderBox().hidden = !older; // not before the end is in view: seen, it has earlier messages loaded
    scrollToEnd();
  }
  isLoaded = true;
  list().setAttribute("aria-busy", "false");
  if (document.hidden && !isRunning()) rest();
}

function isEarlier({ id, position }) {
  const first = find("[data-position]", list());
  return isLoaded && !olderBox().hidden && !turns.has(id) && first && position < Number(first.dataset.position);
}

function announce(before, message) {
  if (before?.state === message.state && before?.said === message.said) return;
  if (message.said && (before || message.state === "running")) say(message.said);
  if (before?.state !== "running" || message.state === "running") return;
  notify(message);
  refresh(); // its picture may stand for the conversation
}

// --- A message ---

function showMessage(message) {
  const known = turns.get(message.id);
  if (known && known.element === pressed) return delayed.set(message.id, message);
  if (message.deleted) return removeMessage(message.id);
  const element = known?.element ?? make("div", { className: "limner-turn", id: `turn-${message.id}` });
  if (known && known.message.prompt === message.prompt && known.message.answer === message.answer) {
    known.message = message;
    return;
  }
  element.dataset.message = message.id;
  element.dataset.position = message.position;
  const drawn = make("template");
  drawn.innerHTML = message.prompt + message.answer;
  if (!isLoaded) for (const alert of findAll("[role=alert]", drawn.content)) alert.removeAttribute("role"); // no news
  keepImages(element, drawn.content);
  keepPreviews(element, drawn.content);
  const restore = keepFocus(element);
  keepEnd(() => element.replaceChildren(...drawn.content.children));
  turns.set(message.id, { element, message });
  if (!known) {
    replacePending(message.id, find(".limner-prompt", element).textContent);
    place(element, message.position);
  }
  restore();
  tick();
  showEmpty();
}

// A message is not drawn again under a finger: the button would be gone before it is let go, and the press be lost.
function press({ target, button, repeat }) {
  if (button || repeat) return;
  letGo();
  pressed = target.closest?.(".limner-turn") ?? null;
}

function letGo() {
  pressed = null;
  const messages = [...delayed.values()];
  delayed.clear();
  messages.forEach(showMessage);
}

export function watchPresses() {
  const space = ({ key }) => key === " ";
  document.addEventListener("pointerdown", press, true);
  document.addEventListener("keydown", (event) => space(event) && press(event), true);
  // after the click, which comes with letting go; a menu that opens may take the letting go for itself
  for (const end of ["pointerup", "pointercancel", "contextmenu"]) {
    document.addEventListener(end, () => setTimeout(letGo), true);
  }
  document.addEventListener("keyup", (event) => space(event) && setTimeout(letGo), true);
  window.addEventListener("blur", letGo);
}

// Takes a message away. The focus that was within goes to the message beside it, or to the prompt.
function removeMessage(id) {
  const element = turnOf(id);
  if (!element) return;
  const beside = element.previousElementSibling ?? element.nextElementSibling;
  const isHeld = element.contains(document.activeElement);
  element.remove();
  turns.delete(id);
  showEmpty();
  if (!isHeld) return;
  const article = beside && find("article", beside);
  if (article) article.tabIndex = -1;
  (article ?? find("#limner-prompt")).focus({ preventScroll: true });
}

function place(element, position) {
  const next = findAll(":scope > [data-position]", list()).findLast((other) => Number(other.dataset.position) < position);
  keepEnd(() => (next ? next.after(element) : list().prepend(element)));
}

// Pictures that are shown already stay the same elements, so that nothing flickers or is decoded again.
function keepImages(element, drawn) {
  const shown = new Map(findAll("img", element).map((image) => [image.getAttribute("src"), image]));
  for (const image of findAll("img", drawn)) {
    const before = shown.get(image.getAttribute("src"));
    if (!before || !before.complete || before.closest(".limner-unloaded")) continue;
    shown.delete(image.getAttribute("src"));
    for (const { name, value } of image.attributes) before.setAttribute(name, value);
    image.replaceWith(before);
  }
}

// A preview stays in the place of its picture until that is loaded.
function keepPreviews(element, drawn) {
  for (const preview of findAll(".limner-preview[src]", element)) {
    const { version } = preview.closest("[data-version]").dataset;
    find(`.limner-picture[value$=" ${version}"]`, drawn)?.append(preview);
  }
}

// Returns what gives the focus back to the same button once the message is drawn again, or to the next best one.
function keepFocus(element) {
  const held = document.activeElement;
  if (!element.contains(held)) return () => {};
  const { name, value, title } = held;
  return () => {
    const usable = findAll("a, button:not(:disabled)", element);
    const rank = (other) => [other.name === name && other.value === value && other.title === title,
      other.name === name && other.title === title, other.name === name, other.name === "stop",
      other.name === "regenerate", true].indexOf(true);
    usable.sort((a, b) => rank(a) - rank(b))[0]?.focus({ preventScroll: true });
  };
}

// Shows how far a running version is, which travels without the message.
function showLive({ id, version, progress, share, preview }) {
  const card = turnOf(id) && find(`.limner-running[data-version="${version}"]`, turnOf(id));
  if (!card) return;
  find(".limner-progress", card).textContent = progress || find(".limner-progress", card).dataset.waiting;
  const bar = find("progress", card);
  bar.hidden = share === null || share === undefined;
  if (!bar.hidden) bar.value = share;
  const image = find(".limner-preview", card);
  if (!preview || image.getAttribute("src") === preview) return;
  const next = make("img", { src: preview, alt: "" });
  next.decode().then(() => {
    image.src = preview; // decoded, so that the one before stays until this is there
    image.hidden = false;
    card.classList.add("limner-previewed");
  }, () => {});
}

// --- Earlier messages ---

async function loadOlder() {
  const first = find("[data-message]", list());
  if (!first || olderBox().dataset.loading) return;
  olderBox().dataset.loading = "true";
  const id = current();
  const { ok, data, problem } = await get(`threads/${id}/messages?before=${first.dataset.message}`);
  delete olderBox().dataset.loading;
  if (id !== current()) return;
  if (!ok) return toast(problem);
  const wasLoaded = isLoaded;
  isLoaded = false;
  keepPlace(() => {
    data.messages.forEach(showMessage);
    olderBox().hidden = !data.more;
  });
  isLoaded = wasLoaded;
}

export function watchOlder() {
  new IntersectionObserver((seen) => seen.some(({ isIntersecting }) => isIntersecting) && loadOlder(), {
    root: find("#limner-thread"), rootMargin: "1200px 0px 0px",
  }).observe(olderBox());
  find("[name=older]").addEventListener("click", loadOlder);
}

// A hidden page stays connected while something is made, to say that it is ready.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) connect();
  else if (!isRunning()) rest();
});
