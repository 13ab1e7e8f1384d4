// A picture in full size, in a dialog that goes from one to the next: its thumbnail at once, and the original
// in its place when that is decoded.

import { secondsToRead } from "./announce.js";
import { closeOnBack } from "./back.js";
import { copyPicture } from "./copy.js";
import { find, findAll, make } from "./dom.js";
import { View } from "./pan.js";
import { isGone } from "./server.js";

const STEP = 1.5; // of one press of + or −
const PAN = 80; // pixels

const COPY =
  "M11 9h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM5 15V6a2 2 0 0 1 2-2h8";
const icon = (paths) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${paths}"/></svg>`;
const tool = (name, label, key, paths) => `
  <button type="button" name="${name}" aria-label="${label}" title="${label}${key && ` (${key})`}">
    ${icon(paths)}
  </button>`;

const INSIDE = `
  <header>
    <p class="limner-zoom-place" role="status"></p>
    <p class="limner-zoom-caption" dir="auto"></p>
    ${tool("copy", "Copy image", "", COPY)}
    <a aria-label="Download" title="Download" download>${icon("M12 4v11m-5-5 5 5 5-5M5 20h14")}</a>
    ${tool("close", "Close", "Esc", "M6 6l12 12M18 6 6 18")}
  </header>
  <div class="limner-zoom-stage"><div class="limner-zoom-sheet"></div></div>
  <div class="limner-zoom-problem" role="alert"></div>
  <p class="limner-zoom-said" role="status"></p>
  <footer>
    ${tool("previous", "Previous", "", "m15 5-7 7 7 7")}
    ${tool("out", "Zoom out", "−", "M5 12h14")}
    <button type="button" name="actual" title="One pixel of the picture is one of the screen (1)"></button>
    ${tool("in", "Zoom in", "+", "M5 12h14M12 5v14")}
    ${tool("fit", "Fit", "0", "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5")}
    ${tool("next", "Next", "", "m9 5 7 7-7 7")}
  </footer>`;

let dialog = null; // made when the first picture is opened
let view;
let seen; // the picture that is shown
let original; // its image, which may still be loading
let ahead; // the next one's, which is only loaded
let hiding; // the timer after which a sentence is taken back

const inside = (selector) => find(selector, dialog);
const sheet = () => inside(".limner-zoom-sheet");

export function openZoom(button) {
  dialog ??= makeDialog();
  dialog.showModal();
  inside("[name=close]").focus(); // `autofocus` is refused in a frame
  closeOnBack(dialog);
  view.isFit = true;
  tell("");
  show(button);
  following.observe(seen.place, { childList: true, subtree: true });
}

function closeZoom() {
  dialog?.close();
}

// --- Which pictures there are, and which of them is shown ---

const articleOf = (button) => button.closest("article.limner")?.id;
const THUMBNAIL = "img:not(.limner-area)";

function pictureOf(button) {
  const thumbnail = find(THUMBNAIL, button);
  const { src, alt } = thumbnail;
  const { full = src, download, name } = { ...thumbnail.dataset, ...button.dataset };
  const article = articleOf(button);
  const prompt = article && find(`#${article.replace("message-", "asked-")} .limner-prompt`)?.textContent;
  const width = Number(thumbnail.getAttribute("width")) || thumbnail.naturalWidth || 1;
  const height = Number(thumbnail.getAttribute("height")) || thumbnail.naturalHeight || 1;
  return { button, article, full, download, name: alt || name || "", prompt, src, width, height };
}

// All pictures of the thread, or of the composer, in order.
function around() {
  const place = seen.place.isConnected ? seen.place : document;
  return findAll("button[name=zoom]:enabled", place).filter((button) => find(THUMBNAIL, button));
}

function position(buttons = around()) {
  const isSame = [(button) => button === seen.button, (button) => pictureOf(button).full === seen.full,
    (button) => seen.article && articleOf(button) === seen.article]; // where another version is shown now
  const found = isSame.map((test) => buttons.findIndex(test));
  return found.find((at) => at >= 0) ?? -1;
}

function step(by) {
  go((buttons) => position(buttons) + by);
}

function go(choose) {
  const buttons = around();
  const next = buttons[choose(buttons)];
  if (next && next !== seen.button) show(next);
}

function show(button) {
  seen = { ...pictureOf(button), place: button.closest("#limner-thread, #limner-composer") ?? document.body };
  const { name, prompt, src, width, height, download } = seen;
  const area = find("img.limner-area:not([hidden])", button)?.cloneNode();
  sheet().replaceChildren(imageOf(src), ...(area ? [area] : []));
  inside(".limner-zoom-caption").textContent = prompt || name;
  inside("a").hidden = !download;
  inside("a").href = download || "";
  inside("[name=copy]").hidden = false;
  view.isFit = true;
  view.resize(width, height);
  showPlace();
  load();
}

