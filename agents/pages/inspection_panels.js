/* The decision */

function drawTypes(now) {
  const types = element("types");
  types.replaceChildren();
  element("type-now").textContent = now ? `${now.legal.filter(Boolean).length} of ` +
    `${data.types.length} legal` : "";
  if (now) data.types.forEach((type, at) => bar(types, { name: type.name, value: now.types[at],
    chosen: at === now.type, illegal: !now.legal[at] }));
}

function drawSelection(now) {
  const list = element("selection");
  list.replaceChildren();
  element("selection-now").textContent = now ? `${now.selected?.length ?? 0} selected, ` +
    `${now.selectable.length} selectable` : "";
  let note = !now || now.selected ? "" : "This action type selects nobody.";
  if (now?.picks) {
    note = "In the order of the picks, each with its probability; click one to see it on the map.";
    now.picks.slots.forEach((slot, at) => {
      const shares = rows(now.picks.probs, [at]), end = slot === now.picks.end;
      const name = end ? "end" : title(frame().entities[column(slot)]);
      bar(list, { name: `${at + 1}. ${name}`, chosen: true, shown: at === view.pick,
        value: shares[end ? shares.length - 1 : column(slot)],
        click: () => { view.pick = at; view.layer = "selection"; show(); } });
    });
  } else if (now?.membership) {
    note = "Each unit's own probability to be selected.";
    const shares = rows(now.membership, [0]);
    const order = now.selectable.map((slot) => [slot, shares[column(slot)]]);
    order.sort((one, other) => other[1] - one[1]);
    for (const [slot, value] of order) bar(list, { name: title(frame().entities[column(slot)]),
      value, chosen: now.selected.includes(slot) });
  }
  element("selection-note").textContent = note;
}

function drawTarget(now) {
  const list = element("target");
  list.replaceChildren();
  let note = now && !now.target && !now.cell ? "This action type has no target." : "", count = "";
  if (now?.target) {
    const shares = rows(now.target.probs, [0]);
    count = `unit, ${now.target.legal.length} legal`;
    const order = now.target.legal.map((slot) => [slot, shares[column(slot)]]);
    order.sort((one, other) => other[1] - one[1]);
    for (const [slot, value] of order) bar(list, { name: title(frame().entities[column(slot)]),
      value, chosen: slot === now.target.slot });
  } else if (now?.cell) {
    const shares = rows(now.cell.probs, [0]), [, across] = data.grid;
    count = `cell, ${shares.length} legal`;
    note = "The likeliest cells; rows count from the south, columns from the west.";
    const order = range(shares.length).sort((one, other) => shares[other] - shares[one]);
    const shown = new Set([...order.slice(0, 8), now.cell.cell]);
    for (const cell of order.filter((one) => shown.has(one))) bar(list, {
      name: `row ${Math.floor(cell / across)}, col ${cell % across}`, value: shares[cell],
      chosen: cell === now.cell.cell });
  }
  element("target-now").textContent = count;
  element("target-note").textContent = note;
}

function drawParts(now) {
  const table = element("parts");
  table.replaceChildren();
  const line = (cells, kind, cell = "td") => {
    const row = html("tr", kind ? { class: kind } : {}, table);
    cells.forEach((text) => html(cell, {}, row, text));
  };
  line(["", "log prob", "prob", "entropy, nats"], "", "th");
  let sum = 0, entropy = 0;
  for (const [name, [logProb, nats]] of Object.entries(now?.parts ?? {})) {
    line([name.replaceAll("_", " "), signed(logProb), share(Math.exp(logProb)), signed(nats)]);
    sum += logProb;
    entropy += nats;
  }
  if (now) line(["whole action", signed(sum), share(Math.exp(sum)), signed(entropy)], "sum");
}

/* Attention */

function drawAttention() {
  const found = attention(), entities = frame().entities;
  element("matrix").hidden = element("sides").hidden = !found;
  element("answers").replaceChildren();
  element("answers-title").textContent = "";
  if (!found) return;
  drawSides(entities);
  const height = Math.max(Math.min(18, 320 / found.count), 6), width = entities.length;
  const canvas = element("weights");
  canvas.width = Math.max(width, 1);
  canvas.height = found.count;
  canvas.style.height = `${height * found.count}px`;
  if (!width) return;
  const context = canvas.getContext("2d"), image = context.createImageData(width, found.count);
  const color = [1, 3, 5].map((at) => parseInt(accent().slice(at, at + 2), 16));
  for (const row of range(found.count)) {
    const shares = found.of(row), most = Math.max(...shares, 1e-9);
    shares.forEach((value, at) => image.data.set(
      [...color, Math.round(255 * value / most)], 4 * (row * width + at)));
  }
  context.putImageData(image, 0, 0);
  const row = element("this-row"), place = column(view.slot), mark = element("this-column");
  row.hidden = view.row < 0;
  row.style.top = `${100 * view.row / found.count}%`;
  row.style.height = `${100 / found.count}%`;
  mark.hidden = place < 0;
  mark.style.left = `${100 * place / width}%`;
  mark.style.width = `${100 / width}%`;
  if (found.kind === "latent") drawAnswers(found);
}

function drawSides(entities) {
  const strip = element("sides");
  strip.replaceChildren();
  for (const name of ["own", "enemy", "neutral"]) {
    const count = entities.filter((entity) => side(entity) === name).length;
    if (count) html("span", { class: name, style: `flex: ${count}` }, strip, `${name} ${count}`);
  }
}

const accent = () => getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();

function drawAnswers(found) {
  const block = decision().attention.answers, at = column(view.slot);
  const heading = element("answers-title");
  if (view.slot === null || at < 0) {
    heading.textContent = "Click an entity on the map to see which latents its query reads.";
    return;
  }
  heading.textContent = `What the query of ${title(frame().entities[at])} reads from each latent`;
  const entities = frame().entities.length;
  const heads = view.head < 0 ? range(found.heads) : [view.head];
  rows(block, heads.map((head) => head * entities + at)).forEach((value, latent) =>
    bar(element("answers"), { name: `latent ${latent}`, value, shown: latent === view.row,
      click: () => { view.row = latent; view.layer = "attention"; show(); } }));
}

function prepareAttention() {
  const found = frames[0].decision && attention();
  const note = element("attention-note");
  element("row-label").hidden = element("head-label").hidden = !found;
  if (!found) {
    note.textContent = "This encoder treats every entity by itself: there is no attention to show.";
    return;
  }
  note.textContent = found.kind === "latent"
    ? "A line per latent, a column per entity that exists (own, enemy, neutral); a line's " +
      "strongest weight has the full color. Click a line to see it on the map."
    : "A line per layer, a column per entity: how much the entities read from it, on average " +
      "over those that exist. Click a line to see it on the map.";
  element("row-name").textContent = found.kind === "latent" ? "Latent" : "Layer";
  html("option", { value: -1 }, element("row"), "mean");
  range(found.count).forEach((at) => html("option", { value: at }, element("row"), at));
  element("head-label").hidden = found.heads === 1;
  html("option", { value: -1 }, element("head"), "mean");
  range(found.heads).forEach((at) => html("option", { value: at }, element("head"), at));
}
