// A dialog that Back closes, as people expect on a phone: while it is open, one entry of the history stands
// for it, at the address that the page has anyway. Whoever listens to popstate finds that address unchanged.

const ENTRY = { limner: "dialog" }; // what the history keeps with it, also over a reload
let opened = null; // the dialog
let isLeaving = false; // the entry is on its way out: history.back() takes its time

const isHere = () => history.state?.limner === ENTRY.limner;

export function closeOnBack(dialog) {
  opened = dialog;
  if (!isLeaving) enter();
  dialog.addEventListener("close", () => {
    opened = null;
    leave();
  }, { once: true });
}

function enter() {
  history.pushState(ENTRY, "");
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
  else opened.close();
});

leave(); // the page was loaded again while the dialog was open
