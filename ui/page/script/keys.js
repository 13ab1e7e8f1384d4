// Keys of the visitor's own: entered in a panel, held by a variable of this page and by nothing else, so that closing
// or reloading it forgets them, and sent with each picture that is made with one.

import { say } from "./announce.js";
import { forgetWrong, markWrong, offer, providerLabel } from "./choices.js";
import { find, findAll, make } from "./dom.js";
import { placePanel, togglePanel } from "./panels.js";
import { showPaying } from "./paying.js";

const entered = new Map(); // provider -> {variable: value}
const panel = () => find("#limner-key-panel");

export const hasKey = (provider) => entered.has(provider);

// Returns the field of a request that has the keys for its providers, and for no others; nothing if there are none.
export function keysFor({ provider, compare = [] }) {
  const wanted = [provider, ...compare.map((other) => other.provider)];
  const known = [...entered].filter(([one]) => wanted.includes(one));
  return known.length ? { keys: Object.fromEntries(known) } : {};
}

export function forgetKey() {
  entered.delete(offer().provider);
  showPaying();
  say(`Your key for ${providerLabel()} is forgotten.`);
  find("#limner-about button")?.focus();
}

// Opens the panel in which the key for the chosen provider is entered, or closes it.
export function openKey(button) {
  if (!panel().matches(":popover-open")) drawPanel(offer());
  togglePanel(panel(), button);
}

function drawPanel({ provider, key: { parts, url } }) {
  const label = providerLabel();
  const fields = parts.map(({ variable, label: name, optional }, n) => {
    // no password manager fills or saves what is no password, and is not in a form
    const input = make("input", { type: "password", id: `limner-key-${n}`, name: `limner-part-${n}`, required: !optional,
      autocomplete: "off", autocapitalize: "off", spellcheck: false, "data-1p-ignore": "", "data-lpignore": "true", "data-bwignore": "" });
    input.dataset.variable = variable;
    input.addEventListener("input", () => forgetWrong(input));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      use(provider, label);
    });
    return make("div", { className: "limner-field" }, make("label", { htmlFor: input.id }, optional ? `${name} (optional)` : name), input);
  });
  const where = url ? make("p", {}, make("a", { href: url, target: "_blank", rel: "noopener" }, "Get a key")) : null;
  const button = make("button", { type: "button", className: "limner-button limner-main", onclick: () => use(provider, label) }, "Use this key");
  panel().replaceChildren(make("h2", {}, `Your own key for ${label}`), ...fields,
    make("p", { className: "limner-quiet" }, "Kept by this page until you close or reload it. It is sent with each picture, and stored nowhere."),
    make("div", { className: "limner-key-end" }, button, where));
}

function use(provider, label) {
  const inputs = findAll("input", panel());
  const wrong = inputs.find(({ value, required }) => (value.trim() ? /[^\x21-\x7e]/.test(value.trim()) : required));
  if (wrong) return refuse(wrong);
  const given = inputs.map(({ dataset, value }) => [dataset.variable, value.trim()]).filter(([, value]) => value);
  entered.set(provider, Object.fromEntries(given));
  panel().hidePopover();
  showPaying();
  say(`Your own key is used for ${label}.`);
  find("#limner-about button")?.focus();
}

function refuse(input) {
  const sentence = input.value.trim() ? "This is not a key: it has a space, or a character that keys do not have." : "Enter the key.";
  markWrong(input, sentence);
  placePanel(panel());
  say(sentence);
  input.focus();
}

export function watchKeys() {
  panel().addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "closed") for (const input of findAll("input", panel())) input.value = "";
  });
  addEventListener("pagehide", () => entered.clear()); // a browser may keep the page that was left, and show it again
  addEventListener("pageshow", ({ persisted }) => persisted && showPaying());
}
