// Light or dark: as the system has it, until the person chooses.

import { say } from "./announce.js";
import { find, stored } from "./dom.js";

const KEY = "limner.theme";

const isDark = () => {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

function show() {
  const next = isDark() ? "light" : "dark";
  const button = find("[name=theme]");
  button.title = `Switch to ${next}`;
  button.firstElementChild.textContent = button.title;
}

export function watchAppearance() {
  show();
  find("[name=theme]").addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    const isSystems = matchMedia(`(prefers-color-scheme: ${next})`).matches;
    document.documentElement.dataset.theme = next;
    stored("localStorage", KEY, isSystems ? null : next); // not kept if it is the system's: then the page follows that again
    show();
    say(`The page is ${next}.`);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
}
