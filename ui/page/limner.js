// The page's script. It holds a thread id and the last revision; what it shows comes from the server,
// message by message, and goes into the Chatbot as it is. `props` and `trigger` are gradio's.

const root = new URL(window.gradio_config?.root || "/", location.href).pathname.replace(/\/$/, "");
const find = (selector) => document.querySelector(selector);

// Reads or writes what outlives the page; where storage is forbidden, nothing does.
function stored(kind, key, value) {
  try {
    return value === undefined ? window[kind].getItem(key) : window[kind].setItem(key, value);
  } catch {
    return null;
  }
}

// --- The thread: everything newer than the last revision ---

const shown = new Map(); // message id -> {prompt, answer, state}, in the thread's order
let threadId = stored("localStorage", "limner.thread") || newThread();
let lastRev = null; // until the server has said what there is
let clockAhead = 0; // milliseconds that the server's clock is ahead of ours
let stream = null;
let reconnecting;

function newThread() {
  const id = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  stored("localStorage", "limner.thread", id);
  return id;
}

function connect() {
  stream?.close();
  clearTimeout(reconnecting);
  stream = new EventSource(`${root}/limner/threads/${threadId}/events?since=${lastRev ?? 0}`);
  stream.onopen = () => document.body.classList.remove("limner-offline");
  stream.onerror = () => {
    document.body.classList.add("limner-offline");
    // EventSource tries again by itself, but not after an answer such as a proxy's 502.
    if (stream.readyState === EventSource.CLOSED) reconnecting = setTimeout(connect, 2000);
  };
  stream.onmessage = ({ data, lastEventId }) => {
    const { now, messages, more } = JSON.parse(data);
    clockAhead = now * 1000 - Date.now();
    for (const message of messages) {
      message.answer = message.answer.replaceAll('="limner/', `="${root}/limner/`);
      if (lastRev !== null) announce(shown.get(message.id)?.state, message.state);
      else message.answer = message.answer.replaceAll(' role="alert"', ""); // old errors are no news
      shown.set(message.id, message);
    }
    if (more) return; // of the same change
    lastRev = Number(lastEventId);
    if (messages.length) show();
  };
}

function show() {
  props.value = `${threadId} ${lastRev}`;
  trigger("input");
}

window.limnerMessages = () => {
  const say = (role, text) => ({ role, content: [{ type: "text", text }], metadata: null, options: null });
  return [...shown.values()].flatMap(({ prompt, answer }) => [say("user", prompt), say("assistant", answer)]);
};

// A hidden tab holds no connection: browsers allow six to one server.
document.addEventListener("visibilitychange", () => (document.hidden ? stream?.close() : connect()));
window.addEventListener("online", connect);

// --- The composer: what is typed outlives a reload, and leaves the box the moment it is sent ---

const promptBox = () => find("#limner-prompt textarea");

function write(prompt) {
  const box = promptBox();
  box.value = prompt;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  if (matchMedia("(pointer: fine)").matches) box.focus(); // elsewhere it would raise the keyboard
}

document.addEventListener("input", ({ target }) => {
  if (target === promptBox()) stored("sessionStorage", "limner.draft", target.value);
});

(function restoreDraft() {
  const draft = stored("sessionStorage", "limner.draft");
  if (!promptBox()) requestAnimationFrame(restoreDraft);
  else if (draft && !promptBox().value) write(draft);
})();

window.limnerSend = async (names, values) => {
  const prompt = promptBox().value;
  if (!prompt.trim()) return; // also a second click: the first one emptied the box
  write("");
  complain("");
  following = true;
  const problem = await post("", { prompt, ...Object.fromEntries(names.map((name, n) => [name, values[n]])) });
  complain(problem);
  if (problem && !promptBox().value) write(prompt);
};

function complain(sentence) {
  find("#limner-error p").textContent = sentence;
}

// --- What a person does with a message ---

// Posts to a route of this thread's messages; gives a sentence where that failed, else nothing.
async function post(path, body) {
  try {
    const headers = { "Content-Type": "application/json" };
    const to = `${root}/limner/threads/${threadId}/messages${path}`;
    const reply = await fetch(to, { method: "POST", headers, body: JSON.stringify(body) });
    if (reply.ok) return "";
    const { error } = await reply.json().catch(() => ({}));
    return error || "The server could not take this: try again in a moment.";
  } catch {
    return "The server cannot be reached: check the connection and try again.";
  }
}

const actions = {
  regenerate: (button) => act(button, `/${button.value}/regenerate`),
  stop: (button) => act(button, `/${button.value}/stop`),
  choose: (button) => act(button, `/${button.value.replace(" ", "/choose?version=")}`),
  copy: copyPicture,
  zoom: zoom,
  edit: ({ value }) => write(askedFor(value)),
  new: startAgain,
};

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("button[name]");
  if (button && Object.hasOwn(actions, button.name) && !button.disabled) actions[button.name](button);
  const example = target.closest?.("#limner-thread .example");
  if (example) write(example.textContent.trim());
});

async function act(button, path) {
  if (button.classList.contains("limner-pressed")) return; // a second click
  button.classList.add("limner-pressed"); // not disabled, which would take the focus away
  const problem = await post(path);
  if (problem) say(problem, 8000);
  setTimeout(() => button.classList.remove("limner-pressed"), problem ? 0 : 1000); // if it is still there
}

