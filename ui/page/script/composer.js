// The prompt, and how it is sent: what is typed outlives a reload, leaves the box the moment it is sent, and comes
// back, or stays in the thread, if the server refuses it.

import { composerValues, isChoosing, offer, showWrong, withLabel } from "./choices.js";
import { addChip, chipCount, factsOf, isUploading, namesOf, showChips, takeChips } from "./chips.js";
import { current, isUnsent, onOpen, settle } from "./conversation.js";
import { find, hasMouse, make, randomId, stored } from "./dom.js";
import { misfit, showMisfit } from "./fit.js";
import { keysFor } from "./keys.js";
import { payingNotice } from "./paying.js";
import { addPending, lastPosition, whenArrived } from "./pending.js";
import { isPricePending, price } from "./price.js";
import { send } from "./server.js";
import { forget, giveUp, isKept, keep, lostIn } from "./unanswered.js";

const box = () => find("#limner-prompt");
const create = () => find("#limner-create");
const draftKey = () => `limner.draft.${isUnsent() ? "new" : current()}`;
let isWaiting = false; // Create was pressed while a choice or an upload was under way
let refused = ""; // the sentence with which Create refused to send what does not fit
let lost = null; // what is in the box and was sent already, but had no answer
let shownAbout = ""; // what is said of the chosen provider, as HTML
let onSent = () => {};

export const promptText = () => box().value;
export const focusPrompt = () => box().focus();

// Calls a function once a message was accepted, with the id of its conversation.
export function whenSent(listener) {
  onSent = listener;
}

export function write(text) {
  box().value = text;
  changed();
  box().focus();
  box().setSelectionRange(text.length, text.length);
}

export function showError(sentence) {
  find("#limner-error p").textContent = sentence;
}

// Takes an error back that is not true any more, if it is still shown.
export function clearError(sentence) {
  if (find("#limner-error p").textContent === sentence) showError("");
}

function changed() {
  stored("sessionStorage", draftKey(), box().value || null);
  if (lost && lost.prompt !== box().value) {
    forget(current(), lost);
    lost = null;
  }
  stopWaiting("The prompt has changed: press Create to send it.");
  if (!refused) showError(""); // which was about what was there before
  grow();
  showComposer();
}

// Browsers without `field-sizing` need help to make the box as high as its text.
function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  box().style.height = "auto";
  box().style.height = `${box().scrollHeight}px`;
}

// Shows whether there is something to send, what it costs, and what else is to be known before.
export function showComposer() {
  create().setAttribute("aria-disabled", String(!box().value.trim()));
  const known = price();
  find("#limner-price").textContent = known;
  showMisfit(refused);
  const { about, paid } = offer();
  const { words, actions, isWarning = false } = payingNotice();
  const usual = [about, paid && !known && !isPricePending() ? "Each picture costs money." : ""].filter(Boolean).join(" ");
  const line = find("#limner-about");
  const said = make("span", {}, words ?? usual, ...actions.flatMap((action) => [" ", action]));
  if (said.outerHTML !== shownAbout) line.replaceChildren(said);
  shownAbout = said.outerHTML;
  line.classList.toggle("limner-warning", isWarning);
}

// --- Sending ---

async function submit() {
  const prompt = box().value;
  if (!prompt.trim()) { // also a second click: the first one emptied the box
    if (chipCount()) showError("Describe what should change.");
    return box().focus();
  }
  if (isHeldBack()) return;
  refused = misfit();
  showError(refused);
  showMisfit(refused);
  if (refused) return;
  const wanted = { prompt, inputs: takeChips().map(factsOf), values: composerValues() };
  const isSame = lost && ["prompt", "inputs", "values"].every((part) => JSON.stringify(lost[part]) === JSON.stringify(wanted[part]));
  const sent = isSame ? lost : { ...wanted, key: randomId(), after: lastPosition() };
  write("");
  await post(sent);
}

// Sends a prompt, which shows in the thread at once. If it is refused it comes back into the composer, or, if
// something else is there by now, it stays in the thread with what can be done.
async function post(wanted) {
  const conversation = current();
  keep(conversation, wanted);
  const pending = addPending(wanted);
  const body = { prompt: wanted.prompt, ...namesOf(wanted.inputs), ...wanted.values, ...keysFor(wanted.values) }; // not kept
  const { ok, data, problem } = await send("POST", `threads/${conversation}/messages`, body, wanted.key);
  giveUp(wanted);
  if (ok || !isKept(conversation, wanted)) { // or its message is there, without an answer
    forget(conversation, wanted);
    pending.sent(data.message);
    return accepted(conversation);
  }
  if (conversation !== current()) return; // it is shown when this conversation is opened again
  if (box().value || chipCount()) return showUnsent(wanted, data.error ? "This prompt was not sent." : undefined, problem);
  pending.remove();
  restore(wanted);
  if (data.error) forget(conversation, wanted);
  else lost = wanted;
  const why = withLabel(data.field, problem);
  showError(why);
  showWrong(data.field, why);
}

function accepted(conversation) {
  if (conversation === current()) settle();
  onSent(conversation);
}

// Shows in the thread what was sent and may not have arrived.
function showUnsent(wanted, heading = "This prompt may not have been sent.", problem = "The server did not answer.") {
  const edit = () => {
    restore(wanted);
    lost = wanted;
  };
  addPending(wanted).fail(heading, problem, { again: () => post(wanted), edit, discard: () => forget(current(), wanted) });
}

// Puts a prompt and its pictures into the composer.
export function restore({ prompt, inputs }) {
  inputs.map(factsOf).forEach(addChip);
  write(prompt);
}

// Holds a prompt back while the composer does not show what was chosen, or a picture is not there yet.
function isHeldBack() {
  isWaiting = isChoosing() || isUploading();
  if (isWaiting) hint(`It is sent as soon as ${isChoosing() ? "the new choice has loaded" : "the upload is complete"}.`);
  return isWaiting;
}

const hint = (sentence) => {
  find("#limner-hint").textContent = sentence;
};

// Leaves it to the person when a prompt that waited is sent, and says so.
export function stopWaiting(sentence = "") {
  hint(isWaiting ? sentence : "");
  isWaiting = false;
}

// Called when a choice has loaded or an upload is complete; the prompt that waited for it is sent, if all went well.
export function whenReady(isOk = true) {
  if (!isOk) return stopWaiting();
  if (!isWaiting || isChoosing() || isUploading()) return;
  stopWaiting();
  submit();
}

export function watchComposer() {
  create().type = "submit"; // before this script was there it would have loaded the page anew
  find("#limner-composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  box().addEventListener("input", changed);
  box().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  whenArrived(({ key }) => {
    if (lost?.key === key) {
      takeChips();
      box().value = "";
      showError("");
      changed();
    }
    accepted(current());
  });
  document.addEventListener("limner-online", () => lost && showError("")); // that the server cannot be reached
  let typed = box().value; // before this script was there
  onOpen(() => {
    showError("");
    stopWaiting();
    box().value = typed || stored("sessionStorage", draftKey()) || "";
    typed = "";
    const unsent = lostIn(current());
    lost = unsent.find(({ prompt }) => prompt === box().value) ?? null;
    for (const wanted of unsent) if (wanted !== lost) showUnsent(wanted);
    grow();
    showChips();
    showComposer();
    if (hasMouse()) box().focus({ preventScroll: true });
  });
}
