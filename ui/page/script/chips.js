// The pictures that go in with the next prompt: chips above it, in the order in which they are sent.

import { say, toast } from "./announce.js";
import { focusPrompt, showComposer } from "./composer.js";
import { current, onOpen } from "./conversation.js";
import { find, findAll, iconButton, make, stored, storedValue } from "./dom.js";
import { dismissFailures, showFailure } from "./failures.js";
import { takesMask } from "./fit.js";
import { openMask } from "./mask.js";
import { address } from "./server.js";

const MOST_CHIPS = 16;
const key = () => `limner.inputs.${current()}`;
const chips = []; // {name, filename, width, height, mask, upload, …}; it has no name before it is uploaded

export const pictureAddress = ({ name, filename }) => address(`pictures/${name}/${encodeURIComponent(filename)}`);
export const nameOf = (chip) => `image ${chips.indexOf(chip) + 1}`;
export const chipCount = () => chips.length;
export const isUploading = () => chips.some(({ upload }) => upload);
export const hasMask = () => !!chips[0]?.mask;

// Returns what outlives the chip: what is needed to make it again.
export const factsOf = ({ name, filename, width, height, mask }) => ({ name, filename, width, height, mask });

// Returns what a message shows of a picture as what a chip needs of it.
function pictureOf(image) {
  const [name, filename] = new URL(image.dataset.full ?? image.src, document.baseURI).pathname.split("/").slice(-2).map(decodeURIComponent);
  return { name, filename, width: Number(image.getAttribute("width")), height: Number(image.getAttribute("height")) };
}

// --- A chip: what it shows, and what can be done with it ---

