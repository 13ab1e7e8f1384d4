// Everything that is known of a picture, in a dialog: as a table for people, and as JSON.

import { closeOnBack } from "./back.js";
import { copyText } from "./copy.js";
import { find, make } from "./dom.js";

const LABELS = {
  prompt: "Prompt", provider: "Provider", model: "Model", size: "Size", seed: "Seed",
  negative_prompt: "Leave out", options: "Options", requested: "Asked for", picture: "Picture",
  started: "Started", duration: "Time taken", cost: "Cost", paid: "Costs money",
  revised_prompt: "Revised prompt", text: "Words beside the picture", warnings: "Warnings", usage: "Usage",
  request_id: "Request id", signed: "Signed", from_pictures: "Made from pictures", failure: "Failure",
  metadata: "From the service", version: "Version", status: "Status", sha256: "SHA-256",
};
const ORDER = Object.keys(LABELS);
const INSIDE = `
  <header>
    <h2 id="limner-facts-title" dir="auto"></h2>
    <span>
      <button type="button" name="table">Table</button><button type="button" name="json">JSON</button>
    </span>
  </header>
  <div class="limner-facts-page" tabindex="0"></div>
  <footer>
    <p role="status"></p>
    <button type="button" name="copy-table">Copy text</button>
    <button type="button" name="copy-json">Copy JSON</button>
    <button type="button" name="close">Close</button>
  </footer>`;

// Shows what `data` holds, by names of the server; what it lacks is left out.
export function openDetails(data, { title = "Details" } = {}) {
  const rows = rowsOf(forPeople(data));
  const json = JSON.stringify(data, null, 2);
  const named = { className: "limner-facts", "aria-labelledby": "limner-facts-title" };
  const dialog = make("dialog", { ...named, innerHTML: INSIDE });
  const inside = (selector) => find(selector, dialog);
  const table = make("table", {}, make("tbody", {}, ...rows.map(([label, value]) =>
    make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, drawn(value))))));
  const source = make("pre", { dir: "ltr" }, json);

  const turn = (name) => {
    inside(".limner-facts-page").replaceChildren(name === "json" ? source : table);
    for (const one of ["table", "json"]) inside(`[name=${one}]`).setAttribute("aria-pressed", one === name);
  };
  const copy = async (text) => {
    const status = inside("[role=status]");
    status.textContent = ""; // so that the same sentence is read out again
    status.textContent = await copyText(text);
  };
  const tools = {
    table: () => turn("table"),
    json: () => turn("json"),
    "copy-table": () => copy(rows.map(([label, value]) => `${label}: ${written(value)}`).join("\n")),
    "copy-json": () => copy(json),
    close: () => dialog.close(),
  };

  inside("h2").textContent = title;
  turn("table");
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close(); // beside it
    else tools[target.closest("button")?.name]?.();
  });
  const opener = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
  });
  find("#limner").append(dialog);
  dialog.showModal();
  inside("[name=close]").focus(); // `autofocus` is refused in a frame
  closeOnBack(dialog);
}

// --- What is known, as rows of a label and a value: a text, a list, or rows again ---

// Says each thing once, and leaves out what says nothing; the JSON has it all.
function forPeople({ message, turn, status, width, height, media_type: type, bytes, cost_from_usage: isExact, requested = {}, ...data }) {
  const known = Object.entries({ ...data, ...(status !== "complete" && { status }) }).filter(([, value]) => value !== false);
  const { images, mask, ...choices } = requested;
  const isNews = ([name, value]) => JSON.stringify(value) !== JSON.stringify(data[name]);
  const all = { ...Object.fromEntries(known), requested: Object.fromEntries(Object.entries(choices).filter(isNews)) };
  if (images) all.from_pictures = images.map(({ filename }) => filename);
  if (all.started) all.started = new Date(all.started).toLocaleString("en", { dateStyle: "long", timeStyle: "short" });
  if (all.cost) all.cost = isExact ? `${all.cost}, by what the service used` : `about ${all.cost}, by the price of the model`;
  for (const one of [all, all.requested]) if (one.size) one.size = one.size.replace("x", " × ");
  if (all.size === `${width} × ${height}`) delete all.size;
  if (!width) return all;
  const weight = bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const kind = type.replace(/^image\/|\+xml$/g, "").toUpperCase();
  return { ...all, picture: `${width} × ${height} pixels, ${kind}, ${weight}` };
}

function rowsOf(all) {
  const rank = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.keys(all)
    .filter((name) => !name.endsWith("_label") && isKnown(all[name]))
    .sort((one, other) => rank(one) - rank(other))
    .map((name) => [labelOf(name), valueOf(name, all)]);
}

function isKnown(value) {
  if (value === null || value === undefined || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function labelOf(name) {
  if (Object.hasOwn(LABELS, name)) return LABELS[name];
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function valueOf(name, all) {
  const value = all[name];
  const label = all[`${name}_label`];
  if (name === "duration" && Number.isFinite(value)) return `${value.toFixed(1)} s`;
  if ([label, value].every((one) => typeof one === "string")) {
    return label.toLowerCase() === value.toLowerCase() ? label : `${label} (${value})`;
  }
  return plain(value);
}

function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === true) return "Yes";
  if (value === false) return "No";
  if (value === null) return "—";
  if (typeof value !== "object") return String(value);
  const { feature, details } = value; // a warning
  return feature && details ? `${labelOf(feature)}: ${details}` : { rows: rowsOf(value) };
}

function drawn(value) {
  if (Array.isArray(value)) return make("ul", {}, ...value.map((one) => make("li", {}, drawn(one))));
  if (!value.rows) return make("span", { dir: "auto" }, value);
  return make("dl", {}, ...value.rows.map(([label, one]) =>
    make("div", {}, make("dt", {}, label), make("dd", {}, drawn(one)))));
}

function written(value) {
  if (Array.isArray(value)) return value.map(written).join("; ");
  return value.rows ? value.rows.map(([label, one]) => `${label} ${written(one)}`).join(", ") : value;
}
