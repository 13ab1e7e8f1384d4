// What could not be added: one line each, until it is dismissed.

import { focusPrompt } from "./composer.js";
import { find, iconButton, make } from "./dom.js";

export function showFailure(filename, sentence) {
  const line = make("li", {}, make("p", { role: "alert" }, make("b", {}, filename), ` ${sentence}`));
  const onclick = () => {
    line.remove();
    focusPrompt();
  };
  const dismiss = iconButton("close", `Dismiss the failure of ${filename}`, { title: "Dismiss", onclick });
  line.append(dismiss);
  find(".limner-failures").append(line);
}

export function dismissFailures() {
  find(".limner-failures").replaceChildren();
}
