// Two panels of the composer: the size, drawn as shapes, and how many pictures are made at once and by which models.

import { drawShape, offer, refresh, setValue, valuesNow } from "./choices.js";
import { find, make } from "./dom.js";
import { usableModels } from "./fit.js";
import { togglePanel } from "./panels.js";

const MOST_AT_ONCE = 4;
const MOST_COMPARED = 2;

export function watchSizes() {
  const [sizes, counts] = [find("#limner-size-panel"), find("#limner-count-panel")];
  find("#limner-choices [name=size]").addEventListener("click", ({ currentTarget }) => {
    drawSizes(sizes);
    togglePanel(sizes, currentTarget);
  });
  find("#limner-choices [name=count]").addEventListener("click", ({ currentTarget }) => {
    drawCounts(counts);
    togglePanel(counts, currentTarget);
  });
}

function drawSizes(panel) {
  const { size = "" } = valuesNow();
  const choices = [{ value: "", name: "Auto", pixels: "" }, ...offer().sizes];
  const list = make("div", { role: "radiogroup", "aria-label": "Size", className: "limner-shapes" });
  for (const choice of choices) {
    const input = make("input", { type: "radio", name: "chosen-size", value: choice.value, checked: choice.value === size });
    const shape = make("span", { className: "limner-shape", "aria-hidden": "true" });
    drawShape(shape, choice.width ? choice : null);
    const pixels = choice.pixels && choice.pixels !== choice.name ? make("small", {}, choice.pixels) : "";
    input.addEventListener("change", () => setValue("size", choice.value));
    list.append(make("label", {}, input, shape, make("span", {}, choice.name), pixels));
  }
  const isOwn = size && !offer().sizes.some(({ value }) => value === size);
  const own = make("input", { value: isOwn ? size : "", placeholder: "1024x768 or 3:2", "aria-label": "Another size" });
  own.addEventListener("input", () => {
    setValue("size", own.value.trim());
    for (const input of list.querySelectorAll("input")) input.checked = input.value === own.value.trim();
  });
  list.addEventListener("change", () => (own.value = ""));
  panel.replaceChildren(make("h2", {}, "Size"), list, make("label", { className: "limner-own" }, "Another size ", own));
  for (const input of [own, ...list.querySelectorAll("input")]) {
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      panel.hidePopover();
    });
  }
  list.addEventListener("click", ({ target, detail }) => detail && target.closest("label") && setTimeout(() => panel.hidePopover()));
}

function drawCounts(panel) {
  const { count = 1, compare = [] } = valuesNow();
  const each = MOST_AT_ONCE / (1 + compare.length);
  const counts = make("div", { role: "radiogroup", "aria-label": "Pictures of each model", className: "limner-counts" });
  for (let n = 1; n <= MOST_AT_ONCE; n += 1) {
    const input = make("input", { type: "radio", name: "chosen-count", value: String(n), checked: n === count, disabled: n > each });
    input.addEventListener("change", () => setValue("count", n));
    counts.append(make("label", {}, input, make("span", {}, String(n))));
  }
  const isChosen = ({ provider, model }) => compare.some(([p, m]) => p === provider && m === model);
  const others = usableModels().filter(({ provider, model }) => provider !== offer().provider || model !== offer().model);
  const list = make("div", { role: "group", "aria-label": "Compare with", className: "limner-compare" });
  for (const other of others) {
    const isOn = isChosen(other);
    const input = make("input", { type: "checkbox", checked: isOn, disabled: !isOn && compare.length >= MOST_COMPARED });
    input.addEventListener("change", () => {
      const rest = compare.filter(([p, m]) => p !== other.provider || m !== other.model);
      const next = isOn ? rest : [...rest, [other.provider, other.model]];
      valuesNow().compare = next;
      valuesNow().count = Math.min(count, Math.floor(MOST_AT_ONCE / (1 + next.length)));
      refresh();
      const at = [...list.children].indexOf(input.closest("label"));
      drawCounts(panel);
      find(".limner-compare", panel).children[at].querySelector("input").focus();
    });
    list.append(make("label", {}, input, make("span", {}, other.label)));
  }
  const comparing = others.length ? [make("h2", {}, "Compare with"), list] : [];
  panel.replaceChildren(make("h2", {}, compare.length ? "Pictures of each model" : "Pictures"), counts, ...comparing);
}
