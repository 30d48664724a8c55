"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const frames = data.frames, last = frames.length - 1;
const view = { step: 0, layer: "attention", row: -1, head: -1, pick: 0, slot: null, zoom: false, timer: null };
const element = (id) => document.getElementById(id);
// The picture is dark in either scheme, so colors on it are fixed.
const HALO = { attention: "#ff79dc", selection: "#6ee79a", target: "#ffb057" };

/* Numbers */

const unpacked = new WeakMap();

function unpack(block) {
  if (!unpacked.has(block)) {
    const bytes = Uint8Array.from(atob(block.levels), (letter) => letter.charCodeAt(0));
    const width = block.shape[block.shape.length - 1];
    unpacked.set(block, Float32Array.from(bytes, (level, at) =>
      level / 255 * block.largest[Math.floor(at / width)]));
  }
  return unpacked.get(block);
}

// Row `at` of the last axis; several rows are averaged.
function rows(block, indices) {
  const all = unpack(block), width = block.shape[block.shape.length - 1];
  const mean = new Float32Array(width);
  for (const at of indices)
    for (let k = 0; k < width; k++) mean[k] += all[at * width + k] / indices.length;
  return mean;
}

const range = (count) => Array.from({ length: count }, (_, at) => at);
const signed = (number) => (number < 0 ? "\u2212" : "") + Math.abs(number).toPrecision(3);
const share = (number) => number >= 0.9995 ? "1" : number < 0.0005 ? (number > 0 ? "<.001" : "0")
  : number.toFixed(3).replace(/^0/, "");
const title = (entity) => `${entity[1].replaceAll("_", " ")} #${entity[0]}`;
const side = (entity) => ["own", "enemy", "neutral"][entity[2]];

/* Building elements */

function svg(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

function html(name, attributes, parent, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

function bar(parent, { name, value, chosen, illegal, shown, click, hint }) {
  const kind = ["row", chosen && "chosen", illegal && "illegal", shown && "shown"];
  const row = html(click ? "button" : "div", { class: kind.filter(Boolean).join(" ") }, parent);
  html("span", { class: "name" }, row, (chosen ? "\u25b8 " : "") + name);
  const track = html("span", { class: "track" }, row);
  html("span", { class: "fill", style: `width:${(100 * Math.min(value, 1)).toFixed(2)}%` }, track);
  html("span", { class: "share" }, row, illegal ? "\u2013" : share(value));
  row.title = hint ?? `${name}: ${value.toPrecision(4)}`;
  if (click) row.addEventListener("click", click);
  return row;
}

/* What the current step holds */

const frame = () => frames[view.step];
const decision = () => frame().decision;
const column = (slot) => frame().entities.findIndex((entity) => entity[0] === slot);

// Rows of the attention matrix and the share that each gives to every entity.
function attention() {
  const found = decision()?.attention;
  if (!found) return null;
  if (found.reads) {
    const [heads, latents] = found.reads.shape;
    const chosen = view.head < 0 ? range(heads) : [view.head];
    const of = (latent) => rows(found.reads, chosen.map((head) => head * latents + latent));
    return { kind: "latent", count: latents, heads, of };
  }
  const [layers, heads] = found.received.shape;
  const chosen = view.head < 0 ? range(heads) : [view.head];
  const of = (layer) => rows(found.received, chosen.map((head) => layer * heads + head));
  return { kind: "layer", count: layers, heads, of };
}

function attentionOfRow() {
  const found = attention();
  if (!found) return null;
  if (view.row >= 0 && view.row < found.count) return found.of(view.row);
  const mean = new Float32Array(frame().entities.length);
  for (const row of range(found.count))
    found.of(row).forEach((weight, at) => { mean[at] += weight / found.count; });
  return mean;
}

function selectionShares() {
  const now = decision();
  if (now?.membership) return rows(now.membership, [0]);
  if (now?.picks) return rows(now.picks.probs, [Math.min(view.pick, now.picks.slots.length - 1)]);
  return null;
}
