// The AI SDK's road to a picture: node ai_sdk.mjs ADDRESS PICTURES AT_ONCE

import { createInterface } from "node:readline/promises";
import { createOpenAI } from "@ai-sdk/openai";
import { generateImage } from "ai";

const [address, pictures, atOnce] = process.argv.slice(2);
const model = createOpenAI({ apiKey: "sk-benchmark", baseURL: address }).image("gpt-image-1");

async function make() {
  const { image } = await generateImage({ model, prompt: "A fox in the snow, at dusk", size: "1024x1024", maxRetries: 0 });
  return image.uint8Array.length;
}

for (let each = 0; each < 3; each += 1) await make();
console.log("warm");
const lines = createInterface({ input: process.stdin });
await lines[Symbol.asyncIterator]().next();
let left = Number(pictures);
async function work() {
  while (left > 0) {
    left -= 1;
    await make();
  }
}
await Promise.all(Array.from({ length: Number(atOnce) }, work));
console.log("{}");
process.exit();
