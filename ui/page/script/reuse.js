// The menu of a picture: everything about it can be used again.

import { toast } from "./announce.js";
import { regenerate, remove } from "./actions.js";
import { bringBack, putIn, takeChips } from "./chips.js";
import { chosen, composerValues, offer, picturesWanted, providerLabel, setValue, useSettings } from "./choices.js";
import { promptText, restore, write } from "./composer.js";
import { copyText } from "./copy.js";
import { current } from "./conversation.js";
import { openDetails } from "./details.js";
import { editWithin } from "./editing.js";
import { download, find, make } from "./dom.js";
import { menuItem, togglePanel } from "./panels.js";
import { get } from "./server.js";
import { turnOf } from "./thread.js";

const menu = () => find("#limner-menu");

export function openReuse(button) {
  const [message, version] = button.value.split(" ");
  const figure = button.closest("figure");
  const image = figure && find("img", figure);
  const withDetails = async (use) => {
    const { ok, data, problem } = await detailsOf(message, version);
    if (ok) use(data);
    else toast(problem);
  };
  const can = new Set(button.dataset.can.split(" "));
  const entries = [
    ["Edit prompt and run again", () => withDetails((data) => editWithin(turnOf(message), data))],
    [`Regenerate with ${choicesInWords()}`, () => regenerate(message, version, null, asComposed(message))],
    ["Regenerate with a new seed", can.has("seed") && (() => regenerate(message, version, null, undefined, "new"))],
    ["Use these settings", () => withDetails((data) => use(data))],
    ["Use this seed", can.has("seed") && (() => withDetails(useSeed))],
    ["Copy prompt", () => withDetails(async ({ prompt }) => toast(await copyText(prompt)))],
    ["Edit this picture", can.has("edit") && (() => putIn(image))],
    ["Details", () => withDetails((data) => openDetails(data, { title: "Details" }))],
    ["Download with details", can.has("details") && (() => download(image.dataset.details))],
    null,
    ["Delete this version", can.has("delete") && (() => remove(message, version, "This version"))],
    ["Delete this message", () => remove(message, null, "This message")],
  ];
  menu().replaceChildren(...entries.filter((entry) => !entry || entry[1]).map((entry) => (entry ? menuItem(...entry) : make("hr"))));
  togglePanel(menu(), button);
}

const detailsOf = (message, version) => get(`threads/${current()}/messages/${message}/details?version=${version}`);

// What was asked for a picture; who asked without the page may have left the choice of the model to the server.
const settingsOf = ({ provider, model, requested }) => ({ provider, model, ...requested });

// The provider, the model and what else the composer shows, down to the price: a click on it may cost money.
function choicesInWords() {
  const [model, size] = ["model", "size"].map((name) => find(`#limner-choices [name=${name}]`));
  return [
    providerLabel(),
    model.length > 1 && model.selectedOptions[0].textContent,
    !size.hidden && size.value && size.lastElementChild.textContent,
    picturesWanted() > 1 && `× ${picturesWanted()}`,
    find("#limner-price").textContent,
  ].filter(Boolean).join(" · ");
}

// The prompt of a message with what the composer says now.
function asComposed(id) {
  return { ...composerValues(), prompt: find(".limner-prompt", turnOf(id)).textContent };
}

async function use(data) {
  if (await useSettings(settingsOf(data))) toast("The composer has the settings of this picture.");
}

function useSeed({ seed }) {
  if (!find('#limner-options-panel [name="seed"]')) return toast("The chosen model takes no seed: choose another.");
  setValue("seed", String(seed));
  toast(`Seed ${seed} is set in Options.`);
}

// Puts a message's prompt, pictures and choices into the composer; what is there can be had back.
export async function editAgain(message, version) {
  const draft = promptText();
  const { ok, data } = await detailsOf(message, version);
  const asked = find(".limner-asked", turnOf(message));
  write(ok ? data.requested.prompt : find(".limner-prompt", asked).textContent);
  const inputs = bringBack(asked);
  if (ok) useSettings(settingsOf(data));
  offerBack({ prompt: draft, inputs });
}

// Offers what stood in the composer before, if anything did.
function offerBack(draft) {
  const action = () => (takeChips(), restore(draft));
  if (draft.prompt.trim() || draft.inputs.length) toast("Your draft was replaced.", { action, label: "Bring it back", seconds: 30 });
}

// Offers the settings that a picture brought along. With its prompt they make it again, so that it does not go in itself.
export function offerSettings(settings) {
  if (!settings) return;
  const { prompt, tool = "another program", ...rest } = settings;
  const action = async () => {
    if (prompt) {
      offerBack({ prompt: promptText(), inputs: takeChips().filter(({ name }) => name) });
      write(prompt);
    }
    const known = [...find("#limner-choices [name=provider]").options].some(({ value }) => value === rest.provider);
    await useSettings(known ? rest : { ...chosen(), ...pick(rest) });
    const named = offer().sizes.find(({ width, height }) => `${width}x${height}` === rest.size);
    if (named) setValue("size", named.value);
  };
  toast(`This picture says how it was made, by ${tool}.`, { action, label: "Use its settings", seconds: 30 });
}

// What any model may take of the settings of another program.
function pick({ seed, size, negative_prompt }) {
  return { seed, negative_prompt, ...(offer().sizes.length && { size }) };
}
