// What makes the picture: the provider, the model, and what the server offers for them. What the person chose is
// remembered, per model, also over a reload.

import { say } from "./announce.js";
import { find, findAll, make, stored, storedValue } from "./dom.js";
import { fit } from "./fit.js";
import { clearError, showComposer, showError, whenReady } from "./composer.js";
import { placePanel, togglePanel } from "./panels.js";
import { get } from "./server.js";

const KEY = "limner.choices";
const OTHER = " other"; // the entry of the list of models that lets the owner enter one; no id begins with a space

let offered = null; // what the server offers for the chosen provider and model
let remembered = null; // {provider, models: {provider: model}, values: {"provider model": {size, count, …}}}
let asking = null; // aborts the request of the choice before
let choice = 0;
let failed = ""; // what was said of the last choice that is not available

const providerList = () => find("#limner-choices [name=provider]");
const modelList = () => find("#limner-choices [name=model]");
const keyOf = ({ provider, model }) => `${provider} ${model}`;
const fields = () => findAll("#limner-options-panel [data-initial]");

export const providerLabel = () => providerList().selectedOptions[0].dataset.label;
export const chosen = () => ({ provider: offered.provider, model: offered.model });
export const isChoosing = () => asking !== null;
export const offer = () => offered;
export const valuesNow = () => (remembered.values[keyOf(offered)] ??= {});

// Starts from what the page was drawn with, then from what the person chose last.
export function beginChoices() {
  const { provider, models = {}, values = {} } = storedValue("localStorage", KEY, {});
  remembered = { models: {}, values };
  show(JSON.parse(find("#limner").dataset.offer));
  Object.assign(remembered.models, models); // which it must not forget for what the page was drawn with
  const model = models[provider];
  const isListed = [...providerList().options].some(({ value }) => value === provider);
  if (isListed && (provider !== offered.provider || (model && model !== offered.model))) choose(provider, model, { isRemembered: true });
}

// Chooses a provider, and a model of it or the one that was used last; returns whether that worked. A choice that is
// not available is taken back; one that was followed by another changes nothing.
export async function choose(provider, model, { isRemembered = false, values } = {}) {
  const mine = ++choice;
  asking?.abort();
  asking = new AbortController();
  providerList().value = provider;
  const wanted = model ?? remembered.models[provider];
  const ask = (parameters) => get(`offer?${new URLSearchParams(parameters)}`, asking.signal);
  let reply = await ask(wanted ? { provider, model: wanted } : { provider });
  if (mine === choice && reply.status === 404 && !model && wanted) reply = await ask({ provider }); // it was listed once
  if (mine !== choice) return false;
  asking = null;
  if (reply.ok) {
    show(reply.data, values);
    clearError(failed);
  } else {
    showLists();
    failed = reply.status ? reply.problem : "The server cannot be reached: check the connection and choose again.";
    if (!isRemembered) showError(failed);
  }
  whenReady(reply.ok);
  return reply.ok;
}

function show(next, values) {
  const before = offered && { size: find("[name=size]").value, offer: offered };
  offered = next;
  remembered.provider = offered.provider;
  remembered.models[offered.provider] = offered.model;
  if (values) remembered.values[keyOf(offered)] = values;
  else if (before && valuesNow().size === undefined) keepRatio(before);
  showLists();
  find("#limner-options-panel").innerHTML = offered.options;
  find("[name=options]").hidden = !offered.options;
  for (const field of fields()) write(field, valuesNow()[field.name]);
  fit(offered.takes);
  refresh();
}

// A size that the next model has too, or its ratio, stays chosen.
function keepRatio({ size, offer: { sizes } }) {
  const name = sizes.find(({ value }) => value === size)?.name;
  const same = offered.sizes.find(({ value }) => value === size) ?? offered.sizes.find((one) => name && one.name === name);
  if (same) valuesNow().size = same.value;
}

function showLists() {
  providerList().value = offered.provider;
  const listed = offered.models.some(({ id }) => id === offered.model) ? [] : [make("option", { value: offered.model }, offered.model)];
  const other = offered.other_models ? [make("option", { value: OTHER }, "Other model…")] : [];
  modelList().replaceChildren(...offered.models.map(({ id, name }) => make("option", { value: id }, name)), ...listed, ...other);
  modelList().value = offered.model;
  modelList().parentElement.hidden = modelList().options.length < 2;
}

// --- Values: what the person changed, and nothing else ---

function read(field) {
  return field.type === "checkbox" ? field.checked : field.value.trim();
}

const initial = (field) => (field.type === "checkbox" ? field.dataset.initial === "true" : field.dataset.initial);
const isLeft = (field) => read(field) === initial(field) || read(field) === "";

function write(field, value) {
  const next = value === undefined ? initial(field) : value;
  if (field.type === "checkbox") field.checked = next;
  else field.value = next;
  const slider = find(`[data-of="${field.id}"]`);
  if (!slider) return;
  slider.classList.toggle("limner-unset", field.value === "");
  if (field.value !== "") slider.value = field.value;
}

// Returns the composer's values as the server reads them.
export function composerValues() {
  const { size, count, compare } = valuesNow();
  const options = {};
  const wanted = { ...chosen(), options };
  if (size && offered.sizes.length) wanted.size = size;
  if (count > 1) wanted.count = count;
  if (compare?.length) wanted.compare = compare.map(([provider, model]) => ({ provider, model }));
  for (const field of fields().filter((one) => !isLeft(one))) {
    if (field.name.startsWith("options.")) options[field.name.slice(8)] = read(field);
    else wanted[field.name] = read(field);
  }
  return wanted;
}

