// Puts a text on the clipboard, or a picture: that as a PNG, whatever its type. Browsers allow it within a click only,
// so the picture is promised there, and loaded after.

import { say, toast } from "./announce.js";
import { make } from "./dom.js";

const TEXT_REFUSED = "This browser does not let the page copy: select the text and copy it.";
const REFUSED = "This browser does not let the page copy: "
  + "right-click the picture and choose Copy image, or download it.";
const UNREACHABLE = "The picture could not be loaded. Check the connection and try again.";
const TOO_LARGE = "This picture is too large to be copied: download it.";

const tellAll = (sentence, isProblem) => (isProblem ? toast(sentence) : say(sentence));

// Copies a text; returns what to tell the person.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text); // there is no clipboard at all at an address of plain http
    return "Copied.";
  } catch {
    return TEXT_REFUSED;
  }
}

// Copies the picture at an address, and tells how that went.
export async function copyPicture(address, button, tell = tellAll) {
  let problem = REFUSED;
  const png = asPng(address).catch((error) => {
    problem = error.message; // the clipboard would hide it
    throw error;
  });
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
    button.classList.add("limner-done");
    setTimeout(() => button.classList.remove("limner-done"), 1500);
    tell("Copied.", false);
  } catch {
    tell(problem, true);
  }
}

async function asPng(address) {
  const blob = await pictureAt(address);
  if (blob.type === "image/png") return blob;
  const image = make("img", { src: address });
  await image.decode().catch(() => fail(UNREACHABLE));
  const canvas = make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const png = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return png ?? fail(TOO_LARGE);
}

async function pictureAt(address) {
  try {
    const reply = await fetch(address);
    if (reply.ok) return await reply.blob();
  } catch {
    // there is no connection
  }
  return fail(UNREACHABLE);
}

function fail(sentence) {
  throw new Error(sentence);
}
