// One conversation in the list: a link with a thumbnail, and a small menu to rename it or to delete it.

import { say, toast, UNDO_SECONDS } from "./announce.js";
import { addressOf, current, open } from "./conversation.js";
import { find, iconButton, make, root } from "./dom.js";
import { menuItem, togglePanel } from "./panels.js";
import { send } from "./server.js";

let menu;
let chosen = null; // the conversation whose menu is open
let on = {}; // what the list listens to: `change` with a conversation, `gone` with an id

export function entry(conversation) {
  const { id, title, thumbnail } = conversation;
  const name = title || "Untitled";
  const picture = thumbnail
    ? make("img", { onload: ({ target }) => (target.className = "limner-loaded"), loading: "lazy", decoding: "async", alt: "", width: 40, height: 40, src: `${root}/${thumbnail}` })
    : make("span", { className: "limner-unpictured" });
  const more = iconButton("more", `More for ${name}`, { title: "More", "aria-haspopup": "menu", "aria-expanded": "false" });
  more.addEventListener("click", () => {
    chosen = conversation;
    togglePanel(menu, more);
  });
  const link = make("a", { href: addressOf(id), title: name }, picture, make("span", { dir: "auto" }, name));
  return make("li", { id: `limner-entry-${id}` }, link, more);
}

// Makes the one menu of all entries. It stands in the list itself, since a drawer lets nothing else be used.
export function entryMenu(listeners) {
  on = listeners;
  menu = make("div", { className: "limner-menu", popover: "auto", role: "menu", "aria-label": "Conversation" },
    menuItem("Rename", () => rename(chosen)), menuItem("Delete", () => remove(chosen)));
  return menu;
}

const rowOf = ({ id }) => find(`#limner-entry-${id}`);

// Puts a field in the place of the title: Enter and leaving it keep what is typed, Esc does not.
function rename(conversation) {
  const row = rowOf(conversation);
  const field = make("input", { value: conversation.title, "aria-label": "Title", maxLength: 80, dir: "auto", autocomplete: "off" });
  const form = make("form", {}, field);
  let isDone = false;
  const finish = async (keep) => {
    if (isDone) return;
    isDone = true;
    const title = field.value.trim();
    const hadFocus = form.contains(document.activeElement);
    form.replaceWith(find("a", entry(conversation)));
    if (hadFocus) find("a", row).focus();
    const changed = keep && title && title !== conversation.title;
    const reply = changed ? await send("PATCH", `threads/${conversation.id}`, { title }) : { ok: true };
    if (!reply.ok) toast(reply.problem);
    on.change(changed && reply.ok ? reply.data : conversation);
    if (changed && reply.ok) say("Renamed.");
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    finish(true);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // which would close the drawer too
    event.stopPropagation();
    finish(false);
  });
  field.addEventListener("blur", () => finish(true));
  find("a", row).replaceWith(form);
  field.select();
  field.focus();
}

async function remove(conversation) {
  const { id, title } = conversation;
  const wasOpen = id === current();
  const { ok, status, problem } = await send("POST", `threads/${id}/delete`);
  if (!ok && status !== 404) return toast(problem);
  on.gone(id);
  if (!ok) return;
  const restore = async () => {
    const reply = await send("POST", `threads/${id}/restore`);
    if (!reply.ok) return toast(reply.problem);
    on.change(reply.data);
    if (wasOpen) open(id);
  };
  toast(`“${title || "Untitled"}” is deleted.`, { action: restore, seconds: UNDO_SECONDS });
}
