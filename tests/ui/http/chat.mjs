// A chat of the AI SDK: node chat.mjs ADDRESS; each line that it reads is one turn, and it writes what came of it.

import { createInterface } from "node:readline/promises";
import { AbstractChat, DefaultChatTransport } from "ai";

class State {
  status = "ready";
  error = undefined;
  messages = [];
  pushMessage = (message) => this.messages.push(message);
  popMessage = () => this.messages.pop();
  replaceMessage = (index, message) => (this.messages[index] = message);
  snapshot = (value) => structuredClone(value);
}

class Chat extends AbstractChat {
  constructor(api) {
    super({ state: new State(), transport: new DefaultChatTransport({ api }) });
  }
}

const chat = new Chat(`${process.argv[2]}/api/chat`);
for await (const line of createInterface({ input: process.stdin })) {
  const { turn, message, body } = JSON.parse(line);
  if (turn === "stop") await chat.stop();
  else {
    if (turn === "new") chat.messages = [];
    const work = turn === "regenerate" ? chat.regenerate({ body }) : chat.sendMessage(message, { body });
    if (turn === "begin") continue;
    await work;
  }
  const { status, error, messages } = chat;
  console.log(JSON.stringify({ status, error: error?.message, code: error?.statusCode, messages }));
}
