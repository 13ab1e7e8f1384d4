// Which conversation the page shows: its address has it, so that Back, a bookmark and a second tab work.

import { find, randomId, stored } from "./dom.js";

const PATTERN = /^[0-9a-f]{32}$/;
const UNSENT = "limner.unsent"; // the id of a conversation that has no message yet, kept for a reload

let id = null;
let isNew = false; // nothing was sent in it yet: it has no address of its own
let listeners = [];

const inAddress = () => {
  const named = new URL(location.href).searchParams.get("c");
  return PATTERN.test(named ?? "") ? named : null;
};

export const current = () => id;

export const isUnsent = () => isNew;

export const addressOf = (conversation) => `?c=${conversation}`;

// Calls a function with the id, and whether it is a new conversation, whenever another one is to be shown.
export function onOpen(listener) {
  listeners.push(listener);
}

// Shows a conversation, or a new one, and gives it its entry in the browser's history. One in which nothing was sent
// yet is new enough: what is in the composer stays.
export function open(conversation = null) {
  if (conversation ? conversation === id : isNew && find("#limner-main[data-empty]")) return;
  history.pushState(null, "", conversation ? addressOf(conversation) : location.pathname);
  if (!conversation) stored("sessionStorage", UNSENT, null);
  show(conversation);
}

// Gives a new conversation its address with the first message.
export function settle() {
  if (!isNew) return;
  isNew = false;
  history.replaceState(null, "", addressOf(id));
  stored("sessionStorage", UNSENT, null);
}

function show(conversation) {
  isNew = !conversation;
  id = conversation ?? stored("sessionStorage", UNSENT) ?? randomId();
  if (isNew) stored("sessionStorage", UNSENT, id);
  listeners.forEach((listener) => listener(id, isNew));
}

// Shows what the address names; called once all listeners are there.
export function begin() {
  const before = stored("localStorage", "limner.conversation"); // where an earlier version kept the only one
  stored("localStorage", "limner.conversation", null);
  if (before && !inAddress() && PATTERN.test(before)) history.replaceState(null, "", addressOf(before));
  show(inAddress());
  addEventListener("popstate", () => inAddress() !== (isNew ? null : id) && show(inAddress()));
}
