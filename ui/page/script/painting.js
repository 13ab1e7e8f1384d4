// What is painted over a picture, as a list of steps that are drawn again when one is undone. It is hatched, so that it
// can be told from any picture, also without colours.

import { make } from "./dom.js";

const LONGEST = 2048; // pixels of the mask's longer side

export class Painting {
  constructor(canvas, { width, height }) {
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.steps = []; // functions that draw
    this.given = 0; // steps that were there when it was opened
    const perPixel = canvas.width / (canvas.clientWidth || canvas.width);
    this.ink = this.context.createPattern(hatching(Math.max(4, Math.round(14 * perPixel))), "repeat");
  }

  get isChanged() {
    return this.steps.length !== this.given;
  }

  add(step) {
    this.steps.push(step);
    this.draw(step);
  }

  undo() {
    if (!this.isChanged) return false;
    this.steps.pop();
    this.draw(wipe);
    this.steps.forEach((step) => this.draw(step));
    return true;
  }

  draw(step) {
    const { context } = this;
    context.save();
    context.fillStyle = context.strokeStyle = this.ink;
    context.lineCap = context.lineJoin = "round";
    step(context);
    context.restore();
  }

  // Begins a stroke, and returns a function that draws it on to a point.
  stroke(point, thickness, isErased) {
    const points = [point];
    const line = (from) => (context) => {
      context.globalCompositeOperation = isErased ? "destination-out" : "source-over";
      context.lineWidth = thickness;
      context.beginPath();
      context.moveTo(...points[from]);
      context.lineTo(points[from][0] + 0.01, points[from][1]); // a point alone is a dot, but not a line of no length
      for (const next of points.slice(from + 1)) context.lineTo(...next);
      context.stroke();
    };
    this.add(line(0));
    return (next) => {
      points.push(next);
      this.draw(line(points.length - 2));
    };
  }

  // Marks a rectangle, given in shares of the picture, or erases what is marked in it.
  area([left, top, width, height], isErased) {
    const { canvas } = this;
    const [x, y] = [Math.round(left * canvas.width), Math.round(top * canvas.height)];
    const [right, bottom] = [Math.round((left + width) * canvas.width), Math.round((top + height) * canvas.height)];
    this.add((context) => context[isErased ? "clearRect" : "fillRect"](x, y, right - x, bottom - y));
  }

  clear() {
    this.add(wipe);
  }

  invert() {
    this.add((context) => {
      context.globalCompositeOperation = "source-out";
      context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    });
  }

  // Takes over a mask that was made before: white or transparent is what may change.
  async load(address) {
    const image = make("img", { src: address });
    await image.decode();
    const { width, height } = this.canvas;
    const layer = make("canvas", { width, height });
    const context = layer.getContext("2d");
    context.drawImage(image, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    for (let n = 0; n < pixels.data.length; n += 4) {
      pixels.data[n + 3] = pixels.data[n + 3] < 128 || pixels.data[n + 1] > 127 ? 255 : 0;
    }
    context.putImageData(pixels, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = this.ink;
    context.fillRect(0, 0, width, height);
    this.add((onto) => onto.drawImage(layer, 0, 0));
    this.given = this.steps.length;
  }

  // Returns how much of the picture is marked, from 0 to 1.
  share() {
    const small = make("canvas", { width: 100, height: 100 }).getContext("2d");
    small.drawImage(this.canvas, 0, 0, 100, 100);
    const { data } = small.getImageData(0, 0, 100, 100);
    let sum = 0;
    for (let n = 3; n < data.length; n += 4) sum += data[n];
    return sum / (255 * 100 * 100);
  }

  // Returns the mask as a PNG: white where the picture may change, black elsewhere.
  toMask() {
    const { width, height } = this.canvas;
    const mask = make("canvas", { width, height });
    const context = mask.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "destination-in";
    context.drawImage(this.canvas, 0, 0);
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "black";
    context.fillRect(0, 0, width, height);
    return new Promise((done, fail) => mask.toBlob((blob) => (blob ? done(blob) : fail(new Error("no mask"))), "image/png"));
  }
}

function wipe(context) {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
}

function hatching(size) {
  const tile = make("canvas", { width: size, height: size });
  const context = tile.getContext("2d");
  context.fillStyle = "#1f3fd0";
  context.fillRect(0, 0, size, size);
  context.strokeStyle = "#ffd75e";
  context.lineWidth = size / 3;
  for (const shift of [-size, 0, size]) {
    context.moveTo(shift - size, size * 2);
    context.lineTo(shift + size * 2, -size);
  }
  context.stroke();
  return tile;
}
