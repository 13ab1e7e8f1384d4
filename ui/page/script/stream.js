// The connection to the server: everything newer than the last revision, as it happens.

import { find } from "./dom.js";
import { address } from "./server.js";

const RECONNECT_AFTER = 2000; // milliseconds

let source = null;
let path = "";
let take = null; // what is called with each event
let lastRev = 0;
let reconnecting;
export let clockAhead = 0; // milliseconds that the server's clock is ahead of ours

// Follows a conversation; `take` gets each event, and whether it is the first.
export function follow(conversation, takeEvent) {
  [path, take, lastRev] = [`threads/${conversation}/events`, takeEvent, 0];
  connect();
}

// Follows nothing more.
export function unfollow() {
  path = "";
  connect();
  setOffline(false);
}

export function connect() {
  source?.close();
  clearTimeout(reconnecting);
  if (!path) return;
  let isFirst = lastRev === 0;
  source = new EventSource(`${address(path)}?since=${lastRev}`);
  source.onopen = () => setOffline(false);
  source.onerror = () => {
    setOffline(true);
    // EventSource tries again by itself, but not after an answer such as a proxy's 502.
    if (source.readyState === EventSource.CLOSED) reconnecting = setTimeout(connect, RECONNECT_AFTER);
  };
  source.onmessage = ({ data, lastEventId }) => {
    const event = JSON.parse(data);
    clockAhead = event.now * 1000 - Date.now();
    take(event, isFirst || event.reset);
    if (event.more) return; // of the same change
    isFirst = false;
    lastRev = lastEventId;
  };
}

// Closes the connection of a page that nobody sees: browsers allow six to one server.
export function rest() {
  source?.close();
}

function setOffline(isOffline) {
  const page = find("#limner");
  if (page.classList.toggle("limner-offline", isOffline) !== isOffline) return;
  if (!isOffline) document.dispatchEvent(new Event("limner-online"));
}

addEventListener("online", connect);
