// The list of the visitor's conversations: found by day or by words, more of them on scrolling, and in step with
// the other tabs.

import { toast } from "./announce.js";
import { current, onOpen, open } from "./conversation.js";
import { find, findAll, make } from "./dom.js";
import { mountDrawer } from "./drawer.js";
import { entry, entryMenu } from "./entries.js";
import { get } from "./server.js";
import { showTitle } from "./thread.js";

const TYPING = 250; // milliseconds from the last key to the search
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("limner.conversations") : null;

const list = make("div", { className: "limner-entries" });
const status = make("p", { className: "limner-quiet", role: "status" });
const again = make("button", { type: "button", className: "limner-button", hidden: true }, "Try again");
const field = make("input", { type: "search", placeholder: "Search", "aria-label": "Search conversations", maxLength: 200, autocomplete: "off" });

let known = []; // the latest first
let searched = ""; // what they were found by
let hasMore = false;
let asking = null; // aborts the last request for them

export function mountConversations() {
  const fresh = make("a", { className: "limner-button limner-begin", href: "./" }, "New conversation");
  const scroller = make("div", { className: "limner-scroller" }, list, status, again);
  const nav = find("#limner-conversations");
  nav.append(fresh, make("search", {}, field), scroller, entryMenu({ change, gone }));
  const closeDrawer = mountDrawer(nav);
  fresh.addEventListener("click", (event) => follow(event, () => open(), closeDrawer));
  list.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link) follow(event, () => open(idOf(link)), closeDrawer);
  });
  let typing;
  field.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(load, TYPING);
  });
  scroller.addEventListener("scroll", () => {
    const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    if (left < scroller.clientHeight && hasMore && !asking) load(known.at(-1).updated);
  }, { passive: true });
  again.addEventListener("click", () => load());
  tabs?.addEventListener("message", ({ data }) => heard(data));
  document.addEventListener("visibilitychange", () => document.hidden || load());
  onOpen(() => mark());
  load();
}

// Has the list, here and in the other tabs, show what has changed.
export function refresh() {
  tabs?.postMessage({});
  return load();
}

const idOf = (link) => new URL(link.href).searchParams.get("c");

// Follows a link within the page, unless the person wants another tab or window.
function follow(event, act, closeDrawer) {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  act();
  closeDrawer();
}

// Gets the latest conversations, or those before a time.
async function load(before) {
  asking?.abort();
  const asked = (asking = new AbortController());
  const search = before ? searched : field.value.trim();
  const wanted = new URLSearchParams({ search, ...(before && { before }) });
  const { ok, data, problem } = await get(`conversations?${wanted}`, asked.signal);
  if (asking !== asked) return;
  asking = null;
  status.textContent = ok ? "" : problem;
  again.hidden = ok;
  if (!ok) return;
  const isLonger = search === searched && known.length > data.conversations.length && data.more;
  const oldest = data.conversations.at(-1)?.updated;
  if (before) merge([...known, ...data.conversations]);
  else merge(isLonger ? [...data.conversations, ...known.filter(({ updated }) => updated < oldest)] : data.conversations);
  if (!isLonger) hasMore = data.more;
  searched = search;
  show();
}

function merge(conversations) {
  const latest = new Map();
  for (const one of conversations) if (!latest.has(one.id)) latest.set(one.id, one);
  known = [...latest.values()].sort((one, other) => other.updated - one.updated);
}

// Draws the list anew; the focus and the title that is being typed stay.
function show() {
  if (find("form", list)) return;
  const focused = document.activeElement;
  const held = list.contains(focused) && { id: focused.closest("li").id, name: focused.localName };
  const days = new Map();
  for (const one of known) days.set(dayOf(one.updated), [...(days.get(dayOf(one.updated)) ?? []), one]);
  list.replaceChildren(...[...days].map(([day, ones]) => make("section", {},
    make("h2", {}, day), make("ul", { role: "list", "aria-label": day }, ...ones.map(entry)))));
  mark();
  const here = known.find(({ id }) => id === current());
  if (here && here.title !== find("#limner-title").textContent) showTitle(here.title); // it was renamed, here or in another tab
  if (held) find(`#${held.id} > ${held.name}`, list)?.focus({ preventScroll: true });
  if (known.length) return;
  status.textContent = field.value.trim() ? `Nothing found for “${field.value.trim()}”.` : "What you make is listed here.";
}

function mark() {
  for (const link of findAll("a", list)) {
    if (idOf(link) === current()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// Shows a conversation that was renamed or restored, also in the other tabs.
function change(conversation) {
  merge([conversation, ...known]);
  show();
  tabs?.postMessage({});
}

// Takes a conversation that was deleted out of the list, also in the other tabs; the focus goes to the next.
function gone(id) {
  const links = findAll("a", list);
  const at = links.findIndex((link) => idOf(link) === id);
  drop(id);
  (findAll("a", list)[Math.min(at, links.length - 2)] ?? field).focus();
  tabs?.postMessage({ gone: id });
}

function drop(id) {
  known = known.filter((one) => one.id !== id);
  show();
  if (id === current()) open();
}

// Takes over what another tab has changed.
function heard({ gone }) {
  if (gone && gone === current()) toast("This conversation was deleted in another tab.");
  if (gone) drop(gone);
  if (!document.hidden) load();
}

function dayOf(seconds) {
  const [then, today] = [new Date(seconds * 1000), new Date()];
  const days = Math.round((new Date(today).setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days < 2) return days < 1 ? "Today" : "Yesterday";
  const year = then.getFullYear() === today.getFullYear() ? undefined : "numeric";
  return then.toLocaleDateString("en", { day: "numeric", month: "long", year });
}
