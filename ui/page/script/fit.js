// Whether the pictures fit the chosen model, and which models they do fit.

import { say } from "./announce.js";
import { chipCount, hasMask, showChips } from "./chips.js";
import { choose, isCompared } from "./choices.js";
import { focusPrompt } from "./composer.js";
import { find, make } from "./dom.js";
import { canUse } from "./paying.js";

const MOST_OFFERED = 4; // models, before all are asked for

let takes = null; // what the chosen model takes: {provider, model, name, label, least, most, mask}
let models; // the same of every model

export const usableModels = () => (models ??= JSON.parse(find("#limner").dataset.models)).filter(({ provider }) => canUse(provider));
export const takesMask = () => !!takes?.mask;

// Called with what the newly chosen model takes.
export function fit(chosen) {
  takes = chosen;
  showChips();
}

const fits = (model) => !reasonOf(model);

// Returns why a model cannot take the pictures, and what to do for that; nothing if it can.
export function reasonOf({ least, most, mask }) {
  const count = chipCount();
  const pictures = (n, one) => (n > 1 ? `${n} pictures` : one);
  if (count > most && !most) return ["takes words only", `remove the ${count > 1 ? "pictures" : "picture"}`];
  if (count > most) return [`takes ${pictures(most, "one picture")} at most`, `remove ${count - most}`];
  if (count < least) return [`needs ${pictures(least, "a picture")} to go by`, `add ${least > 1 ? "them" : "one"}`];
  return mask || !hasMask() ? null : ["cannot keep to a marked area", "remove the area"];
}

// Returns why the pictures cannot be sent to the chosen model, or to one that is compared; empty if they can.
export function misfit() {
  if (!takes) return "";
  const or = usableModels().some(fits) ? ", or choose another model" : "";
  if (!fits(takes)) return `${takes.name} ${reasonOf(takes).join(": ")}${or}.`;
  const other = usableModels().find((model) => isCompared(model) && !fits(model));
  return other ? `${other.label} ${reasonOf(other).join(": ")}, or do not compare with it.` : "";
}

// Shows what does not fit, but for what Create has `refused` to send with the same sentence: it is said once.
export function showMisfit(refused) {
  const sentence = misfit();
  const error = find("#limner-error p");
  if (refused && refused !== sentence && error.textContent === refused) error.textContent = "";
  const line = find("#limner-inputs [role=status]");
  const said = refused === sentence ? "" : sentence;
  if (line.textContent !== said) line.textContent = said;
  showOthers(takes && !fits(takes) ? others() : []);
}

// Returns the models that fit: those of the chosen provider first, then of each provider in turn.
function others() {
  const fitting = usableModels().filter(fits);
  const turn = (model) => fitting.filter(({ provider }) => provider === model.provider).indexOf(model);
  const isOwn = ({ provider }) => provider === takes.provider;
  return fitting.sort((a, b) => isOwn(b) - isOwn(a) || turn(a) - turn(b));
}

function showOthers(fitting, most = MOST_OFFERED) {
  const box = find("#limner-inputs .limner-others");
  const wanted = JSON.stringify([fitting, most]);
  if (box.dataset.shown === wanted) return; // so that nobody loses the focus
  box.dataset.shown = wanted;
  const offerOf = (model) => make("button", { type: "button", onclick: () => use(model) }, `Use ${model.label}`);
  const left = fitting.length - most;
  const showAll = () => {
    showOthers(fitting, Infinity);
    box.children[most].focus();
  };
  const more = left > 1 ? [make("button", { type: "button", onclick: showAll }, `${left} more`)] : [];
  box.replaceChildren(...fitting.slice(0, more.length ? most : Infinity).map(offerOf), ...more);
}

async function use({ provider, model, label }) {
  focusPrompt();
  if (await choose(provider, model)) say(`${label} is chosen.`);
}
