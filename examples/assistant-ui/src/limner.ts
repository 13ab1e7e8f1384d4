// Limner as a model of assistant-ui: a prompt in, an image part or a sentence out.
import type { ChatModelAdapter, ThreadMessage, ThreadMessageLike } from "@assistant-ui/react";

const threads = () => location.hash.slice(1).split(",").filter(Boolean);

function promptOf(message: ThreadMessage | undefined) {
  return (message?.content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}

export const limner: ChatModelAdapter = {
  async run({ messages, abortSignal }) {
    const response = await fetch("/api/image", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ prompt: promptOf(messages.at(-1)) }),
      signal: abortSignal, // Limner stops a picture whose client goes away
    });
    const reply = await response.json().catch(() => ({ error: "Limner does not answer: is it running?" }));
    // Each request has a thread of its own; the address keeps their ids, and so survives a reload.
    if (reply.thread) history.replaceState(null, "", `#${[...threads(), reply.thread]}`);
    if (response.ok) return { content: [{ type: "image", image: reply.image, filename: reply.filename }] };
    const reason = reply.reason === "content-filter" ? "content-filter" : "error";
    return { content: [{ type: "text", text: reply.error }], status: { type: "incomplete", reason } };
  },
};

export async function reopen(): Promise<ThreadMessageLike[]> {
  const opened = threads().map(async (id) => {
    const response = await fetch(`/api/threads/${id}`);
    return response.ok ? ((await response.json()) as ThreadMessageLike[]) : [];
  });
  const messages = (await Promise.all(opened)).flat();
  return messages.map((message) => ({ ...message, createdAt: new Date(message.createdAt!) }));
}
