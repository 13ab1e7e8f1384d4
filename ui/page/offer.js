// How the composer's controls change with the choice of a provider or a model. It runs after limner.js, in its scope.

let offered = null; // the provider and the model that the controls are for
let hiddenNow = null; // what is hidden for that model, such as the options of others; null before a choice
let choices = 0;
let asking = null; // aborts the request of the choice before
let pending = 0; // choices whose changes the controls do not show yet
const WHILE_WAITING = 3_600_000; // milliseconds for which the page may say that a prompt waits
let isSendWaiting = false; // Create was pressed meanwhile
let offerProblem = "";

// Asks how the controls with these names change for the provider, and for the model if one was chosen, or for both
// at once. A choice
// that is not available is taken back; one that was followed by another changes nothing. A model that is chosen
// while those of another provider are still listed is not one of the provider's, and does not count.
window.limnerOffer = async (names, { provider, model, both }, initial) => {
  offered ??= initial;
  const choice = ++choices;
  const chosen = (both || provider === offered.provider) && model ? { provider, model } : { provider };
  let updates, problem;
  pending += 1;
  asking?.abort();
  asking = new AbortController();
  try {
    const { signal } = asking;
    const reply = await fetch(`${root}/limner/offer?${new URLSearchParams(chosen)}`, { signal });
    updates = await reply.json().catch(() => ({}));
    if (!reply.ok) problem = updates.error || "The server could not accept this: choose again in a moment.";
  } catch {
    problem = "The server cannot be reached: check the connection and choose again.";
  }
  if (choice !== choices) updates = {};
  else if (problem) updates = Object.fromEntries(Object.entries(offered).map(([name, value]) => [name, { __type__: "update", value }]));
  else {
    offered = { provider, model: updates.model.value };
    fit(updates.images);
    if (both) updates.provider = { __type__: "update", value: provider };
    else if (chosen.model) delete updates.model; // the list stays as the person has it
    hiddenNow = Object.keys(updates).filter((name) => updates[name].visible === false);
  }
  if (choice === choices && (problem || offerProblem)) complain((offerProblem = problem || ""));
  return names.map((name) => updates[name] ?? { __type__: "update" });
};

// Called once the controls show what a choice has changed.
window.limnerOffered = () => {
  pending -= 1;
  if (!pending && offerProblem) stopWaiting();
  sendIfReady();
};

// Holds a prompt back while the controls do not belong to what was chosen, or a picture is not there yet, and returns
// whether it does so. It is sent once they do and it is.
function isHeldBack() {
  isSendWaiting = pending > 0 || isUploading();
  if (isSendWaiting) say(`It is sent as soon as ${pending ? "the new choice has loaded" : "the upload is complete"}.`, WHILE_WAITING);
  return isSendWaiting;
}

// Leaves it to the person when a prompt that waited is sent, and says so.
function stopWaiting(sentence = "") {
  if (isSendWaiting) say(sentence, sentence ? 8000 : 0);
  isSendWaiting = false;
}

document.addEventListener("input", ({ target }) => {
  if (target === promptBox()) stopWaiting("The prompt has changed: press Create to send it.");
});

function sendIfReady() {
  if (pending || isUploading() || !isSendWaiting) return;
  stopWaiting();
  find("#limner-create").click();
}

// Returns what the controls say, by their names: neither what the person left alone or emptied again, nor what
// belongs to another model. `hidden` is what is hidden before a choice.
function wishes(controls, values, hidden) {
  const isOurs = ({ of }) => ["provider", "model"].includes(of) || !(hiddenNow ?? hidden).includes(of);
  const isLeftAlone = (value, initial) => value === initial || !String(value ?? "").trim();
  return Object.fromEntries(
    controls.map((control, n) => [control, values[n]])
      .filter(([control, value]) => isOurs(control) && !isLeftAlone(value, control.initial))
      .map(([control, value]) => [control.name, value]),
  );
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("#limner-options-button button");
  button?.setAttribute("aria-expanded", button.getAttribute("aria-expanded") === "false");
});

// A phone shows the keyboard that a number needs.
document.addEventListener("focusin", ({ target }) => {
  if (target.closest?.(".limner-integer")) target.inputMode = "numeric";
  else if (target.closest?.(".limner-number")) target.inputMode = "decimal";
});
