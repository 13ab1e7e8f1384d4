// Prompts that were sent and have no answer yet. They outlive a reload, with the key by which the server knows what it
// has begun already: sent again unchanged, a prompt makes no second picture.

import { stored, storedValue } from "./dom.js";

const underWay = new Set(); // keys of what is being sent by this page
const kept = {}; // {conversation: [{key, after, prompt, inputs, values}]}; the browser may forbid storage
const place = (conversation) => `limner.unanswered.${conversation}`;
const keptIn = (conversation) => (kept[conversation] ??= storedValue("sessionStorage", place(conversation), []));

function store(conversation, all) {
  kept[conversation] = all;
  stored("sessionStorage", place(conversation), all.length ? JSON.stringify(all) : null);
}

export const isKept = (conversation, { key }) => keptIn(conversation).some((one) => one.key === key);

// Returns what was sent in a conversation and may not have arrived.
export const lostIn = (conversation) => keptIn(conversation).filter(({ key }) => !underWay.has(key));

export function keep(conversation, wanted) {
  forget(conversation, wanted);
  store(conversation, [...keptIn(conversation), wanted]);
  underWay.add(wanted.key);
}

// Called when nobody waits for an answer any more.
export function giveUp({ key }) {
  underWay.delete(key);
}

export function forget(conversation, { key }) {
  giveUp({ key });
  store(conversation, keptIn(conversation).filter((one) => one.key !== key));
}

// Forgets a prompt whose message is there, and returns it.
export function takeArrived(conversation, prompt, position) {
  const arrived = keptIn(conversation).find((one) => one.prompt === prompt && position > one.after);
  if (arrived) forget(conversation, arrived);
  return arrived;
}
