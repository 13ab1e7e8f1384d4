// The page's script. It holds a thread id and the last revision; what it shows comes from the server,
// message by message, and goes into the Chatbot as it is. `element`, `trigger` are gradio's.

const THREAD_KEY = "limner.thread";
const root = (window.gradio_config?.root || "").replace(/\/$/, "");
const shown = new Map(); // message id -> {prompt, answer}, in the thread's order
let threadId = storedThread() || newThread();
let lastRev = 0;
let stream = null;
let clockAhead = 0; // milliseconds that the server's clock is ahead of ours

// --- The thread: everything newer than the last revision ---

function storedThread() {
  try { return localStorage.getItem(THREAD_KEY); } catch { return null; } // storage may be forbidden
}

function newThread() {
  const id = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  try { localStorage.setItem(THREAD_KEY, id); } catch { /* the thread lives as long as the page */ }
  return id;
}

function connect() {
  stream?.close();
  stream = new EventSource(`${root}/limner/threads/${threadId}/events?since=${lastRev}`);
  stream.onmessage = (event) => {
    const { now, messages } = JSON.parse(event.data);
    lastRev = Number(event.lastEventId);
    clockAhead = now * 1000 - Date.now();
    announceChanges(messages);
    for (const message of messages) shown.set(message.id, message);
    show();
  };
  stream.onopen = () => document.body.classList.remove("limner-offline");
  stream.onerror = () => document.body.classList.add("limner-offline"); // EventSource tries again by itself
}

function show() {
  const held = focusedAction();
  props.value = String(lastRev);
  trigger("input");
  requestAnimationFrame(() => requestAnimationFrame(() => restoreFocus(held)));
}

window.limnerThread = () => threadId;

window.limnerMessages = () => {
  const text = (html) => [{ type: "text", text: html }];
  return [...shown.values()].flatMap(({ prompt, answer }) => [
    { role: "user", content: text(prompt), metadata: null, options: null },
    { role: "assistant", content: text(answer), metadata: null, options: null },
  ]);
};

// A hidden tab holds no connection: browsers allow six to one server.
document.addEventListener("visibilitychange", () => (document.hidden ? stream?.close() : connect()));

// --- What a person does with a message ---

const actions = {
  regenerate: (button) => act(button.value, "regenerate", button),
  stop: (button) => act(button.value, "stop", button),
  choose: (button) => {
    const [id, version] = button.value.split(" ");
    return act(id, `choose?version=${version}`, button);
  },
  copy: copyPicture,
  zoom: zoom,
  edit: (button) => writePrompt(document.querySelector(`#message-${button.value}`), button),
  new: startAgain,
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[name]");
  if (button && Object.hasOwn(actions, button.name) && !button.disabled) actions[button.name](button);
});

async function act(id, action, button) {
  button.disabled = true; // at once, so that a second click does nothing
  try {
    const reply = await fetch(`${root}/limner/threads/${threadId}/messages/${id}/${action}`, { method: "POST" });
    if (reply.ok) return;
    say((await reply.json()).error || "This did not work: try again.", true);
  } catch {
    say("The server cannot be reached: check the connection and try again.", true);
  }
  button.disabled = false;
}

function startAgain() {
  if (!shown.size || !confirm("Start a new conversation? This one cannot be opened again.")) return;
  threadId = newThread();
  lastRev = 0;
  shown.clear();
  show();
  connect();
  promptBox()?.focus();
}

const promptBox = () => document.querySelector("#limner-prompt textarea");

function writePrompt(message) {
  const index = [...document.querySelectorAll("article.limner")].indexOf(message);
  const prompt = document.querySelectorAll(".limner-prompt")[index];
  const box = promptBox();
  box.value = prompt.textContent;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
}

// --- Copy: a PNG, whatever the picture's type, begun inside the click ---

