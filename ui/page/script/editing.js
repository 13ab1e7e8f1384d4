// The prompt of a message, changed where it stands and run again: both pictures stay, as versions of the message.

import { regenerate } from "./actions.js";
import { find, make } from "./dom.js";
import { reveal } from "./scrolling.js";

// Opens the editor in a turn; `details` are those of the version that it starts from.
export function editWithin(turn, { message, version, requested }) {
  const asked = find(".limner-asked", turn);
  if (find("form", asked)) return find("textarea", asked).focus();
  const box = make("textarea", { value: requested.prompt, dir: "auto", "aria-label": "Prompt of this message" });
  const close = () => {
    form.remove();
    asked.classList.remove("limner-editing");
    find("[name=reuse]", turn)?.focus();
  };
  const cancel = make("button", { type: "button", className: "limner-button", onclick: close }, "Cancel");
  const form = make("form", { className: "limner-edit" }, box,
    make("div", {}, cancel, make("button", { className: "limner-button limner-main" }, "Run again")));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === box) form.requestSubmit();
    else return;
    event.preventDefault();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!box.value.trim()) return box.focus();
    close();
    regenerate(message, version, null, { ...requested, prompt: box.value });
  });
  asked.classList.add("limner-editing");
  asked.append(form);
  box.setSelectionRange(box.value.length, box.value.length);
  box.focus();
  reveal(form);
}
