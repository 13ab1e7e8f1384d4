// The list of conversations beside the column, or, on a narrow screen, in a drawer that a button opens: Esc, Back and
// a click beside it close it, and the focus stays within.

import { closeOnBack } from "./back.js";
import { find, findAll, iconButton, make } from "./dom.js";

const narrow = matchMedia("(max-width: 899px)");

// Puts the list where it belongs, and returns what closes the drawer.
export function mountDrawer(nav) {
  const opener = find("button[name=conversations]");
  const close = iconButton("close", "Close the list");
  const drawer = make("dialog", { className: "limner-drawer", "aria-label": "Conversations" }, close);
  nav.before(drawer);
  const page = drawer.closest("#limner");
  // what is said is heard, and Undo can be pressed, only within a dialog that is open
  const moveSentences = (to) => to.append(...findAll(".limner-toasts, .limner-announcer", page));
  opener.setAttribute("aria-haspopup", "dialog");
  const place = () => {
    drawer.close();
    if (narrow.matches) drawer.append(nav);
    else drawer.after(nav);
  };
  narrow.addEventListener("change", place);
  place();
  opener.addEventListener("click", () => {
    if (drawer.open) return;
    drawer.showModal();
    moveSentences(drawer);
    closeOnBack(drawer);
    opener.setAttribute("aria-expanded", "true");
  });
  drawer.addEventListener("close", () => {
    moveSentences(page);
    opener.setAttribute("aria-expanded", "false");
  });
  close.addEventListener("click", () => drawer.close());
  drawer.addEventListener("click", ({ target }) => target === drawer && drawer.close());
  return () => drawer.close();
}
