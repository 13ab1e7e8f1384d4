// Moves and scales one picture on a stage: by wheel, mouse and touch, and in steps for keys and buttons. The
// picture is laid out at its own size, and a transform does the rest: only what is seen of it is painted.

const LARGEST = 8; // pixels of the screen for one of the picture
const TAP = 10; // pixels that a finger may move and still tap
const TWICE = 350; // milliseconds between two taps that are one
const SWIPE = 48; // pixels

export class View {
  // `on` has `changed()`, `swiped(-1 or 1)` and `left()`, for a tap beside the picture.
  constructor(stage, sheet, on) {
    Object.assign(this, { stage, sheet, on, width: 1, height: 1, scale: 1, x: 0, y: 0, isFit: true });
    new ResizeObserver(() => this.refresh()).observe(stage);
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    followPointers(this);
  }

  // The scale at which one pixel of the picture is one of the screen.
  get actualScale() {
    return 1 / devicePixelRatio;
  }

  get fitScale() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.min(clientWidth / this.width, clientHeight / this.height, LARGEST * this.actualScale);
  }

  get isLarger() {
    return this.scale > this.fitScale * 1.001;
  }

  // Takes the picture's size; what is seen of it stays where it is.
  resize(width, height) {
    this.scale *= this.width / width;
    Object.assign(this, { width, height });
    Object.assign(this.sheet.style, { width: `${width}px`, height: `${height}px` });
    this.refresh();
  }

  refresh() {
    if (this.isFit) this.fit();
    else this.zoom(1);
  }

  fit(isGliding = false) {
    this.zoom(this.fitScale / this.scale, { isGliding });
  }

  // Shows it pixel for pixel, or as a whole if it is shown so.
  toggle(at, isGliding = true) {
    const isActual = (scale) => Math.abs(scale / this.actualScale - 1) < 0.01;
    const up = isActual(this.fitScale) ? 2 * this.actualScale : this.actualScale;
    this.zoom((this.isFit ? up : this.fitScale) / this.scale, { at, isGliding });
  }

  actual() {
    this.zoom(this.actualScale / this.scale, { isGliding: true });
  }

  pan(x, y) {
    this.zoom(1, { at: [0, 0], to: [x, y], isGliding: true });
  }

  // Scales it by a factor, so that what is at a point of the stage comes to another one, or stays.
  zoom(factor, { at = this.middle(), to = at, isGliding = false } = {}) {
    const { stage, fitScale, actualScale } = this;
    if (!stage.clientWidth) return; // it is closed
    const scale = clamp(this.scale * factor, Math.min(fitScale, actualScale), LARGEST * actualScale);
    const place = (n, length, size) => {
      const wanted = to[n] - ((at[n] - [this.x, this.y][n]) * scale) / this.scale;
      const free = length - size * scale;
      return free > 0 ? free / 2 : clamp(wanted, free, 0);
    };
    const [x, y] = [place(0, stage.clientWidth, this.width), place(1, stage.clientHeight, this.height)];
    Object.assign(this, { x, y, scale, isFit: Math.abs(scale / fitScale - 1) < 0.001 });
    this.sheet.classList.toggle("limner-gliding", isGliding);
    this.sheet.classList.toggle("limner-pixels", scale >= 3 * actualScale);
    // Between two pixels of the screen, its own would blur.
    const [left, top] = [x, y].map((length) => Math.round(length / actualScale) * actualScale);
    this.sheet.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    this.sheet.style.setProperty("--scale", scale);
    this.on.changed();
  }

  middle() {
    return [this.stage.clientWidth / 2, this.stage.clientHeight / 2];
  }

  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * [1, 16, this.stage.clientHeight][event.deltaMode];
    const perPixel = event.ctrlKey ? 0.01 : 0.002; // with Ctrl it is a pinch on a trackpad
    this.zoom(Math.exp(-clamp(pixels, -300, 300) * perPixel), { at: pointIn(this.stage, event) });
  }
}

// --- One pointer drags, two pinch; two taps toggle, and a swipe leads on ---

function followPointers(view) {
  const { stage, on } = view;
  const points = new Map(); // pointer -> where it is
  let gesture = null;
  let lastTap = null;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const at = pointIn(stage, event);
    stage.setPointerCapture(event.pointerId);
    points.set(event.pointerId, at);
    if (points.size > 1) gesture.isTap = gesture.isSwipe = false;
    else {
      const isSwipe = event.pointerType === "touch" && !view.isLarger;
      gesture = { start: at, isTap: true, isBeside: event.target === stage, isSwipe };
    }
  });

  stage.addEventListener("pointermove", (event) => {
    if (!points.has(event.pointerId)) return;
    const before = [...points.values()];
    points.set(event.pointerId, pointIn(stage, event));
    const now = [...points.values()];
    if (distance(gesture.start, now[0]) > TAP) gesture.isTap = false;
    const factor = now.length > 1 ? spread(now) / Math.max(1, spread(before)) : 1;
    if (!gesture.isTap) view.zoom(factor, { at: centre(before), to: centre(now) });
  });

  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      if (!points.delete(event.pointerId) || points.size || end === "pointercancel") return;
      const at = pointIn(stage, event);
      const [x, y] = [at[0] - gesture.start[0], at[1] - gesture.start[1]];
      const isAcross = Math.abs(x) > Math.max(SWIPE, 2 * Math.abs(y));
      if (gesture.isTap) tap(at, event.timeStamp);
      else if (gesture.isSwipe && isAcross) on.swiped(-Math.sign(x));
    });
  }

  function tap(at, time) {
    const isSecond = lastTap && time - lastTap.time < TWICE && distance(at, lastTap.at) < 3 * TAP;
    lastTap = isSecond ? null : { at, time };
    if (isSecond) view.toggle(at);
  }

  // Not before the click, which would go to the page.
  stage.addEventListener("click", () => gesture?.isTap && gesture.isBeside && on.left());
}

function pointIn(stage, { clientX, clientY }) {
  const box = stage.getBoundingClientRect();
  return [clientX - box.x, clientY - box.y];
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function distance(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}

function centre(points) {
  return [0, 1].map((n) => points.reduce((sum, point) => sum + point[n], 0) / points.length);
}

function spread(points) {
  const middle = centre(points);
  return points.reduce((sum, point) => sum + distance(point, middle), 0) / points.length;
}
