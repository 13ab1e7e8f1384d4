// What could not be added: one line each, until it is dismissed.

import { focusPrompt } from "./composer.js";
import { find, make } from "./dom.js";

export function showFailure(filename, sentence) {
  const line = make("li", {}, make("p", { role: "alert" }, make("b", {}, filename), ` ${sentence}`));
  const onclick = () => {
    line.remove();
    focusPrompt();
  };
  const label = `Dismiss the failure of ${filename}`;
  const dismiss = make("button", { type: "button", className: "limner-icon limner-close", title: "Dismiss", "aria-label": label, onclick });
  line.append(dismiss);
  find(".limner-failures").append(line);
}

export function dismissFailures() {
  find(".limner-failures").replaceChildren();
}
