// Whether the pictures fit the chosen model, and which models they do fit. It runs after limner.js, in its scope.

const MOST_OFFERED = 4; // models, before all are asked for

let takes = null; // what the chosen model takes: {provider, model, name, label, least, most, mask}
let models = []; // the same of every model that can be used
let mostBytes = Infinity; // of a file
let refused = ""; // the sentence with which Create refused to send
window.limnerWanted = null; // the provider and the model of the button that was pressed

function readTakes() {
  const { dataset } = find("#limner-inputs [data-takes]");
  takes ??= JSON.parse(dataset.takes);
  models = JSON.parse(dataset.models);
  mostBytes = Number(dataset.mostBytes);
}

// Called with what the newly chosen model takes.
function fit(chosen) {
  takes = chosen;
  showChips();
}

const hasMask = () => !!chips[0]?.mask;
const fits = ({ least, most, mask }) => least <= chips.length && chips.length <= most && (mask || !hasMask());

// Returns why the pictures cannot be sent to the chosen model; empty if they can.
function misfit() {
  if (!takes || fits(takes)) return "";
  const { name, least, most } = takes;
  const or = models.some(fits) ? ", or choose another model" : "";
  const count = chips.length;
  if (!most) return `${name} takes words only: remove the ${count > 1 ? "pictures" : "picture"}${or}.`;
  if (count > most) return `${name} takes ${most > 1 ? `${most} pictures` : "one picture"} at most: remove ${count - most}${or}.`;
  if (count < least) return `${name} needs ${least > 1 ? `${least} pictures` : "a picture"} to go by: add ${least > 1 ? "them" : "one"}${or}.`;
  return `${name} cannot keep to a marked area: remove the area${or}.`;
}

// Refuses to send what does not fit, and returns whether it does so.
function isMisfit() {
  refused = misfit();
  if (refused) complain(refused);
  showMisfit();
  return !!refused;
}

function showMisfit() {
  const sentence = misfit();
  if (refused && refused !== sentence) {
    if (find("#limner-error p").textContent === refused) complain("");
    refused = "";
  }
  const line = find("#limner-inputs [role=status]");
  const said = refused ? "" : sentence; // it is said once
  if (line.textContent !== said) line.textContent = said;
  showOthers(sentence ? others() : []);
}

// Returns the models that fit: those of the chosen provider first, then of each provider in turn.
function others() {
  const fitting = models.filter(fits);
  const turn = (model) => fitting.filter(({ provider }) => provider === model.provider).indexOf(model);
  const isOwn = ({ provider }) => provider === takes.provider;
  return fitting.sort((a, b) => isOwn(b) - isOwn(a) || turn(a) - turn(b));
}

function showOthers(fitting, most = MOST_OFFERED) {
  const box = find("#limner-inputs .limner-others");
  const wanted = JSON.stringify([fitting, most]);
  if (box.dataset.shown === wanted) return; // so that nobody loses the focus
  box.dataset.shown = wanted;
  const offerOf = (model) => make("button", { type: "button", onclick: () => choose(model) }, `Use ${model.label}`);
  const left = fitting.length - most;
  const showAll = () => {
    showOthers(fitting, Infinity);
    box.children[most].focus();
  };
  const more = left > 1 ? [make("button", { type: "button", onclick: showAll }, `${left} more`)] : [];
  box.replaceChildren(...fitting.slice(0, more.length ? most : Infinity).map(offerOf), ...more);
}

function choose({ provider, model, label }) {
  window.limnerWanted = { provider, model };
  find("#limner-choose").click();
  say(`${label} is chosen.`);
  promptBox().focus();
}