function askedFor(id) {
  const row = find(`#message-${id}`).closest(".bot-row");
  return row.previousElementSibling.querySelector(".limner-prompt").textContent;
}

function startAgain() {
  if (!shown.size || !confirm("Start a new conversation? This one cannot be opened again.")) return;
  threadId = newThread();
  lastRev = null;
  shown.clear();
  complain("");
  show();
  connect();
  promptBox().focus();
}

// --- Copy: a PNG, whatever the picture's type, begun inside the click ---

async function copyPicture(button) {
  const image = button.closest("figure").querySelector("img");
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": asPng(image) })]);
    button.classList.add("limner-done");
    setTimeout(() => button.classList.remove("limner-done"), 1500);
    say("Copied.", 1500);
  } catch {
    say("This browser does not let the page copy: right-click the picture and choose Copy image, or download it.", 8000);
  }
}

async function asPng(image) {
  const blob = await (await fetch(image.src)).blob();
  if (blob.type === "image/png") return blob;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((png) => (png ? resolve(png) : reject(new Error("too large"))), "image/png");
  });
}

// --- Zoom: a modal dialog; any click, Esc, Enter and Space close it ---

const dialog = document.createElement("dialog");
dialog.className = "limner-zoom";
dialog.setAttribute("aria-label", "Picture in full size");
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  if (!event.repeat) dialog.close();
});
dialog.addEventListener("close", () => {
  document.documentElement.classList.remove("limner-still");
  find(`#${dialog.dataset.of} .limner-picture`)?.focus(); // the message may have been drawn anew meanwhile
});

function zoom(button) {
  const close = document.createElement("button");
  close.className = "limner-icon limner-close";
  close.title = "Close";
  close.setAttribute("aria-label", "Close");
  const { src, alt } = button.querySelector("img");
  dialog.replaceChildren(Object.assign(new Image(), { src, alt }), close);
  dialog.dataset.of = button.closest("article").id;
  document.documentElement.classList.add("limner-still");
  dialog.showModal();
}

// --- Words for screen readers, and for everybody where there is no better place ---

const announcer = document.createElement("div");
announcer.className = "limner-announcer";
announcer.setAttribute("role", "status");
document.body.append(announcer);
let hideAnnouncer;

function say(sentence, milliseconds = 0) {
  announcer.textContent = sentence;
  announcer.classList.toggle("limner-visible", milliseconds > 0);
  clearTimeout(hideAnnouncer);
  hideAnnouncer = setTimeout(() => announcer.classList.remove("limner-visible"), milliseconds);
}

function announce(before, state) {
  if (state === "running" && before !== "running") say("Generating image…");
  else if (state === "complete" && before === "running") say("The image is ready.");
  else if (state === "cancelled" && before === "running") say("Stopped."); // failures are alerts themselves
}

// --- What stays as it was while messages are drawn anew: the focus, and the place in the thread ---

let held = null; // the action that has the focus
let following = true; // the end of the thread stays in sight

document.addEventListener("focusin", ({ target }) => {
  const message = target.closest("article.limner");
  held = message && { message: message.id, name: target.name || "", title: target.title };
});
document.addEventListener("mousedown", ({ target }) => {
  if (!target.closest?.("button, a, input, textarea")) held = null;
});

function restoreFocus() {
  if (!held || document.activeElement !== document.body) return;
  const usable = [...document.querySelectorAll(`#${held.message} :is(a, button:not(:disabled))`)];
  const rank = ({ name, title }) => [name === held.name && title === held.title, name === held.name, name === "stop",
    name === "regenerate", true].indexOf(true);
  usable.sort((a, b) => rank(a) - rank(b))[0]?.focus({ preventScroll: true });
}

let height = 0; // of the thread when it was last looked at

const toEnd = new ResizeObserver(() => {
  const log = find("#limner-thread [role=log]");
  if (!log) return;
  if (following) log.scrollTop = log.scrollHeight;
  height = log.scrollHeight;
});

document.addEventListener("scroll", ({ target: log }) => {
  if (!log.matches?.("#limner-thread [role=log]") || log.scrollHeight !== height) return; // it grew: nobody scrolled
  following = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
}, true);

// A picture whose file is gone shows a card, not the browser's icon.
document.addEventListener("error", ({ target }) => {
  if (!target.matches?.(".limner-picture img")) return;
  target.parentElement.classList.add("limner-missing");
  target.parentElement.disabled = true;
}, true);

function tick() {
  for (const timer of document.querySelectorAll('.limner time[role="timer"]')) {
    const seconds = Math.max(0, Math.round((Date.now() + clockAhead - Date.parse(timer.dateTime)) / 1000));
    const text = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    if (timer.textContent !== text) timer.textContent = text;
  }
}

setInterval(tick, 250);

new MutationObserver(() => {
  const log = find("#limner-thread [role=log]");
  if (log) for (const box of [log, ...log.children]) toEnd.observe(box);
  // The Chatbot labels each message with the source of its HTML, and has every change read out.
  for (const message of document.querySelectorAll("#limner-thread [data-testid][aria-label]")) message.removeAttribute("aria-label");
  if (log && log.getAttribute("aria-live") !== "off") log.setAttribute("aria-live", "off");
  tick();
  restoreFocus();
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label", "aria-live"] });

connect();