async function copyPicture(button) {
  const image = button.closest("article").querySelector(".limner-picture img");
  try {
    if (!navigator.clipboard?.write) throw new Error("no clipboard");
    await navigator.clipboard.write([new ClipboardItem({ "image/png": asPng(image) })]);
    say("Copied.");
    flash(button, "limner-done");
  } catch {
    say("This browser does not let the page copy: right-click the picture and choose Copy image, or download it.", true);
  }
}

async function asPng(image) {
  const blob = await (await fetch(image.src)).blob();
  if (blob.type === "image/png") return blob;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth || image.width;
  canvas.height = image.naturalHeight || image.height;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((png) => (png ? resolve(png) : reject(new Error("too large"))), "image/png");
  });
}

// --- Zoom: a modal dialog, which Esc closes and which gives the focus back ---

const dialog = document.createElement("dialog");
dialog.className = "limner-zoom";
dialog.setAttribute("aria-label", "Picture in full size");
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); dialog.close(); }
});
dialog.addEventListener("close", () => {
  document.documentElement.classList.remove("limner-still");
  dialog.replaceChildren();
});

function zoom(button) {
  const small = button.querySelector("img");
  if (button.classList.contains("limner-missing")) return;
  const image = new Image();
  image.src = small.src;
  image.alt = small.alt;
  const close = document.createElement("button");
  close.className = "limner-icon limner-close";
  close.title = "Close";
  close.setAttribute("aria-label", "Close");
  dialog.replaceChildren(image, close);
  document.documentElement.classList.add("limner-still");
  dialog.showModal();
}

// --- A picture whose file is gone shows a card, not the browser's icon ---

document.addEventListener("error", ({ target }) => {
  if (target.matches?.(".limner-picture img")) target.parentElement.classList.add("limner-missing");
}, true);

// --- Seconds that tick, words for screen readers, and what the Chatbot gets wrong ---

setInterval(() => {
  for (const timer of document.querySelectorAll('.limner time[role="timer"]')) {
    const seconds = Math.max(0, Math.round((Date.now() + clockAhead - Date.parse(timer.dateTime)) / 1000));
    timer.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
}, 250);

const announcer = document.createElement("div");
announcer.className = "limner-announcer";
announcer.setAttribute("role", "status");
document.body.append(announcer);
let hideAnnouncer;

function say(sentence, visible = false) {
  announcer.textContent = sentence;
  announcer.classList.toggle("limner-visible", true);
  clearTimeout(hideAnnouncer);
  hideAnnouncer = setTimeout(() => announcer.classList.remove("limner-visible"), visible ? 8000 : 1500);
}

function flash(button, name) {
  button.classList.add(name);
  setTimeout(() => button.classList.remove(name), 1500);
}

function announceChanges(messages) {
  for (const { id, answer } of messages) {
    const before = shown.get(id)?.answer || "";
    const ran = before.includes("limner-running");
    const runs = answer.includes("limner-running");
    if (runs && !ran) announcer.textContent = "Generating image…";
    else if (ran && !runs && !answer.includes("limner-card")) announcer.textContent = "The image is ready.";
  }
}

function focusedAction() {
  const button = document.activeElement?.closest?.("article.limner button[name], article.limner a");
  return button && { message: button.closest("article").id, name: button.name, label: button.title };
}

function restoreFocus(held) {
  const lost = held && (!document.activeElement || document.activeElement === document.body);
  if (!lost) return;
  const message = document.getElementById(held.message);
  const same = [...(message?.querySelectorAll("button, a") || [])].find((b) => b.name === held.name && !b.disabled);
  (same || message?.querySelector("button:not(:disabled), a"))?.focus({ preventScroll: true });
}

// The Chatbot labels each message with the source of its HTML, and has every change read out.
new MutationObserver(() => {
  const thread = document.querySelector("#limner-thread");
  for (const labelled of thread?.querySelectorAll('[data-testid="bot"][aria-label], [data-testid="user"][aria-label]') || []) {
    labelled.removeAttribute("aria-label");
  }
  for (const live of thread?.querySelectorAll('[aria-live="polite"]') || []) live.setAttribute("aria-live", "off");
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label", "aria-live"] });

connect();
