// Whether the pictures fit the chosen model, and which models they do fit.

import { say } from "./announce.js";
import { chipCount, hasMask, showChips } from "./chips.js";
import { choose } from "./choices.js";
import { focusPrompt } from "./composer.js";
import { find, make } from "./dom.js";

const MOST_OFFERED = 4; // models, before all are asked for

let takes = null; // what the chosen model takes: {provider, model, name, label, least, most, mask}
let models; // the same of every model that can be used

export const usableModels = () => (models ??= JSON.parse(find("#limner").dataset.models));
export const takesMask = () => !!takes?.mask;

// Called with what the newly chosen model takes.
export function fit(chosen) {
  takes = chosen;
  showChips();
}

const fits = ({ least, most, mask }) => least <= chipCount() && chipCount() <= most && (mask || !hasMask());

// Returns why the pictures cannot be sent to the chosen model; empty if they can.
export function misfit() {
  if (!takes || fits(takes)) return "";
  const { name, least, most } = takes;
  const or = usableModels().some(fits) ? ", or choose another model" : "";
  const count = chipCount();
  if (!most) return `${name} takes words only: remove the ${count > 1 ? "pictures" : "picture"}${or}.`;
  if (count > most) return `${name} takes ${most > 1 ? `${most} pictures` : "one picture"} at most: remove ${count - most}${or}.`;
  if (count < least) return `${name} needs ${least > 1 ? `${least} pictures` : "a picture"} to go by: add ${least > 1 ? "them" : "one"}${or}.`;
  return `${name} cannot keep to a marked area: remove the area${or}.`;
}

// Shows what does not fit, but for what Create has `refused` to send with the same sentence: it is said once.
export function showMisfit(refused) {
  const sentence = misfit();
  const error = find("#limner-error p");
  if (refused && refused !== sentence && error.textContent === refused) error.textContent = "";
  const line = find("#limner-inputs [role=status]");
  const said = refused === sentence ? "" : sentence;
  if (line.textContent !== said) line.textContent = said;
  showOthers(sentence ? others() : []);
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
