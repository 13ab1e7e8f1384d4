// OpenAI's SDK for Node, as people use it: it says on one line what became of each request.
import OpenAI, { toFile } from "openai";

const sdk = new OpenAI({ baseURL: process.argv[2], apiKey: "none" });
const said = {};

const made = await sdk.images.generate({
  prompt: "a red fox in the snow, at dawn",
  model: "sketch/sketch-1",
  size: "512x512",
  quality: "standard",
  seed: 4217,
});
said.picture = made.data[0].b64_json;
said.size = made.size;
said.metadata = made.data[0].metadata;

const file = await toFile(Buffer.from(said.picture, "base64"), "fox.png", { type: "image/png" });
const edited = await sdk.images.edit({ image: [file, file], prompt: "in winter", response_format: "url" });
said.edited = edited.data[0].url;

const stream = await sdk.images.generate({ prompt: "a fox", size: "256x256", stream: true });
said.events = [];
for await (const event of stream) said.events.push(event.type);

said.models = [];
for await (const model of sdk.models.list()) said.models.push(model.id);
said.model = (await sdk.models.retrieve("sketch/sketch-1")).owned_by;

said.errors = {};
for (const outcome of ["content-filter", "auth", "quota", "timeout", "provider", "bad-response"]) {
  try {
    await sdk.images.generate({ prompt: `no picture: ${outcome}`, outcome });
  } catch (error) {
    said.errors[outcome] = [error.constructor.name, error.status, error.code];
  }
}
console.log(JSON.stringify(said));