// Sets what a picture was made with; `options` are as a request has them.
export function useSettings({ provider, model, size, seed, negative_prompt, options = {} }) {
  const values = { ...(size && { size }), ...(negative_prompt && { negative_prompt }) };
  if (seed !== undefined && seed !== null) values.seed = String(seed);
  for (const [name, value] of Object.entries(options)) values[`options.${name}`] = value;
  return choose(provider, model, { values });
}

export const isCompared = ({ provider, model }) => !!valuesNow().compare?.some(([p, m]) => p === provider && m === model);

const fieldOf = (name) => fields().find((one) => one.name === name || one.name === `options.${name}`);

// Returns what the server says of an option as the person knows it: by its label.
export function withLabel(name, sentence) {
  const field = fieldOf(name);
  return field ? sentence.replace(`The option ${name}`, find("label", field.parentElement).textContent) : sentence;
}

// Opens the panel of a field whose value the server refused, and says why beneath it until it is changed.
export function showWrong(name, sentence) {
  const isSize = name === "size" && offered.sizes.length;
  if (!isSize && !fieldOf(name)) return;
  const [panel, button] = isSize ? [find("#limner-size-panel"), "size"] : [find("#limner-options-panel"), "options"];
  if (!panel.matches(":popover-open")) find(`#limner-choices [name=${button}]`).click();
  const field = isSize ? find("#limner-own-size") : fieldOf(name);
  markWrong(field, sentence);
  placePanel(panel);
  field.focus();
  field.select?.();
}

export function markWrong(field, sentence) {
  forgetWrong(field);
  field.setAttribute("aria-invalid", "true");
  field.after(make("p", { className: "limner-wrong" }, sentence));
}

export function forgetWrong(field) {
  field.removeAttribute("aria-invalid");
  const said = find(".limner-wrong", field.parentElement);
  if (said) clearError(said.textContent);
  said?.remove();
}

export function setValue(name, value) {
  valuesNow()[name] = value;
  const field = fields().find((one) => one.name === name);
  if (field) write(field, value);
  refresh();
}

// Stores what is chosen, and shows it on the buttons.
export function refresh() {
  for (const field of fields()) normalise(field);
  stored("localStorage", KEY, JSON.stringify(remembered));
  showSize();
  showCount();
  const set = fields().filter((field) => !isLeft(field)).length;
  const badge = find("[name=options] b");
  badge.hidden = !set;
  badge.textContent = set || "";
  find("[name=options]").title = set ? `${set} ${set > 1 ? "options are" : "option is"} set` : "";
  showComposer();
}

// What comes from a request is JSON; a control holds a text, which in a list is the JSON of a value.
function normalise(field) {
  const value = valuesNow()[field.name];
  if (value === undefined || field.type === "checkbox") return;
  const isListed = field.tagName === "SELECT" && ![...field.options].some((one) => one.value === value);
  if (typeof value === "string" && !isListed) return;
  const text = isListed || typeof value === "object" ? JSON.stringify(value) : String(value);
  valuesNow()[field.name] = text;
  write(field, text);
}

function showSize() {
  const button = find("#limner-choices [name=size]");
  const { size = "" } = valuesNow();
  const known = offered.sizes.find(({ value }) => value === size);
  button.hidden = !offered.sizes.length;
  button.value = size;
  button.lastElementChild.textContent = known?.name ?? (size || "Auto");
  drawShape(find(".limner-shape", button), known);
}

export function drawShape(shape, size) {
  const ratio = size ? size.width / size.height : 1;
  shape.classList.toggle("limner-auto", !size);
  shape.style.setProperty("--width", Math.max(Math.min(ratio, 1), 0.25));
  shape.style.setProperty("--height", Math.max(Math.min(1 / ratio, 1), 0.25));
}

function showCount() {
  const button = find("#limner-choices [name=count]");
  button.lastElementChild.textContent = `× ${picturesWanted()}`;
  button.classList.toggle("limner-set", picturesWanted() > 1);
}

export function picturesWanted() {
  const { count = 1, compare = [] } = valuesNow();
  return count * (1 + compare.length);
}

export function watchChoices() {
  providerList().addEventListener("change", () => choose(providerList().value));
  modelList().addEventListener("change", () => {
    if (modelList().value !== OTHER) return choose(offered.provider, modelList().value);
    const named = prompt("The id of the model:", "")?.trim();
    modelList().value = offered.model;
    if (named) choose(offered.provider, named);
  });
  const panel = find("#limner-options-panel");
  find("[name=options]").addEventListener("click", ({ currentTarget }) => togglePanel(panel, currentTarget));
  panel.addEventListener("input", ({ target }) => {
    const field = target.dataset.of ? find(`#${target.dataset.of}`) : target;
    if (target !== field) {
      field.value = target.value;
      target.classList.remove("limner-unset");
    }
    forgetWrong(field);
    if (isLeft(field)) delete valuesNow()[field.name];
    else valuesNow()[field.name] = read(field);
    if (target === field) write(field, field.type === "checkbox" ? field.checked : field.value);
    refresh();
  });
  panel.addEventListener("change", ({ target }) => {
    if (!target.validity.patternMismatch) return;
    markWrong(target, target.dataset.wrong);
    placePanel(panel);
    say(target.dataset.wrong);
  });
  document.addEventListener("limner-online", () => clearError(failed));
  panel.addEventListener("click", ({ target }) => {
    if (!target.closest("[name=reset]")) return;
    for (const field of fields()) {
      forgetWrong(field);
      delete valuesNow()[field.name];
      write(field);
    }
    refresh();
    placePanel(panel);
  });
}
