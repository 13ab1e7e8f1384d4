// Marks where the first picture may change: painted over it in a dialog, or given by numbers.

import { say } from "./announce.js";
import { pictureAddress, showChips, unmark } from "./chips.js";
import { focusPrompt, whenReady } from "./composer.js";
import { find, make } from "./dom.js";
import { Painting } from "./painting.js";
import { uploadFor } from "./uploads.js";

const named = { "aria-labelledby": "limner-mask-title", "aria-describedby": "limner-mask-help" };
const maskDialog = make("dialog", { className: "limner-mask", ...named });
maskDialog.innerHTML = `
  <header>
    <h2 id="limner-mask-title">Mark an area of image 1</h2>
    <p id="limner-mask-help">Paint over what may change. The rest stays as it is.</p>
  </header>
  <div class="limner-stage"><div class="limner-sheet">
    <img alt="image 1"><canvas></canvas><span class="limner-brush" hidden></span>
  </div></div>
  <div class="limner-tools" role="toolbar" aria-label="Tools">
    <span class="limner-either">
      <button type="button" name="paint" aria-pressed="true">Paint</button>
      <button type="button" name="erase" aria-pressed="false">Erase</button>
    </span>
    <label>Brush <input type="range" min="1" max="50" value="12" aria-label="Brush size"></label>
    <span>
      <button type="button" name="undo">Undo</button>
      <button type="button" name="clear">Clear</button>
      <button type="button" name="invert">Invert</button>
    </span>
  </div>
  <details>
    <summary>Mark an area by numbers</summary>
    <form>
      <label>Left % <input type="number" name="left" min="0" max="100" step="any" value="25" required></label>
      <label>Top % <input type="number" name="top" min="0" max="100" step="any" value="25" required></label>
      <label>Width % <input type="number" name="width" min="0" max="100" step="any" value="50" required></label>
      <label>Height % <input type="number" name="height" min="0" max="100" step="any" value="50" required></label>
      <button name="area">Add area</button>
    </form>
  </details>
  <footer>
    <p role="status"></p>
    <button type="button" name="cancel">Cancel</button>
    <button type="button" name="done" class="limner-main">Done</button>
  </footer>`;
find("#limner").append(maskDialog);

const inMask = (selector) => find(selector, maskDialog);
const [maskCanvas, brush, brushSize] = ["canvas", ".limner-brush", "input[type=range]"].map(inMask);
let maskedChip;
let painting;
let isErasing = false;
let drawTo = null; // draws the stroke on to its next point

export async function openMask(chip) {
  maskedChip = chip;
  inMask(".limner-sheet").style.setProperty("--ratio", chip.width / chip.height);
  inMask(".limner-sheet img").src = pictureAddress(chip);
  inMask("[role=status]").textContent = "";
  inMask("details").open = false;
  choosePaint(false);
  maskDialog.showModal();
  inMask("[name=paint]").focus();
  const opened = (painting = new Painting(maskCanvas, chip));
  try {
    if (chip.mask) await opened.load(pictureAddress(chip.mask));
    if (opened === painting) showPainting();
  } catch {
    tellMask("What was marked before could not be loaded: mark it again.");
  }
}

function tellMask(sentence) {
  inMask("[role=status]").textContent = sentence;
}

function showPainting() {
  const share = painting.share();
  const percent = share > 0 && share < 0.01 ? "Less than 1" : Math.round(share * 100);
  tellMask(share ? `${percent}% of the picture is marked.` : "Nothing is marked.");
  inMask("[name=undo]").disabled = !painting.isChanged;
  for (const name of ["clear", "erase"]) inMask(`[name=${name}]`).disabled = !share;
  if (!share) choosePaint(false);
  if (document.activeElement?.disabled || document.activeElement === document.body) inMask("[name=paint]").focus();
}

function choosePaint(erase) {
  isErasing = erase;
  inMask("[name=paint]").setAttribute("aria-pressed", !erase);
  inMask("[name=erase]").setAttribute("aria-pressed", erase);
  inMask("[name=area]").textContent = erase ? "Erase area" : "Add area";
}

// --- Painting: by mouse, pen and finger ---

const thickness = () => (Number(brushSize.value) / 100) * Math.min(maskCanvas.width, maskCanvas.height);

function pointOf({ clientX, clientY }) {
  const box = maskCanvas.getBoundingClientRect();
  return [((clientX - box.x) / box.width) * maskCanvas.width, ((clientY - box.y) / box.height) * maskCanvas.height];
}

maskCanvas.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button) return;
  event.preventDefault();
  maskCanvas.setPointerCapture(event.pointerId);
  drawTo = painting.stroke(pointOf(event), thickness(), isErasing);
});

maskCanvas.addEventListener("pointermove", (event) => {
  if (!event.isPrimary) return;
  showBrush(event);
  if (!drawTo) return;
  const steps = event.getCoalescedEvents?.() ?? [];
  for (const step of steps.length ? steps : [event]) drawTo(pointOf(step));
});

for (const end of ["pointerup", "pointercancel"]) {
  maskCanvas.addEventListener(end, ({ isPrimary }) => {
    if (!isPrimary || !drawTo) return;
    drawTo = null;
    showPainting();
  });
}

maskCanvas.addEventListener("pointerleave", () => (brush.hidden = true));

function showBrush({ clientX, clientY, pointerType }) {
  const box = maskCanvas.getBoundingClientRect();
  const size = (thickness() / maskCanvas.width) * box.width;
  brush.hidden = pointerType === "touch"; // the finger is over it
  brush.style.cssText = `width: ${size}px; left: ${clientX - box.x}px; top: ${clientY - box.y}px`;
}

brushSize.addEventListener("input", () => {
  const box = maskCanvas.getBoundingClientRect();
  showBrush({ clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, pointerType: "mouse" });
});
brushSize.addEventListener("change", () => (brush.hidden = true));

// --- The other tools, and the keyboard's way ---

const tools = {
  paint: () => choosePaint(false),
  erase: () => choosePaint(true),
  undo: () => painting.undo() && showPainting(),
  clear: () => (painting.clear(), showPainting()),
  invert: () => (painting.invert(), showPainting()),
  cancel: leaveMask,
  done: finishMask,
};

maskDialog.addEventListener("click", ({ target }) => tools[target.closest("button")?.name]?.());

inMask("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const [left, top, width, height] = ["left", "top", "width", "height"].map((name) => event.target.elements[name].value / 100);
  painting.area([left, top, width, height], isErasing);
  showPainting();
});

maskDialog.addEventListener("keydown", (event) => {
  const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey);
  if (!isUndo && event.key !== "Escape") return;
  event.preventDefault();
  tools[isUndo ? "undo" : "cancel"]();
});

maskDialog.addEventListener("cancel", (event) => { // by the Back of a phone
  event.preventDefault();
  leaveMask();
});

// Closes the dialog; asks first if something would be lost.
function leaveMask() {
  if (painting.isChanged && !confirm("Discard what you have marked?")) return;
  maskDialog.close();
}

async function finishMask() {
  const chip = maskedChip;
  const { isChanged } = painting;
  const mask = painting.share() ? await painting.toMask() : null;
  maskDialog.close();
  focusPrompt();
  if (!isChanged) return;
  if (!mask) return unmark(chip);
  const picture = await uploadFor(chip, mask, "mask.png", "The marked area");
  if (!picture) return;
  chip.mask = picture;
  showChips();
  say("The area is marked.");
  whenReady();
}