function showPlace() {
  const buttons = around();
  const at = position(buttons);
  const several = buttons.length > 1;
  const place = inside(".limner-zoom-place");
  const text = several && at >= 0 ? `${at + 1} of ${buttons.length}` : "";
  if (place.firstChild?.data !== text) {
    place.replaceChildren(text, make("span", { className: "limner-spoken" }, text && `, ${seen.name}`));
  }
  for (const [name, isEnd] of [["previous", at <= 0], ["next", at + 1 >= buttons.length]]) {
    inside(`[name=${name}]`).hidden = !several;
    inside(`[name=${name}]`).ariaDisabled = isEnd; // disabled, it would lose the focus
  }
}

// Decoded within the frame that shows it first, so that nothing is empty before.
const imageOf = (src) => make("img", { alt: seen.name, decoding: "sync", draggable: false, src });

const following = new MutationObserver(showPlace); // the thread may be drawn anew meanwhile

// --- Loading: the original of what is shown, and then of the next ---

async function load() {
  stopLoading();
  const image = (original = imageOf(seen.full));
  dialog.classList.add("limner-loading");
  inside(".limner-zoom-problem").replaceChildren();
  sheet().hidden = false;
  await image.decode().catch(() => null); // a picture that is too large for it can be shown all the same
  if (image !== original) return;
  dialog.classList.remove("limner-loading");
  if (!image.naturalWidth) return showProblem(image);
  view.resize(image.naturalWidth, image.naturalHeight);
  find("img", sheet()).replaceWith(image);
  const next = around()[position() + 1];
  if (next && !navigator.connection?.saveData) ahead = make("img", { src: pictureOf(next).full });
}

function stopLoading() {
  for (const image of [original, ahead]) if (image && !image.complete) image.removeAttribute("src");
  original = ahead = null;
}

async function showProblem(image) {
  const gone = await isGone(image.src);
  if (image !== original) return;
  sheet().hidden = !find("img", sheet()).naturalWidth; // of the thumbnail
  const [what, why] = gone
    ? ["This picture is gone.", "Its file is not on the server any more."]
    : ["This picture could not be loaded.", "Check the connection."];
  if (gone) inside("a").hidden = inside("[name=copy]").hidden = true;
  const again = make("button", { type: "button", name: "again", textContent: "Try again" });
  inside(".limner-zoom-problem").replaceChildren(make("b", {}, what), ` ${why} `, ...(gone ? [] : [again]));
}

window.addEventListener("online", () => dialog?.open && inside("[name=again]") && load());

// --- What a person does ---

const tools = {
  copy: (button) => copyPicture(seen.full, button, tell),
  close: closeZoom,
  previous: () => step(-1),
  next: () => step(1),
  out: () => view.zoom(1 / STEP, { isGliding: true }),
  in: () => view.zoom(STEP, { isGliding: true }),
  actual: () => view.actual(),
  fit: () => view.fit(true),
  again: () => (inside("[name=close]").focus(), load()),
};

const KEYS = { "+": "in", "=": "in", "-": "out", "−": "out", "_": "out", "0": "fit", "1": "actual" };
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function press(event) {
  const { key, shiftKey } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const towardsEnd = getComputedStyle(dialog).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  if (KEYS[key]) tools[KEYS[key]]();
  else if (ARROWS[key] && shiftKey) view.pan(...ARROWS[key].map((way) => way * PAN));
  else if (key === "ArrowLeft" || key === "ArrowRight") step(key === towardsEnd ? 1 : -1);
  else if (key === "Home") go(() => 0);
  else if (key === "End") go((buttons) => buttons.length - 1);
  else return;
  event.preventDefault();
}

function tell(sentence) {
  const said = inside(".limner-zoom-said");
  said.textContent = sentence;
  clearTimeout(hiding);
  if (sentence) hiding = setTimeout(() => (said.textContent = ""), secondsToRead(sentence) * 1000);
}

function showScale() {
  const percent = `${Math.round((view.scale / view.actualScale) * 100)}%`;
  const spoken = make("span", { className: "limner-spoken" }, "Actual size, now ");
  inside("[name=actual]").replaceChildren(spoken, percent);
  inside(".limner-zoom-stage").classList.toggle("limner-larger", view.isLarger);
}

function makeDialog() {
  const named = { className: "limner-zoom", "aria-label": "Picture in full size" };
  dialog = make("dialog", { ...named, innerHTML: INSIDE });
  find("#limner").append(dialog);
  view = new View(inside(".limner-zoom-stage"), sheet(), {
    changed: showScale,
    swiped: (way) => step(getComputedStyle(dialog).direction === "rtl" ? -way : way),
    left: closeZoom,
  });
  dialog.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button && button.ariaDisabled !== "true") tools[button.name](button);
  });
  dialog.addEventListener("keydown", press);
  dialog.addEventListener("close", leave);
  return dialog;
}

// Gives the focus to the picture that was seen last, though its message may have been drawn anew meanwhile.
function leave() {
  following.disconnect();
  stopLoading();
  const button = seen.button.isConnected ? seen.button : around()[position()];
  button?.focus();
  sheet().replaceChildren();
}
