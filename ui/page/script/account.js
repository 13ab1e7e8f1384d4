// Who has signed in with Hugging Face, where that is offered: in the header, with a way in and out.

import { toast } from "./announce.js";
import { addressOf, current, isUnsent } from "./conversation.js";
import { refresh } from "./conversations.js";
import { find, make, root, stored } from "./dom.js";
import { menuItem, togglePanel } from "./panels.js";
import { showPaying } from "./paying.js";
import { address, get, send } from "./server.js";
import { lookAgain } from "./thread.js";

let account = null; // {signIn, user}, as the server knows it; null before it has answered

export const isAccountKnown = () => !!account;
export const isSignInOffered = () => !!account?.signIn;
export const isSignedIn = () => !!account?.user;

// Makes a link that leads to the Hub's page, and from there back to the conversation that is shown. Within the Hub's
// frame, where that page may not be shown, it opens a tab, which is another visitor's until the frame is looked at.
export function signInLink(label, properties = {}) {
  const link = make("a", { href: address("sign-in"), ...properties }, label);
  if (window.top !== window) link.target = "_blank";
  else link.addEventListener("click", () => (link.href = address("sign-in") + (isUnsent() ? "" : addressOf(current()))));
  return link;
}

async function ask() {
  const { ok, data } = await get("account");
  const before = account;
  account = ok ? data : account ?? { signIn: false, user: null };
  if (JSON.stringify(account) === JSON.stringify(before)) return;
  show();
  showPaying();
  if (!before) return;
  refresh(); // whose conversations are listed
  lookAgain(); // whose is shown
}

function show() {
  const { signIn, user } = account;
  const label = "Sign in with Hugging Face";
  const way = signIn ? [signInLink("Sign in", { className: "limner-button", title: label, "aria-label": label })] : [];
  find("#limner-account").replaceChildren(...(user ? [userButton(user.name)] : way));
}

function userButton(name) {
  const initial = make("span", { className: "limner-initial", "aria-hidden": "true" }, [...name][0].toUpperCase());
  const shown = make("span", { className: "limner-user", dir: "auto" }, name);
  const button = make("button", { type: "button", title: `Signed in as ${name}`, "aria-haspopup": "menu", "aria-expanded": "false" }, initial, shown);
  button.addEventListener("click", () => {
    find("#limner-menu").replaceChildren(menuItem("Sign out", signOut));
    togglePanel(find("#limner-menu"), button);
  });
  return button;
}

async function signOut() {
  const { ok, problem } = await send("POST", "sign-out");
  if (!ok) return toast(problem);
  // what was typed is not for whoever comes next
  for (const key of Object.keys(sessionStorage)) if (key.startsWith("limner.")) stored("sessionStorage", key, null);
  location.assign(`${root}/`);
}

// Asks who has signed in, and again when the page is looked at, since that happens in another tab, too, and when the
// server says that a sign-in has ended.
export function watchAccount() {
  const askAgain = () => isSignInOffered() && !document.hidden && ask();
  document.addEventListener("visibilitychange", askAgain);
  addEventListener("focus", askAgain);
  document.addEventListener("limner-signed-out", askAgain);
  ask();
}
