// What the page asks of the server. It runs after limner.js, in its scope.

const RETRY_AFTER = 1000; // milliseconds

function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// Posts to a route of this conversation's messages; returns a sentence if that failed, else an empty text, and
// the status of the answer if there was one. If the connection breaks before an answer comes, it is posted once
// more: by the key the server knows what it has begun already.
async function post(path, body) {
  const to = `${root}/limner/threads/${conversationId}/messages${path}`;
  const headers = { "Content-Type": "application/json", "Idempotency-Key": randomId() };
  const send = () => fetch(to, { method: "POST", headers, body: JSON.stringify(body) });
  try {
    const reply = await send().catch(() => wait(RETRY_AFTER).then(send));
    if (reply.ok) return { problem: "", status: reply.status };
    const { error } = await reply.json().catch(() => ({}));
    return { problem: error || "The server could not accept this: try again in a moment.", status: reply.status };
  } catch {
    return { problem: "The server cannot be reached: check the connection and try again." };
  }
}

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
