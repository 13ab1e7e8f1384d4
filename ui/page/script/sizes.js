// Two panels of the composer: the size, drawn as shapes, and how many pictures are made at once and by which models.

import { say } from "./announce.js";
import { drawShape, forgetWrong, isCompared, markWrong, offer, refresh, setValue, valuesNow } from "./choices.js";
import { find, findAll, make } from "./dom.js";
import { reasonOf, usableModels } from "./fit.js";
import { placePanel, togglePanel } from "./panels.js";
import { howToCompareMore } from "./paying.js";

const MOST_AT_ONCE = 4;
const MOST_COMPARED = 2;
const SIZE = /^0*[1-9]\d{0,4}\s*[x×*:]\s*0*[1-9]\d{0,4}$/i;
const NO_SIZE = "This is no size: write it as 1024x768, or a ratio such as 3:2.";

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
  const own = make("input", { value: isOwn ? size : "", placeholder: "1024x768 or 3:2", id: "limner-own-size" });
  own.addEventListener("input", () => {
    forgetWrong(own);
    const typed = own.value.trim();
    if (typed && !SIZE.test(typed)) return; // it may not be whole yet
    setValue("size", typed);
    for (const input of findAll("input", list)) input.checked = input.value === typed;
  });
  own.addEventListener("change", () => isOwnWrong());
  list.addEventListener("change", () => {
    own.value = "";
    forgetWrong(own);
  });
  const label = make("label", { htmlFor: "limner-own-size" }, "Another size");
  panel.replaceChildren(make("h2", {}, "Size"), list, make("div", { className: "limner-own" }, label, own));
  for (const input of [own, ...findAll("input", list)]) {
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (!isOwnWrong()) panel.hidePopover();
    });
  }

  // A wrong size is not taken: the one before stays chosen.
  function isOwnWrong() {
    const typed = own.value.trim();
    const isWrong = typed && !SIZE.test(typed);
    if (isWrong) markWrong(own, NO_SIZE);
    if (isWrong) say(NO_SIZE);
    if (isWrong && panel.matches(":popover-open")) placePanel(panel);
    return isWrong;
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
  const others = usableModels().filter(({ provider, model }) => provider !== offer().provider || model !== offer().model);
  const list = make("div", { role: "group", "aria-label": "Compare with", className: "limner-compare" });
  for (const other of others) {
    const isOn = isCompared(other);
    const [reason] = reasonOf(other) ?? [];
    const input = make("input", { type: "checkbox", checked: isOn, disabled: !isOn && (!!reason || compare.length >= MOST_COMPARED) });
    input.addEventListener("change", () => {
      const rest = compare.filter(([p, m]) => p !== other.provider || m !== other.model);
      const next = isOn ? rest : [...rest, [other.provider, other.model]];
      valuesNow().compare = next;
      valuesNow().count = Math.min(count, Math.floor(MOST_AT_ONCE / (1 + next.length)));
      refresh();
      const at = [...list.children].indexOf(input.closest("label"));
      drawCounts(panel);
      findAll(".limner-compare input", panel)[at].focus();
    });
    list.append(make("label", {}, input, make("span", {}, other.label, reason && make("small", {}, reason))));
  }
  const more = others.length < MOST_COMPARED ? howToCompareMore() : "";
  const hint = make("p", { className: "limner-quiet limner-compare-more" }, more);
  const comparing = [...(others.length ? [make("h2", {}, "Compare with"), list] : []), ...(more ? [hint] : [])];
  panel.replaceChildren(make("h2", {}, compare.length ? "Pictures of each model" : "Pictures"), counts, ...comparing);
}
