// What the page asks of the server. It runs after limner.js, in its scope.

// Posts to a route of this conversation's messages; returns a sentence if that failed, else an empty text, and
// the status of the answer if there was one.
async function post(path, body) {
  try {
    const headers = { "Content-Type": "application/json" };
    const to = `${root}/limner/threads/${conversationId}/messages${path}`;
    const reply = await fetch(to, { method: "POST", headers, body: JSON.stringify(body) });
    if (reply.ok) return { problem: "", status: reply.status };
    const { error } = await reply.json().catch(() => ({}));
    return { problem: error || "The server could not accept this: try again in a moment.", status: reply.status };
  } catch {
    return { problem: "The server cannot be reached: check the connection and try again." };
  }
}
