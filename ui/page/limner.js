// The page's script. It holds a conversation's id and the last revision; what it shows comes from the server,
// message by message, and goes into the Chatbot unchanged. `props` and `trigger` are gradio's.

const root = new URL(window.gradio_config?.root || "/", location.href).pathname.replace(/\/$/, "");
const find = (selector) => document.querySelector(selector);

// Reads or writes what outlives the page; nothing does if the browser forbids storage.
function stored(kind, key, value) {
  try {
    return value === undefined ? window[kind].getItem(key) : window[kind].setItem(key, value);
  } catch {
    return null;
  }
}

// --- The conversation: everything newer than the last revision ---

const shown = new Map(); // message id -> {prompt, answer, state}, in order
let conversationId = stored("localStorage", "limner.conversation") || newConversation();
let lastRev = null; // until the server has sent what there is
let clockAhead = 0; // milliseconds that the server's clock is ahead of ours
let stream = null;
let reconnecting;

function newConversation() {
  const id = randomId();
  stored("localStorage", "limner.conversation", id);
  return id;
}

function connect() {
  stream?.close();
  clearTimeout(reconnecting);
  stream = new EventSource(`${root}/limner/threads/${conversationId}/events?since=${lastRev ?? 0}`);
  stream.onopen = () => {
    document.body.classList.remove("limner-offline");
    reloadPictures();
  };
  stream.onerror = () => {
    document.body.classList.add("limner-offline");
    // EventSource tries again by itself, but not after an answer such as a proxy's 502.
    if (stream.readyState === EventSource.CLOSED) reconnecting = setTimeout(connect, 2000);
  };
  stream.onmessage = ({ data, lastEventId }) => {
    const { now, messages, more } = JSON.parse(data);
    clockAhead = now * 1000 - Date.now();
    for (const message of messages) {
      for (const part of ["prompt", "answer"]) message[part] = message[part].replaceAll('="limner/', `="${root}/limner/`);
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
  props.value = `${conversationId} ${lastRev}`;
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
  focusPrompt();
}

function focusPrompt() {
  if (matchMedia("(pointer: fine)").matches) promptBox().focus(); // elsewhere it would raise the keyboard
}

document.addEventListener("input", ({ target }) => {
  if (target === promptBox()) stored("sessionStorage", "limner.draft", target.value);
});

(function begin() {
  if (!promptBox()) return requestAnimationFrame(begin);
  const draft = stored("sessionStorage", "limner.draft");
  if (draft && !promptBox().value) write(draft);
  else if (document.activeElement === document.body) focusPrompt(); // gradio's autofocus takes the focus again later
})();

window.limnerSend = async (controls, values, hidden) => {
  const prompt = promptBox().value;
  if (!prompt.trim()) { // also a second click: the first one emptied the box
    if (chips.length) say("Describe what should change.", 8000);
    return;
  }
  if (isHeldBack() || isMisfit()) return;
  write("");
  complain("");
  following = true;
  const inputs = takeChips();
  const { problem } = await post("", { prompt, ...namesOf(inputs), ...wishes(controls, values, hidden) });
  complain(problem);
  if (problem && !promptBox().value) write(prompt);
  if (problem && !chips.length) inputs.forEach(addChip);
};

function complain(sentence) {
  find("#limner-error p").textContent = sentence;
}

// --- What a person does with a message ---

const actions = {
  copy: copyPicture,
  zoom: (button) => (isUnloaded(button) ? reload(button) : zoom(button)),
  edit: ({ value }) => editAgain(value),
  put_in: putIn,
  new: startAgain,
};

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("button[name]");
  if (button && !button.disabled) {
    if (Object.hasOwn(actions, button.name)) actions[button.name](button);
    else if (button.closest("article.limner")) act(button); // what the server does has no entry here
  }
  const example = target.closest?.("#limner-conversation .example");
  if (example) write(example.textContent.trim());
});

// Posts the action that a button is named after; its value is the message, and a version if there is one.
async function act(button) {
  if (button.classList.contains("limner-pressed")) return; // a second click
  button.classList.add("limner-pressed"); // not disabled, which would take the focus away
  const [message, version] = button.value.split(" ");
  const { problem, status } = await post(`/${message}/${button.name}${version ? `?version=${version}` : ""}`);
  if (status === 409 && button.name === "regenerate") askForSeed(message);
  else if (problem) say(problem, 8000);
  setTimeout(() => button.classList.remove("limner-pressed"), problem ? 0 : 1000); // if it is still there
}

function editAgain(id) {
  const isInUse = promptBox().value.trim() || chips.length;
  if (isInUse && !confirm("Replace what is in the composer?")) return;
  write(find(`#asked-${id} .limner-prompt`).textContent);
  bringBack(find(`#asked-${id}`));
}

function startAgain() {
  const alsoGone = chips.length ? " The pictures in the composer go with it." : "";
  if (!shown.size && !chips.length) return;
  if (!confirm(`Start a new conversation? This one cannot be opened again.${alsoGone}`)) return;
  conversationId = newConversation();
  lastRev = null;
  shown.clear();
  complain("");
  takeChips();
  show();
  connect();
  promptBox().focus();
}

// --- Texts for screen readers, and for everybody if there is no better place ---

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

// --- What stays while messages are drawn again: the focus, the scroll position, and a preview until the next is there ---

let held = null; // the action that has the focus
let following = true; // the end of the conversation stays in view

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

const previews = new Map(); // message -> the address of its preview that was loaded last

document.addEventListener("load", ({ target }) => {
  if (target.matches?.(".limner-preview")) previews.set(target.closest("article").id, target.src);
}, true);

function layPreviews() {
  for (const image of document.querySelectorAll(".limner-preview")) {
    const before = previews.get(image.closest("article").id);
    if (before && before !== image.src) image.style.backgroundImage = `url("${before}")`;
  }
}

let height = 0; // of the conversation at the last look

const toEnd = new ResizeObserver(() => {
  const log = find("#limner-conversation [role=log]");
  if (!log) return;
  if (following) log.scrollTop = log.scrollHeight;
  height = log.scrollHeight;
});

document.addEventListener("scroll", ({ target: log }) => {
  if (!log.matches?.("#limner-conversation [role=log]") || log.scrollHeight !== height) return; // it grew: nobody scrolled
  following = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
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
  const log = find("#limner-conversation [role=log]");
  if (log) for (const box of [log, ...log.children]) toEnd.observe(box);
  // The Chatbot labels each message with the source of its HTML, and has every change read out.
  for (const message of document.querySelectorAll("#limner-conversation [data-testid][aria-label]")) message.removeAttribute("aria-label");
  if (log && log.getAttribute("aria-live") !== "off") log.setAttribute("aria-live", "off");
  tick();
  layPreviews();
  restoreFocus();
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label", "aria-live"] });

connect();
