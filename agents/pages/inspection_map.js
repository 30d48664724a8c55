/* The map */

function cellBox(cell) {
  const [left, top, right, bottom] = data.map, [down, across] = data.grid;
  const width = (right - left) / across, height = (bottom - top) / down;
  const row = Math.floor(cell / across);
  return { x: left + (cell % across) * width, y: bottom - (row + 1) * height, width, height };
}

// What of the picture the entities of the whole game need, in the shape of the picture.
function closeUp() {
  const all = frames.flatMap((one) => one.entities), [width, height] = data.size;
  const ends = (at) => all.reduce(([low, high], entity) =>
    [Math.min(low, entity[at] - 3 * entity[5]), Math.max(high, entity[at] + 3 * entity[5])],
  [Infinity, -Infinity]);
  const [left, right] = ends(3), [top, bottom] = ends(4);
  const scale = Math.min(1, Math.max((right - left) / width, (bottom - top) / height, 0.2));
  const inside = (low, high, size) =>
    Math.max(0, Math.min(size * (1 - scale), (low + high - size * scale) / 2));
  return [inside(left, right, width), inside(top, bottom, height), width * scale, height * scale];
}

function drawHalos(overlay, shares, color) {
  const most = Math.max(...shares, 1e-9);
  frame().entities.forEach((entity, at) => {
    const strength = shares[at] / most;
    if (strength < 0.004) return;
    svg("circle", { class: "halo", cx: entity[3], cy: entity[4], r: entity[5] * (1.1 + 0.7 * strength),
      fill: color, "fill-opacity": (0.05 + 0.25 * strength).toFixed(3),
      stroke: color, "stroke-opacity": strength.toFixed(3), "stroke-width": Math.min(1.5, entity[5] / 6) }, overlay);
  });
}

function drawCells(overlay, cell) {
  const shares = rows(cell.probs, [0]), most = Math.max(...shares);
  shares.forEach((value, at) => {
    if (value / most < 0.02) return;
    svg("rect", { class: "halo", ...cellBox(at), fill: HALO.target,
      "fill-opacity": (0.65 * value / most).toFixed(3) }, overlay);
  });
}

function drawChoice(overlay) {
  const now = decision();
  (now.selected ?? []).forEach((slot) => {
    const entity = frame().entities[column(slot)];
    svg("circle", { class: "halo picked", cx: entity[3], cy: entity[4], r: entity[5] + 0.5,
      fill: "none", stroke: HALO.selection, "stroke-width": 1.5 }, overlay);
  });
  if (now.picks) now.picks.slots.forEach((slot, at) => {
    if (slot === now.picks.end) return;
    const entity = frame().entities[column(slot)];
    svg("text", { class: "number", x: entity[3], y: entity[4] + 3.4 }, overlay)
      .textContent = at + 1;
  });
  const mark = { class: "halo aim", fill: "none", stroke: HALO.target, "stroke-width": 1.8,
    "stroke-dasharray": "4 2.5" };
  if (now.cell) svg("rect", { ...mark, ...cellBox(now.cell.cell) }, overlay);
  const aim = now.target && frame().entities[column(now.target.slot)];
  if (aim) svg("circle", { ...mark, cx: aim[3], cy: aim[4], r: aim[5] + 3 }, overlay);
}

function drawMap() {
  const overlay = element("overlay"), now = decision();
  element("picture").setAttribute("href", frame().picture);
  element("stage").setAttribute("viewBox", (view.zoom ? closeUp() : [0, 0, ...data.size]).join(" "));
  overlay.replaceChildren();
  let caption = now ? "" : "The end of the game: nothing is decided here.";
  if (now && view.layer === "attention") {
    const shares = attentionOfRow(), found = attention();
    if (shares) drawHalos(overlay, shares, HALO.attention);
    const who = !found ? "" : view.row < 0 ? `the mean of all ${found.kind}s`
      : `${found.kind} ${view.row}`;
    const how = found?.kind === "layer" ? "How much the entities read from each, on average; "
      : "How much is read from each entity: ";
    caption = shares ? `${how}${who}. The strongest halo is ${share(Math.max(...shares))}.`
      : "This encoder treats every entity by itself: there is no attention.";
  }
  if (now && view.layer === "selection") {
    const shares = selectionShares();
    if (shares) drawHalos(overlay, shares, HALO.selection);
    caption = !shares ? "This action selects nobody."
      : now.picks ? `Probability of each unit at pick ${view.pick + 1}.`
        : "Probability of each unit to be selected.";
  }
  if (now && view.layer === "target") {
    if (now.target) drawHalos(overlay, rows(now.target.probs, [0]), HALO.target);
    if (now.cell) drawCells(overlay, now.cell);
    caption = now.target ? "Probability of each unit to be the target."
      : now.cell ? "Probability of each cell to be the target." : "This action has no target.";
  }
  if (now && view.layer !== "none") drawChoice(overlay);
  frame().entities.forEach((entity) => {
    const hit = svg("circle", { class: "entity", cx: entity[3], cy: entity[4],
      r: Math.max(entity[5], 9), tabindex: 0, role: "button", "aria-label": title(entity),
      stroke: entity[0] === view.slot ? "#fff" : "none", "stroke-width": 2 }, overlay);
    svg("title", {}, hit).textContent =
      `${title(entity)}, ${side(entity)}, ${Math.round(100 * entity[6])} % health`;
    const choose = () => { view.slot = view.slot === entity[0] ? null : entity[0]; show(); };
    hit.addEventListener("click", choose);
    hit.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(); });
  });
  element("caption").textContent = caption;
}
