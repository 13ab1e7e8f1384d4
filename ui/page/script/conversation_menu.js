// What can be done with the whole conversation, and with the page.

import { toast } from "./announce.js";
import { current, isUnsent, open } from "./conversation.js";
import { refresh } from "./conversations.js";
import { download, find, make } from "./dom.js";
import { canNotify, isNotifying, setNotifying } from "./notify.js";
import { menuItem, togglePanel } from "./panels.js";
import { address, FILE_NOT_SENT, NOT_ACCEPTED } from "./server.js";

const archive = make("input", { type: "file", accept: ".zip,application/zip" }); // a browser may drop an unheld one
archive.onchange = () => {
  importArchive(archive.files[0]);
  archive.value = ""; // or the same file could not be chosen again
};

export function watchConversationMenu() {
  const button = find("[name=conversation_menu]");
  button.addEventListener("click", () => {
    const notifying = isNotifying() ? "Stop notifications" : "Notify me when a picture is ready";
    const exportArchive = () => download(address(`threads/${current()}/export`));
    find("#limner-menu").replaceChildren(
      ...(isUnsent() ? [] : [menuItem("Export as a zip", exportArchive)]),
      menuItem("Import a zip…", () => archive.click()),
      ...(canNotify() ? [menuItem(notifying, toggleNotifying)] : []));
    togglePanel(find("#limner-menu"), button);
  });
}

async function toggleNotifying() {
  const isOn = await setNotifying(!isNotifying());
  toast(isOn ? "You are notified when a picture is ready and this page is not in front." : "Notifications are off.");
}

async function importArchive(file) {
  const done = toast(`Importing ${file.name}…`, { seconds: 600 });
  const headers = { "Content-Type": "application/octet-stream" };
  const reply = await fetch(address("import"), { method: "POST", headers, body: file }).catch(() => null);
  const data = (await reply?.json().catch(() => ({}))) ?? {};
  done();
  if (!reply?.ok) return toast(data.error ?? (reply ? NOT_ACCEPTED : FILE_NOT_SENT));
  refresh();
  open(data.conversation);
  toast(`${file.name} is imported: this is the new conversation.`);
}
