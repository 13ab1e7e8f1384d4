// A dialog that Back closes, as people expect on a phone: while it is open, one entry of the history stands
// for it, at the address that the page has anyway. Whoever listens to popstate finds that address unchanged.

let opened = null; // the dialog, and the name of its entry
let isLeaving = false; // the entry is on its way out: history.back() takes its time

const names = new Set(["zoom", "details", "conversations"]);
const isHere = () => names.has(history.state?.limner);

export function closeOnBack(dialog, name) {
  opened = { dialog, name };
  if (!isLeaving) enter();
  dialog.addEventListener("close", () => {
    opened = null;
    leave();
  }, { once: true });
}

function enter() {
  history.pushState({ limner: opened.name }, "");
}

// Takes the entry back, unless the page has gone on to another address since.
function leave() {
  if (isLeaving || !isHere()) return;
  isLeaving = true;
  history.back();
}

window.addEventListener("popstate", () => {
  const wasLeaving = isLeaving;
  isLeaving = false;
  if (isHere()) return opened || leave(); // by Forward, to an entry whose dialog is closed
  if (!opened) return;
  if (wasLeaving) enter(); // it was opened again before the old entry had gone
  else opened.dialog.close();
});

leave(); // the page was loaded again while the dialog was open
