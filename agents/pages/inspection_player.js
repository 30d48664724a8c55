/* Values */

const CHART = { width: 600, height: 110 };

function drawValues() {
  const chart = element("values");
  chart.setAttribute("viewBox", `0 0 ${CHART.width} ${CHART.height}`);
  chart.setAttribute("preserveAspectRatio", "none");
  const values = frames.slice(0, last).map((one) => one.decision.value);
  const rewards = frames.slice(0, last).map((one) => one.reward);
  const most = Math.max(...values, ...rewards, 0), least = Math.min(...values, ...rewards, 0);
  const x = (step) => step / Math.max(last, 1) * CHART.width;
  const y = (value) => 4 + (most - value) / (most - least || 1) * (CHART.height - 8);
  svg("line", { class: "values-zero", x1: 0, x2: CHART.width, y1: y(0), y2: y(0) }, chart);
  rewards.forEach((reward, step) => svg("rect", { class: "values-bar", x: x(step),
    width: Math.max(0.7 * x(1), 1), y: Math.min(y(reward), y(0)),
    height: Math.abs(y(reward) - y(0)) }, chart));
  const points = values.map((value, step) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
  svg("polyline", { class: "values-line", points: points.join(" ") }, chart);
  svg("line", { class: "values-mark", id: "mark", y1: 0, y2: CHART.height }, chart);
  chart.addEventListener("click", (event) => {
    const box = chart.getBoundingClientRect();
    go(Math.round((event.clientX - box.left) / box.width * last));
  });
}

/* Playing */

function show() {
  const now = decision(), total = frames.slice(0, view.step).reduce((sum, one) => sum + one.reward, 0);
  if (now?.picks) view.pick = Math.min(view.pick, now.picks.slots.length - 1);
  element("slider").value = view.step;
  element("clock").textContent = `step ${view.step} / ${last}, loop ${frame().loop}`;
  element("value-now").textContent = (now ? `value ${signed(now.value)}, reward ` +
    `${signed(frame().reward)}, ` : "") + `return so far ${signed(total)}`;
  document.querySelectorAll("input[name=layer]").forEach((button) => {
    button.checked = button.value === view.layer;
  });
  element("zoom").checked = view.zoom;
  element("row").value = view.row;
  element("head").value = view.head;
  const mark = element("mark"), at = view.step / Math.max(last, 1) * CHART.width;
  mark.setAttribute("x1", at);
  mark.setAttribute("x2", at);
  drawMap();
  drawTypes(now);
  drawSelection(now);
  drawTarget(now);
  drawParts(now);
  drawAttention();
}

function go(step) {
  view.step = Math.max(0, Math.min(last, step));
  show();
}

function play(on) {
  clearInterval(view.timer);
  view.timer = on ? setInterval(() => { view.step < last ? go(view.step + 1) : play(false); },
    Number(element("speed").value)) : null;
  element("play").textContent = on ? "Pause" : "Play";
}

function toggle() {
  if (view.timer === null && view.step === last) go(0);
  play(view.timer === null);
}

const KEYS = {
  ArrowLeft: () => go(view.step - 1), ArrowRight: () => go(view.step + 1),
  Home: () => go(0), End: () => go(last), " ": toggle,
};

function start() {
  const name = `${data.about.agent} in ${data.about.scenario}`;
  document.title = element("title").textContent = name;
  for (const [key, value] of Object.entries(data.about)) {
    if (key === "agent" || key === "scenario") continue;
    const pair = html("div", {}, element("about"));
    html("dt", {}, pair, key);
    html("dd", {}, pair, value);
  }
  element("picture").setAttribute("width", data.size[0]);
  element("picture").setAttribute("height", data.size[1]);
  element("slider").max = last;
  prepareAttention();
  if (!attention()) view.layer = "selection";
  drawValues();
  // A link can name a moment: game.html#step=12&layer=target&entity=3&row=1&closeup
  const link = new URLSearchParams(location.hash.slice(1));
  view.layer = link.get("layer") ?? view.layer;
  view.zoom = link.has("closeup");
  view.row = Number(link.get("row") ?? view.row);
  view.slot = link.has("entity") ? Number(link.get("entity")) : null;
  go(Number(link.get("step") ?? 0));
}

element("slider").addEventListener("input", (event) => go(Number(event.target.value)));
element("back").addEventListener("click", () => go(view.step - 1));
element("forward").addEventListener("click", () => go(view.step + 1));
element("play").addEventListener("click", toggle);
element("speed").addEventListener("change", () => play(view.timer !== null));
element("layers").addEventListener("change", (event) => {
  if (event.target.type === "radio") view.layer = event.target.value;
  else view.zoom = event.target.checked;
  show();
});
for (const name of ["row", "head"])
  element(name).addEventListener("change", (event) => { view[name] = Number(event.target.value); show(); });
element("weights").addEventListener("click", (event) => {
  const box = element("weights").getBoundingClientRect();
  view.row = Math.floor((event.clientY - box.top) / box.height * attention().count);
  view.layer = "attention";
  show();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("select, input[type=radio], input[type=checkbox], button");
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing && !(event.target.matches("button") && event.key !== " ")) return;
  event.preventDefault();
  act();
});
start();
