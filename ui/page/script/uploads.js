// Pictures of one's own: chosen, pasted or dropped, and uploaded.

import { say, toast } from "./announce.js";
import { addChip, hasRoom, nameOf, pictureAddress, putIn, removeChip, showChips } from "./chips.js";
import { focusPrompt, stopWaiting, whenReady } from "./composer.js";
import { current } from "./conversation.js";
import { find, findAll, make } from "./dom.js";
import { dismissFailures, showFailure } from "./failures.js";
import { offerSettings } from "./reuse.js";
import { address, FILE_NOT_SENT, NOT_ACCEPTED } from "./server.js";

const AT_ONCE = 3; // uploads
let uploading = 0;
const queue = []; // functions that begin an upload

function addFiles(files) {
  const added = [];
  for (const [n, file] of [...files].entries()) {
    const filename = file.name || "picture";
    const after = files.length - n - 1;
    if (!hasRoom(after ? `${filename} and ${after} more` : filename)) break;
    const mostBytes = Number(find("#limner").dataset.mostBytes);
    if (file.size > mostBytes) {
      showFailure(filename, `This file is larger than ${Math.round(mostBytes / 1e6)} MB: choose a smaller one.`);
      continue;
    }
    const chip = { filename, file: URL.createObjectURL(file) };
    addChip(chip);
    added.push(chip);
    uploadFor(chip, file, filename).then((picture) => {
      if (!picture) return;
      Object.assign(chip, picture);
      showChips();
      say(`${nameOf(chip)} is uploaded.`);
      if (picture.animated) toast(`${filename} moves: only its first frame is used.`);
      offerSettings(picture.settings);
      whenReady();
    });
  }
  if (added.length) {
    say(`Uploading ${added.map(nameOf).join(", ")}…`);
    focusPrompt();
  }
}

// Uploads a file for a chip; resolves with what the server calls it, or with nothing if that failed or was stopped.
// Then a prompt that waits for it is not sent: the person decides.
export async function uploadFor(chip, file, filename, what = filename) {
  const stop = (chip.upload = new AbortController());
  chip.progress.value = 0;
  showChips();
  await turn(stop.signal);
  let picture = null;
  try {
    picture = await transfer(file, filename, stop.signal, (share) => (chip.progress.value = share));
    await make("img", { src: pictureAddress(picture) }).decode().catch(() => {}); // so that the chip does not flash
  } catch (error) {
    stopWaiting();
    if (!stop.signal.aborted) showFailure(what, error.message);
  }
  uploading -= 1;
  if (uploading < AT_ONCE) queue.shift()?.();
  if (stop.signal.aborted) return null;
  chip.upload = null;
  if (picture || chip.name) showChips();
  else removeChip(chip);
  return picture;
}

// Waits until fewer uploads than `AT_ONCE` are under way, or this one is stopped.
async function turn(signal) {
  if (uploading >= AT_ONCE) {
    await new Promise((begin) => {
      queue.push(begin);
      signal.addEventListener("abort", () => {
        const at = queue.indexOf(begin);
        if (at >= 0) queue.splice(at, 1);
        begin();
      });
    });
  }
  uploading += 1;
}

// Posts the bytes of a file; fails with a sentence for the person.
function transfer(file, filename, signal, onShare) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of how far it is
    const fail = (sentence) => reject(new Error(sentence));
    request.open("POST", address(`threads/${current()}/pictures?${new URLSearchParams({ filename })}`));
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => onShare(total ? loaded / total : 0);
    request.onload = () => (request.status === 201 ? resolve(request.response) : fail(request.response?.error || NOT_ACCEPTED));
    request.onerror = () => fail(FILE_NOT_SENT);
    request.onabort = () => fail("Stopped.");
    if (signal.aborted) return fail("Stopped.");
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

// --- Three ways in: the button, the clipboard, and files that are dropped anywhere on the page ---

export function watchUploads() {
  const input = find("#limner-add input");
  find("#limner-add button").addEventListener("click", () => {
    dismissFailures();
    input.click();
  });
  input.addEventListener("change", () => {
    addFiles(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
}

const isElsewhere = () => !!find("dialog[open]");

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  const text = event.clipboardData?.getData("text/plain").trim();
  // A table or a slide is copied as a picture too, and is meant as its text; a copied file's text is its name.
  const isText = text && !files.some(({ name }) => text.includes(name));
  if (!files.length || isText || isElsewhere()) return;
  event.preventDefault();
  dismissFailures();
  addFiles(files);
});

const dropZone = make("div", { className: "limner-drop", hidden: true }, make("p", {}, "Drop pictures to add them"));
find("#limner").append(dropZone);
const isFiles = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].includes("Files");

document.addEventListener("dragover", (event) => {
  if (!isFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = isElsewhere() ? "none" : "copy";
  dropZone.hidden = isElsewhere();
}, true);

document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) dropZone.hidden = true; // it has left the window
}, true);

document.addEventListener("drop", (event) => {
  dropZone.hidden = true;
  if (!isFiles(event)) return;
  event.preventDefault();
  event.stopPropagation();
  if (isElsewhere()) return;
  dismissFailures();
  const link = event.dataTransfer.getData("text/uri-list"); // a picture of this page that is dragged
  const image = link && findAll(".limner-picture img").find(({ src, dataset }) => [src, new URL(dataset.full, document.baseURI).href].includes(link));
  if (image) putIn(image);
  else addFiles(event.dataTransfer.files);
}, true);
