// Panels and menus that open at a button: above or below it, always within the window. The browser closes them with
// Esc and with a click beside them, and the focus goes back to the button.

import { find, findAll, make } from "./dom.js";

const GAP = 6; // pixels between a panel and its button, and the edge of the window

let open = null; // the panel that is open, and its button
let pressed = null; // the panel whose button was pressed: the browser closes it before the click comes

// Opens a panel at a button, or closes it if it is open.
export function togglePanel(panel, at) {
  const isClosing = panel === pressed || panel.matches(":popover-open");
  pressed = null;
  if (isClosing) return panel.hidePopover();
  open?.button.setAttribute("aria-expanded", "false"); // the browser closes that one, and tells of it later
  open = { panel, button: at };
  at.setAttribute("aria-expanded", "true");
  panel.showPopover();
  placePanel(panel);
  const first = find("input:checked, [aria-checked=true]", panel) ?? find("input, select, button:not([name=reset])", panel);
  first?.focus({ preventScroll: true });
}

export function placePanel(panel) {
  const { button } = open;
  const anchor = button.getBoundingClientRect();
  const isMenu = !panel.classList.contains("limner-panel");
  const beside = isMenu ? anchor : find("#limner-composer").getBoundingClientRect(); // which no panel covers
  const [above, below] = [beside.top - 2 * GAP, innerHeight - beside.bottom - 2 * GAP];
  panel.style.setProperty("--room", `${Math.max(above, below)}px`);
  const { width, height } = panel.getBoundingClientRect();
  const isRtl = getComputedStyle(button).direction === "rtl";
  const left = isRtl ? anchor.right - width : anchor.left;
  panel.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
  const isAbove = above > below && (!isMenu || below < height);
  const top = isAbove ? beside.top - GAP - height : beside.bottom + GAP;
  panel.style.top = `${Math.max(GAP, Math.min(top, innerHeight - height - GAP))}px`;
}

export function watchPanels() {
  document.addEventListener("pointerdown", ({ target }) => {
    pressed = open?.button.contains(target) ? open.panel : null;
  }, true);
  document.addEventListener("toggle", ({ target: panel, newState }) => {
    if (newState !== "closed" || panel !== open?.panel) return;
    const { button } = open;
    open = null;
    button.setAttribute("aria-expanded", "false");
    const lost = document.activeElement === document.body || panel.contains(document.activeElement);
    if (lost && button.isConnected) button.focus({ preventScroll: true });
  }, true);
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("[role=menu]");
    if (menu) moveInMenu(menu, event);
  });
  addEventListener("resize", () => open && placePanel(open.panel));
}

// Makes an entry of a menu, which closes the menu and acts.
export function menuItem(label, act) {
  const item = make("button", { type: "button", role: "menuitem", tabIndex: -1 }, label);
  item.addEventListener("click", () => {
    item.closest("[role=menu]").hidePopover();
    act();
  });
  return item;
}

// The arrows, Home, End and the first letter of an entry move within a menu; Tab closes it.
function moveInMenu(menu, event) {
  const items = findAll("[role^=menuitem]", menu);
  const at = items.indexOf(document.activeElement);
  const { key } = event;
  if (key === "Tab") return menu.hidePopover();
  const begins = (item) => key.length === 1 && item.textContent.toLowerCase().startsWith(key.toLowerCase());
  const named = [...items.slice(at + 1), ...items].findIndex(begins);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[key] ?? (named < 0 ? null : at + 1 + named);
  if (to === null || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  items.at(to % items.length).focus();
}
