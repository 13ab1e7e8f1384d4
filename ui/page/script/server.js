// What the page asks of the server.

import { randomId, root, wait } from "./dom.js";

const RETRY_AFTER = 1000; // milliseconds
const UNREACHABLE = "The server cannot be reached: check the connection and try again.";
export const NOT_ACCEPTED = "The server could not accept this: try again in a moment.";
export const FILE_NOT_SENT = "The server cannot be reached, or the file cannot be read: try again.";

export const address = (path) => `${root}/limner/${path}`;

// Gets JSON. Never fails: `problem` is a sentence for the person if there is no answer to use.
export async function get(path, signal) {
  try {
    return await read(await fetch(address(path), { signal }));
  } catch (error) {
    return { ok: false, status: 0, data: {}, problem: UNREACHABLE, aborted: error.name === "AbortError" };
  }
}

// Sends JSON, and takes the answer in the same form. If the connection breaks before an answer comes, it is sent once
// more: by the key the server knows what it has begun already.
export async function send(method, path, body, key = randomId()) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  const begin = () => fetch(address(path), { method, headers, body: JSON.stringify(body) });
  try {
    return await read(await begin().catch(() => wait(RETRY_AFTER).then(begin)));
  } catch {
    return { ok: false, status: 0, data: {}, problem: UNREACHABLE };
  }
}

// Whether the server has no file at an address any more; null if it cannot be reached.
export async function isGone(url) {
  try {
    const reply = await fetch(url, { method: "HEAD", cache: "no-store" });
    // A proxy in front may say 404 as well while the server is away, but not as JSON.
    return reply.status === 404 && !!reply.headers.get("content-type")?.startsWith("application/json");
  } catch {
    return null;
  }
}

async function read(reply) {
  const data = await reply.json().catch(() => ({}));
  if (reply.status === 401) document.dispatchEvent(new Event("limner-signed-out"));
  return { ok: reply.ok, status: reply.status, data, problem: reply.ok ? "" : data.error || NOT_ACCEPTED };
}
