// Who pays for a picture: said below the prompt, and in the list of providers.

import { isAccountKnown, isSignedIn, isSignInOffered, signInLink } from "./account.js";
import { offer, providerLabel } from "./choices.js";
import { showComposer } from "./composer.js";
import { find, make } from "./dom.js";
import { hasKey } from "./keys.js";

const entries = () => [...find("#limner-choices [name=provider]").options];

// Whether the visitor gets pictures of a provider: it needs nothing of theirs, or they gave it.
export function canUse(provider) {
  const facts = entries().find(({ value }) => value === provider)?.dataset ?? {};
  return !("needsKey" in facts) || hasKey(provider) || ("takesSignIn" in facts && isSignedIn());
}

// Returns how to compare with the other providers that cannot be used yet; empty if there are none.
export function howToCompareMore() {
  const locked = entries().filter(({ value }) => value !== offer().provider && !canUse(value));
  if (!locked.length) return "";
  const isOffered = isSignInOffered() && locked.some(({ dataset }) => "takesSignIn" in dataset);
  return `${isOffered ? "Sign in, or enter a key," : "Enter a key"} to compare with other providers: choose one of them first.`;
}

// Shows who pays, after a key was entered or forgotten, or somebody has signed in.
export function showPaying() {
  for (const entry of entries()) {
    const lacks = "takesSignIn" in entry.dataset && isSignInOffered() ? "sign in" : "needs a key";
    const label = canUse(entry.value) ? entry.dataset.label : `${entry.dataset.label} · ${lacks}`;
    if (entry.textContent !== label) entry.textContent = label;
  }
  showComposer();
}

const named = (name, label, more = {}) => make("button", { type: "button", name, ...more }, label);
const enterKey = (label) => named("enter_key", label, { "aria-haspopup": "dialog" });

// Returns what is to be said of the chosen provider's key in place of what it is, and what can be done.
export function payingNotice() {
  const { provider, key } = offer();
  if (!key || (key.signIn && !isAccountKnown())) return { actions: [] };
  if (hasKey(provider)) {
    const words = "Your own key is used, until you close or reload this page.";
    return { words, actions: [enterKey("Change it"), named("forget_key", "Forget it")] };
  }
  if (key.signIn && isSignedIn()) return { words: "Runs on your Hugging Face credits.", actions: [enterKey("Use your own key")] };
  if (!key.needed) return { actions: [enterKey("Use your own key")] };
  return { ...need(key, providerLabel()), isWarning: true };
}

function need({ variable, url, parts, signIn, instead }, label) {
  const enter = parts.length ? [enterKey("Enter a key")] : [];
  if (variable) {
    const where = url ? [make("a", { href: url, target: "_blank", rel: "noopener" }, "Get a key")] : [];
    return { words: `${label} needs a key: set ${variable} and start Limner again.`, actions: [...enter, ...where] };
  }
  const else_ = instead ? `${instead} makes the picture` : "choose another provider";
  if (!parts.length) return { words: `${label} costs money, and there is no budget for visitors: ${else_}.`, actions: [] };
  const isOffered = signIn && isSignInOffered();
  const words = isOffered ? `${label} needs your sign-in or a key: without one, ${else_}.` : `${label} needs a key of your own: without one, ${else_}.`;
  return { words, actions: [...(isOffered ? [signInLink("Sign in with Hugging Face")] : []), ...enter] };
}
