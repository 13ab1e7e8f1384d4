// A prompt between Create and the server's answer: it shows in the thread at once.

import { current } from "./conversation.js";
import { findAll, make, find } from "./dom.js";
import { scrollToEnd } from "./scrolling.js";
import { address } from "./server.js";
import { showEmpty, turnOf } from "./thread.js";
import { takeArrived } from "./unanswered.js";

let onArrived = () => {};

// Calls a function with a prompt that is in the thread before its answer came, or without one.
export function whenArrived(listener) {
  onArrived = listener;
}

// The position of the last message that is shown.
export const lastPosition = () => Number(findAll("#limner-turns [data-position]").at(-1)?.dataset.position ?? -1);

// Shows a prompt at the end of the thread; returns what becomes of it.
export function addPending({ key, prompt, inputs }) {
  turnWith(key)?.remove();
  const images = inputs.map(({ name, filename }) => make("li", {}, make("span", { className: "limner-sent" },
    make("img", { src: address(`thumbnails/${name}`), alt: filename }))));
  const given = images.length ? make("ul", { className: "limner-given", role: "list" }, ...images) : null;
  const asked = make("div", { className: "limner-asked" }, given, make("p", { className: "limner-prompt", dir: "auto" }, prompt));
  const state = make("p", { className: "limner-quiet limner-sending" }, "Sending…");
  const element = make("div", { className: "limner-turn limner-pending-turn", "data-key": key }, asked, state);
  find("#limner-turns").append(element);
  showEmpty();
  scrollToEnd();
  const remove = () => {
    element.remove();
    showEmpty();
  };
  return {
    remove,
    // The message comes with the events, before this answer or after it.
    sent(message) {
      if (!element.isConnected) return;
      if (turnOf(message)) return remove();
      element.dataset.waitsFor = message;
    },
    fail(heading, problem, { again, edit, discard }) {
      const button = (label, act) => make("button", { type: "button", className: "limner-button", onclick: () => (remove(), act()) }, label);
      state.replaceWith(make("div", { className: "limner-card limner-error", role: "alert" },
        make("h3", {}, heading), make("p", {}, problem),
        button("Send again", again), button("Edit in composer", edit), button("Discard", discard)));
    },
  };
}

const turnWith = (key) => find(`.limner-pending-turn[data-key="${key}"]`);
const pendingTurns = () => findAll(".limner-pending-turn:not(:has(.limner-card))");

export const isSending = () => pendingTurns().length > 0;

// Takes away what stood for a message that is there now: its answer may come before or after it.
export function replacePending(message, prompt) {
  const isSame = (element) => element.dataset.waitsFor === message || (!element.dataset.waitsFor && find(".limner-prompt", element).textContent === prompt);
  pendingTurns().find(isSame)?.remove();
  const arrived = takeArrived(current(), prompt, Number(turnOf(message).dataset.position));
  if (!arrived) return;
  turnWith(arrived.key)?.remove();
  onArrived(arrived);
}