export function addChip(chip) {
  chip.image = make("img", { alt: "" });
  chip.area = make("img", { className: "limner-area", alt: "" });
  chip.thumb = make("button", { type: "button", name: "zoom", className: "limner-thumb" }, chip.image, chip.area);
  chip.label = make("b");
  chip.state = make("span", { className: "limner-state" });
  chip.progress = make("progress", { max: 1, value: 0 });
  chip.mark = make("button", { type: "button", onclick: () => openMask(chip) });
  chip.unmark = make("button", { type: "button", onclick: () => unmark(chip) }, "Remove area");
  chip.remove = iconButton("close", "Remove", { onclick: () => removeChip(chip) });
  chip.element = make("li", { className: "limner-chip" }, chip.thumb,
    make("div", {}, chip.label, chip.state, chip.progress, make("div", { className: "limner-marks" }, chip.mark, chip.unmark)),
    chip.remove);
  chip.element.addEventListener("keydown", (event) => {
    if (event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    removeChip(chip);
  });
  chip.image.onerror = () => chip.thumb.classList.add("limner-blank"); // this browser cannot show it
  chip.image.onload = () => chip.thumb.classList.remove("limner-blank");
  chips.push(chip);
  find(".limner-chips").append(chip.element);
  showChips();
  chip.element.scrollIntoView({ block: "nearest", inline: "nearest" });
}

export function removeChip(chip) {
  const at = chips.indexOf(chip);
  const name = nameOf(chip);
  const hadFocus = chip.element.contains(document.activeElement);
  chip.upload?.abort();
  chips.splice(at, 1);
  forget(chip);
  showChips();
  say(`Removed ${name}.`);
  if (hadFocus) (chips[Math.min(at, chips.length - 1)]?.remove ?? find("#limner-prompt")).focus();
}

function forget(chip) {
  chip.element.remove();
  if (chip.file) URL.revokeObjectURL(chip.file);
}

export function unmark(chip) {
  chip.mask = null;
  showChips();
  chip.mark.focus();
  say("No area is marked: all of the picture may change.");
}

function showChip(chip) {
  const name = nameOf(chip);
  const canMask = chip === chips[0] && chip.name && takesMask();
  const text = chip.upload ? "Uploading…" : chip.mask ? "Area marked" : chip.filename;
  chip.label.textContent = name;
  chip.state.textContent = text;
  chip.state.title = chip.filename;
  chip.progress.hidden = !chip.upload;
  chip.progress.setAttribute("aria-label", `Upload of ${name}`);
  chip.thumb.disabled = !chip.name; // there is nothing to zoom yet
  chip.thumb.setAttribute("aria-label", `Zoom ${name}, ${chip.filename}`);
  draw(chip.image, chip.name ? address(`thumbnails/${chip.name}`) : chip.file);
  if (chip.name) Object.assign(chip.image.dataset, { full: pictureAddress(chip), download: `${pictureAddress(chip)}?download`, name });
  draw(chip.area, chip.mask && pictureAddress(chip.mask));
  chip.mark.hidden = !canMask || !!chip.upload;
  chip.mark.textContent = chip.mask ? "Change area" : "Mark an area";
  chip.unmark.hidden = !chip.mask || !!chip.upload;
  const verb = !chip.upload ? "Remove" : chip.name ? "Stop the upload and remove" : "Stop uploading";
  chip.remove.title = `${verb} ${name}`;
  chip.remove.setAttribute("aria-label", `${verb} ${name}`);

  function draw(image, address) {
    image.hidden = !address;
    if (address && image.getAttribute("src") !== address) image.src = address;
  }
}

// Shows the chips as they are now, what speaks against them, and keeps them for a reload.
export function showChips() {
  chips.forEach(showChip);
  showComposer();
  find("#limner-prompt").placeholder = chips.length ? "Describe what should change…" : "Describe a picture…";
  const kept = chips.filter(({ name }) => name);
  const pictures = kept.map(factsOf);
  const lost = chips.filter(({ upload }) => upload).map(({ name, filename }) => (name ? "The marked area" : filename));
  stored("sessionStorage", key(), chips.length ? JSON.stringify({ pictures, lost }) : null);
}

// Each conversation has its own, which are brought back with it; what was being uploaded is not there.
onOpen(() => {
  const { pictures = [], lost = [] } = storedValue("sessionStorage", key(), {});
  takeChips();
  pictures.forEach(addChip);
  for (const filename of lost) showFailure(filename, "The upload was interrupted: add it again.");
});

// --- What goes with a prompt ---

// Empties the composer of its pictures and returns them.
export function takeChips() {
  const taken = chips.splice(0);
  for (const chip of taken) {
    chip.upload?.abort();
    chip.upload = null;
    forget(chip);
  }
  dismissFailures();
  showChips();
  return taken;
}

// Returns the pictures as a request names them.
export function namesOf([...taken]) {
  if (!taken.length) return {};
  return { images: taken.map(({ name }) => name), ...(taken[0].mask && { mask: taken[0].mask.name }) };
}

// Returns the names of those that are uploaded, as a request has them.
export const chipNames = () => namesOf(chips.filter(({ name }) => name));

// Puts the picture of a message in, to be changed by the next prompt.
export function putIn(image) {
  const picture = pictureOf(image);
  const there = chips.find(({ name }) => name === picture.name);
  if (there) toast(`This picture is in the composer already, as ${nameOf(there)}.`);
  else if (hasRoom(picture.filename)) {
    addChip(picture);
    say(`Added as ${nameOf(picture)}: describe what should change.`);
  }
  focusPrompt();
}

// Puts in what a message was sent with; returns what was there instead.
export function bringBack(asked) {
  const images = findAll(".limner-sent img:not(.limner-area)", asked);
  const taken = takeChips();
  const area = find(".limner-area", asked);
  images.map(pictureOf).forEach((picture, n) => addChip({ ...picture, mask: !n && area ? pictureOf(area) : null }));
  return taken.filter(({ name }) => name);
}

export function hasRoom(filename) {
  if (chips.length < MOST_CHIPS) return true;
  showFailure(filename, `No more than ${MOST_CHIPS} pictures go in at once.`);
  return false;
}
