// The few things that every module needs of the document and of the browser's storage.

// The path under which the app is served, without a slash at its end.
export const root = new URL(document.baseURI).pathname.replace(/\/[^/]*$/, "");

export const find = (selector, within = document) => within.querySelector(selector);
export const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];

// Makes an element. Properties with a hyphen, and `role`, are set as attributes; children are elements or texts.
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Makes a button that shows an icon, the class of which has its name, and says what it does.
export const iconButton = (icon, label, properties = {}) =>
  make("button", { type: "button", className: `limner-icon limner-${icon}`, title: label, "aria-label": label, ...properties });

// Reads or writes what outlives the page, in localStorage or sessionStorage; `null` as the value removes it.
// If the browser forbids storage, nothing is kept.
export function stored(kind, key, value) {
  try {
    if (value === undefined) return window[kind].getItem(key);
    return value === null ? window[kind].removeItem(key) : window[kind].setItem(key, value);
  } catch {
    return null;
  }
}

// Reads a value that was stored as JSON.
export function storedValue(kind, key, fallback) {
  try {
    return JSON.parse(stored(kind, key)) ?? fallback;
  } catch {
    return fallback;
  }
}

// Has the browser save what is at an address of ours, under the name that the server gives it.
export const download = (address) => make("a", { href: address, download: "" }).click();

export const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Whether there is a mouse: without one, a focused field raises a keyboard over half of the page.
export const hasMouse = () => matchMedia("(pointer: fine)").matches;

// 32 hexadecimal digits that nobody can guess.
export function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
