// Sentences for the person: those that only screen readers say, and those that everybody sees for a while.

import { find, iconButton, make } from "./dom.js";

const SECONDS = 8;

// Has screen readers say a sentence.
export function say(sentence) {
  find(".limner-announcer").textContent = sentence;
}

// Shows a sentence until it is dismissed or its time is over; the time starts anew once neither the pointer nor the
// focus is on it. With an action it has a button. Returns a function that removes it.
export function toast(sentence, { action, label = "Undo", seconds = SECONDS } = {}) {
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
  find(".limner-toasts").append(shown);
  start();
  say(action ? `${sentence} ${label} is possible for ${seconds} seconds.` : sentence);
  return remove;
}
