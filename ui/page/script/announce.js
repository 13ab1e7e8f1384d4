// Sentences for the person: those that only screen readers say, and those that everybody sees for a while.

import { find, findAll, iconButton, make } from "./dom.js";

export const UNDO_SECONDS = 60; // for which the server keeps what was deleted
const MOST = 2; // sentences at once that are not waiting for an answer

export const secondsToRead = (sentence) => 2 + 0.06 * sentence.length;

// Has screen readers say a sentence.
export function say(sentence) {
  find(".limner-announcer").textContent = sentence;
}

// Shows a sentence below the latest of those that are shown already, until it is dismissed or its time is over, which
// starts anew once neither the pointer nor the focus is on it. With an action it has a button. Returns a function that
// removes it.
export function toast(sentence, { action, label = "Undo", seconds = secondsToRead(sentence) } = {}) {
  const dismiss = iconButton("close", "Dismiss");
  const act = action && make("button", { type: "button", className: "limner-button" }, label);
  const shown = make("li", {}, make("p", { dir: "auto" }, sentence), act, dismiss);
  let timer;
  const remove = () => {
    clearTimeout(timer);
    shown.remove();
  };
  const start = () => (timer = setTimeout(remove, seconds * 1000));
  dismiss.onclick = remove;
  if (act) {
    act.onclick = () => {
      remove();
      action();
    };
  }
  for (const on of ["pointerenter", "focusin"]) shown.addEventListener(on, () => clearTimeout(timer));
  for (const on of ["pointerleave", "focusout"]) shown.addEventListener(on, start);
  for (const old of findAll(".limner-toasts li:not(:has(.limner-button, :focus))").slice(0, 1 - MOST)) old.remove();
  find(".limner-toasts").append(shown);
  start();
  say(action ? `${sentence} ${label} is possible for ${seconds} seconds.` : sentence);
  return remove;
}
