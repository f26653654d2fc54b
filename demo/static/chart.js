// The live loss chart. Runs, after the other chart-*.js and with NAMES from demo/views/words.py, as the `js_on_load` of a gr.HTML component: `element`, `props` and `watch` are given.
// props.value is what demo/views/chart.py calls chart_value; each new value is drawn in place, zoom and switches stay.
// Whatever a person named (runs, landmarks) goes into the page as text, never as HTML.
const UNITS = {
  steps: { column: STEP, name: "steps", title: "Steps" },
  tokens: { column: TOKENS, name: "tokens", title: "Tokens" },
  seconds: { column: SECONDS, name: "training time", title: "Time" },
};
const LOSSES = {
  nats: { title: "nats", axis: "loss, nats a token", hint: "How surprised the model is by each next token: 0 where it was certain, 0.7 for one chance in two, 4.6 for one in a hundred" },
  bpb: { title: NAMES.bits, axis: `loss, ${NAMES.bits}`, hint: "The same surprise for each byte of text (about a letter), so that models with other tokens compare" },
};
const COLOURS = 6;
const AWAITED = "The curve starts here with the first step. Lower is better: the model is less surprised by each next word.";
const MARGIN = { top: 24, right: 14, bottom: 38, left: 46 };

const state = { unit: "steps", loss: null, log: true, smoothing: 40, zoom: null, hidden: new Set(), hover: null, drag: null };
let runs = [], landmarks = [], budget = {}, nothing = AWAITED, view = null, grow = 1; // letters are so much larger than usual (projector mode)

// ---------------------------------------------------------------- the parts that stay

const root = element.querySelector(".slm-chart") || element;
const unitButtons = Object.entries(UNITS).map(([unit, { title }]) =>
  html("button", { type: "button", "data-unit": unit, "aria-pressed": "false" }, title));
const lossButtons = Object.entries(LOSSES).map(([loss, { title, hint }]) =>
  html("button", { type: "button", "data-loss": loss, "aria-pressed": "false", title: hint }, title));
const logButton = html("button", { type: "button", "data-scale": "log", "aria-pressed": "false", title: "Equal ratios take equal space: small gains late in the training become visible" }, "Log scale");
const slider = html("input", { type: "range", min: 0, max: 100, step: 5, value: state.smoothing, "aria-label": "Smoothing of the training loss" });
const resetButton = html("button", { type: "button", class: "slm-chart-reset", hidden: true }, "Whole run");
const bar = html("div", { class: "slm-chart-bar" },
  html("span", { class: "slm-chart-group", role: "group", "aria-label": "Horizontal axis" }, ...unitButtons),
  html("span", { class: "slm-chart-group", role: "group", "aria-label": "Unit of the loss" }, ...lossButtons),
  html("span", { class: "slm-chart-group" }, logButton),
  html("label", { class: "slm-chart-smooth" }, "Smoothing", slider),
  resetButton);
const legend = html("div", { class: "slm-chart-legend" });
const grid = svg("g", { class: "slm-chart-grid" });
const marks = svg("g", { class: "slm-chart-marks" });
const lines = svg("g");
const labels = svg("g", { class: "slm-chart-marks" });
const cross = svg("g", { class: "slm-chart-cross" });
const clipId = `slm-clip-${Math.random().toString(36).slice(2)}`;
const clipBox = svg("rect");
lines.setAttribute("clip-path", `url(#${clipId})`);
const drawing = svg("svg", { "aria-hidden": "true" }, svg("defs", {}, svg("clipPath", { id: clipId }, clipBox)), grid, marks, lines, labels, cross);
const tip = html("div", { class: "slm-chart-tip", hidden: true });
const empty = html("p", { class: "slm-chart-empty" }, nothing);
const plot = html("div", { class: "slm-chart-plot", tabindex: 0, role: "group", "aria-roledescription": "chart" }, drawing, tip, empty);
const hint = html("p", { class: "slm-chart-hint" }, "Drag to zoom, double click for the whole run. Keys: \u2190 \u2192 read values, + and \u2212 zoom, 0 resets.");
const spoken = html("p", { class: "slm-sr", "aria-live": "polite" });
const table = html("div", { class: "slm-chart-table" });
const numbers = html("details", { class: "slm-chart-numbers" }, html("summary", {}, "The numbers"), table);
const strips = new Strips();
root.replaceChildren(bar, legend, plot, hint, strips.node, spoken, numbers);

// ---------------------------------------------------------------- from the value to what is drawn

function take(value) {
  const whole = value && typeof value === "object" ? value : {};
  landmarks = whole.landmarks || [];
  budget = whole.budget || {};
  nothing = whole.nothing || AWAITED;
  const before = runs.map((run) => run.name).join("/");
  runs = (whole.runs || []).map((run, i) => ({ name: String(run.name), train: run.train || [], val: run.val || [], bits: run.bits_per_nat || null, ...look(i) }));
  if (runs.map((run) => run.name).join("/") !== before) beginWithOthers();
  drawLegend();
  render();
}

// Other runs are shown: switches that are gone hide nothing, and a zoom stays only where it shows something.
function beginWithOthers() {
  if (runs.length <= 1) state.hidden.clear();
  state.hover = null;
  if (!state.zoom) return;
  const [x0, x1] = state.zoom, column = UNITS[state.unit].column;
  if (!runs.some((run) => points(run, "train").some((p) => p[column] >= x0 && p[column] <= x1))) state.zoom = null;
}

// The unit that was chosen; before that nats, unless the runs have vocabularies of their own.
function lossUnit() {
  const bits = runs.map((run) => run.bits).filter(Boolean);
  if (!bits.length) return "nats";
  return state.loss || (Math.max(...bits) > 1.01 * Math.min(...bits) ? "bpb" : "nats");
}

// What a loss in nats is multiplied by; null where that is not known yet.
function factor(run) {
  return lossUnit() === "nats" ? 1 : run.bits;
}

// A landmark's height; null where it was measured in the other unit alone and no run has told yet what turns one into the other.
function lossOf(mark) {
  const bits = (runs.find((run) => run.bits) || {}).bits;
  if (lossUnit() === "nats") return mark.nats || (mark.bpb && bits ? mark.bpb / bits : null);
  return mark.bpb || (mark.nats && bits ? mark.nats * bits : null);
}

function points(run, series) {
  const column = UNITS[state.unit].column, bits = factor(run);
  if (!bits) return [];
  return run[series].filter((p) => p[column] !== null && p[LOSS] !== null).map((p) => [p[STEP], p[LOSS] * bits, p[MEAN] * bits, ...p.slice(TOKENS)]);
}

// Visible runs with their points in the chosen unit, and the domain of both axes.
function layout(width, height) {
  const column = UNITS[state.unit].column;
  const drawn = runs.filter((run) => !state.hidden.has(run.name)).map((run) => {
    const train = points(run, "train");
    return { ...run, train, val: points(run, "val"), line: smooth(train, state.smoothing) };
  });
  const all = drawn.flatMap((run) => [...run.train, ...run.val]);
  if (!all.length) return null;
  const furthest = Math.max(...all.map((p) => p[column]), 1);
  const end = budget[state.unit];
  const [x0, x1] = state.zoom || [0, end ? Math.max(furthest, Math.min(end, furthest * 1.6)) : furthest];
  const losses = drawn.flatMap((run) => run.train.flatMap((p, i) => (p[column] >= x0 && p[column] <= x1 ? [p[LOSS], run.line[i]] : [])))
    .concat(drawn.flatMap((run) => run.val.filter((p) => p[column] >= x0 && p[column] <= x1).map((p) => p[LOSS])));
  if (!losses.length) losses.push(...all.map((p) => p[LOSS]));
  let low = Math.min(...losses), high = Math.max(...losses);
  if (!state.zoom) for (const loss of landmarks.map(lossOf)) if (loss && loss <= high * 1.2 && loss >= low) high = Math.max(high, loss);
  const useLog = state.log && low > 0;
  if (useLog) { low /= 1.06; high *= 1.06; } else {
    const pad = Math.max((high - low) * 0.06, 0.02);
    low = state.zoom ? low - pad : Math.max(0, low - pad); high += pad;
  }
  const inner = { left: MARGIN.left * grow, right: width - MARGIN.right, top: MARGIN.top * grow, bottom: height - MARGIN.bottom * grow };
  const f = useLog ? Math.log : (v) => v;
  return {
    ...inner, drawn, column, x0, x1, low, high, useLog, end,
    x: (v) => inner.left + ((v - x0) / (x1 - x0 || 1)) * (inner.right - inner.left),
    y: (v) => inner.bottom - ((f(v) - f(low)) / (f(high) - f(low) || 1)) * (inner.bottom - inner.top),
    at: (px) => x0 + ((px - inner.left) / (inner.right - inner.left)) * (x1 - x0),
  };
}

// What tells the i-th run from the others; once the colours repeat, its mark and its dashes are other ones.
function look(i) {
  return { colour: i % COLOURS, mark: (i + Math.floor(i / COLOURS)) % COLOURS, dashes: DASHES[i % DASHES.length] };
}

function tint(run, series) {
  return runs.length === 1 ? (series === "train" ? 0 : 1) : run.colour;
}

function render() {
  grow = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
  const width = plot.clientWidth, height = plot.clientHeight;
  for (const button of unitButtons) button.setAttribute("aria-pressed", String(button.dataset.unit === state.unit));
  for (const button of lossButtons) {
    button.setAttribute("aria-pressed", String(button.dataset.loss === lossUnit()));
    button.disabled = button.dataset.loss === "bpb" && !runs.some((run) => run.bits);
  }
  logButton.setAttribute("aria-pressed", String(state.log));
  resetButton.hidden = !state.zoom;
  if (!width || !height) return; // in a tab that is not shown; the observer calls again
  view = layout(width, height);
  empty.hidden = Boolean(view);
  hint.hidden = !view;
  empty.textContent = runs.length && runs.every((run) => state.hidden.has(run.name))
    ? "All runs are switched off: choose one in the legend."
    : nothing;
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const layer of [grid, marks, lines, labels, cross]) if (!view) layer.replaceChildren();
  plot.setAttribute("aria-label", describe());
  if (numbers.open) drawTable();
  strips.draw(view, state, tint);
  if (!view) { tip.hidden = true; return; }
  for (const [name, value] of [["x", view.left], ["y", view.top - 6], ["width", view.right - view.left + 6], ["height", view.bottom - view.top + 6]]) clipBox.setAttribute(name, value);
  drawGrid(width, height);
  drawLandmarks(width);
  drawLines();
  drawCross();
}

function drawGrid(width, height) {
  const parts = [];
  const rows = view.useLog ? logTicks(view.low, view.high) : ticks(view.low, view.high, height / (55 * grow));
  const digits = Math.max(0, ...rows.map((v) => (String(v).split(".")[1] || "").length));
  let above = Infinity;
  for (const value of rows) {
    const y = view.y(value);
    parts.push(svg("line", { x1: view.left, x2: view.right, y1: y, y2: y }));
    if (above - y >= 14 * grow) {
      const text = view.useLog ? String(value) : value.toFixed(Math.min(3, digits));
      parts.push(svg("text", { x: view.left - 8, y: y + 4, "text-anchor": "end" }, text));
      above = y;
    }
  }
  let edge = -Infinity;
  for (const value of ticks(view.x0, view.x1, (view.right - view.left) / (95 * grow), state.unit)) {
    const x = view.x(value), text = tickText(state.unit, value), half = text.length * 3.6 * grow;
    const middle = Math.min(Math.max(x, half), width - half - 1);
    parts.push(svg("line", { x1: x, x2: x, y1: view.bottom, y2: view.bottom + 5 }));
    if (middle - half > edge) {
      parts.push(svg("text", { x: middle, y: view.bottom + 19 * grow, "text-anchor": "middle" }, text));
      edge = middle + half + 8;
    }
  }
  parts.push(svg("text", { class: "slm-chart-axis", x: view.right, y: height - 4, "text-anchor": "end" }, UNITS[state.unit].name + " \u2192"));
  parts.push(svg("text", { class: "slm-chart-axis", x: 2, y: 14 * grow }, LOSSES[lossUnit()].axis));
  grid.replaceChildren(...parts);
}

// Whether a curve runs through a box.
function crossed([left, top, right, bottom]) {
  return view.drawn.some((run) => [...run.train.map((p, i) => [p, run.line[i]]), ...run.val.map((p) => [p, p[LOSS]])].some(([p, loss]) => {
    const px = view.x(p[view.column]), py = view.y(loss);
    return px >= left && px <= right && py > top && py < bottom;
  }));
}

// The landmarks that the view shows, as lines of the drawing: the highest first.
function visibleMarks() {
  return landmarks.map((mark) => ({ ...mark, loss: lossOf(mark) }))
    .filter(({ loss }) => loss > 0 && loss >= view.low && loss <= view.high)
    .sort((a, b) => b.loss - a.loss);
}

function markText(mark, most) {
  const label = String(mark.label), figure = ` ${mark.loss.toFixed(2)}`;
  const short = label.length + figure.length > most ? label.slice(0, Math.max(4, most - figure.length - 1)) + "\u2026" : label;
  return svg("text", {}, short + figure, svg("title", {}, String(mark.explanation || mark.label)));
}

function drawLandmarks(width) {
  const shown = visibleMarks(), most = Math.floor((view.right - view.left - 12) / (7 * grow));
  const rules = shown.map(({ loss }) => svg("line", { x1: view.left, x2: view.right, y1: view.y(loss), y2: view.y(loss) }));
  const texts = shown.map((mark) => markText(mark, most)), taken = [];
  labels.replaceChildren(...texts);
  if (view.end && view.end >= view.x0 && view.end <= view.x1) {
    const x = view.x(view.end);
    rules.push(svg("line", { class: "slm-chart-end", x1: x, x2: x, y1: view.top, y2: view.bottom }));
    if (width > 480) {
      const end = svg("text", { x: x - 6, y: view.bottom - 8, "text-anchor": "end" }, "planned end");
      labels.append(end);
      const box = end.getBBox();
      taken.push([box.x, box.y, box.x + box.width, box.y + box.height]);
    }
  }
  marks.replaceChildren(...rules);
  const sizes = texts.map((text) => text.getBBox());
  const frame = [view.left + 6, view.top - 5 * grow, view.right - 4, view.bottom - 2];
  const wanted = shown.map(({ loss }, i) => ({ y: view.y(loss), width: sizes[i].width, height: sizes[i].height }));
  placeLabels(wanted, frame, taken, crossed).forEach((box, i) => {
    if (!box) return texts[i].remove();
    texts[i].setAttribute("x", box[0]);
    texts[i].setAttribute("y", box[1] - sizes[i].y); // of its letters' foot
  });
}

function drawLines() {
  const parts = [];
  for (const run of view.drawn) {
    const place = (p, loss) => [view.x(p[view.column]), view.y(loss)];
    const train = `slm-line-${tint(run, "train")}`, val = `slm-line-${tint(run, "val")}`;
    if (state.smoothing > 0 || run.train.some((p) => p[LOSS] !== p[MEAN])) {
      parts.push(svg("path", { class: `slm-chart-raw ${train}`, d: path(run.train.map((p) => place(p, p[LOSS]))) }));
    }
    parts.push(svg("path", { class: `slm-chart-train ${train}`, "stroke-dasharray": run.dashes, d: path(run.train.map((p, i) => place(p, run.line[i]))) }));
    parts.push(svg("path", { class: `slm-chart-val ${val}`, d: path(run.val.map((p) => place(p, p[LOSS]))) }));
    const apart = run.val.length ? (view.x(run.val[run.val.length - 1][view.column]) - view.x(run.val[0][view.column])) / run.val.length : 0;
    const sparse = Math.max(1, Math.ceil(18 / Math.max(apart, 0.01)));
    run.val.forEach((p, i) => {
      if (i % sparse === 0 || i === run.val.length - 1) parts.push(dot(run.mark, `slm-chart-dot ${val}`, ...place(p, p[LOSS])));
    });
    const tail = run.train.length - 1;
    if (tail >= 0) parts.push(svg("circle", { class: `slm-chart-head ${train}`, cx: view.x(run.train[tail][view.column]), cy: view.y(run.line[tail]), r: 3.5 }));
  }
  lines.setAttribute("class", runs.length > 1 ? "slm-chart-many" : "");
  lines.replaceChildren(...parts);
}

function drawLegend() {
  const wanted = JSON.stringify(runs.map((run) => [run.name, run.val.length > 0]));
  if (legend.dataset.shown === wanted) return;
  legend.dataset.shown = wanted;
  const key = (colour, validation, mark = 0) => svg("svg", { viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": "true" },
    svg("path", { class: `${validation ? "slm-chart-val" : "slm-chart-train"} slm-line-${colour}`, d: "M1 6L33 6" }),
    validation ? dot(mark, `slm-chart-dot slm-line-${colour}`, 17, 6) : null);
  // Wide enough for its dashes to be seen before its mark, which the points of its validation have.
  const both = ({ colour, mark, dashes }) => svg("svg", { viewBox: "0 0 62 12", width: 62, height: 12, "aria-hidden": "true" },
    svg("path", { class: `slm-chart-train slm-line-${colour}`, "stroke-dasharray": dashes, d: "M1 6L46 6" }),
    dot(mark, `slm-chart-dot slm-line-${colour}`, 55, 6));
  if (runs.length <= 1) {
    legend.replaceChildren(
      html("span", { title: "measured on the stories it learns from" }, key(0, false), NAMES.training),
      html("span", { title: "measured on stories it has never seen" }, key(1, true), NAMES.validation));
    return;
  }
  const switches = runs.map((run) => {
    const button = html("button", { type: "button", "aria-pressed": String(!state.hidden.has(run.name)), title: "show or hide this run" },
      both(run), run.name);
    button.addEventListener("click", () => {
      if (!state.hidden.delete(run.name)) state.hidden.add(run.name);
      button.setAttribute("aria-pressed", String(!state.hidden.has(run.name)));
      render();
    });
    return button;
  });
  legend.replaceChildren(html("span", {}, key("none", false), `${NAMES.training}, in each run's dashes`), html("span", {}, key("none", true), `${NAMES.validation}, with each run's mark`), ...switches);
}

// ---------------------------------------------------------------- reading values

function drawCross() {
  cross.replaceChildren();
  strips.point(state.drag ? null : state.hover);
  if (state.drag) {
    const [a, b] = [state.drag.from, state.drag.to].sort((p, q) => p - q);
    cross.append(svg("rect", { class: "slm-chart-select", x: a, y: view.top, width: b - a, height: view.bottom - view.top }));
  }
  tip.hidden = state.hover === null || Boolean(state.drag);
  if (tip.hidden) return;
  const rows = read(state.hover);
  if (!rows.length) { tip.hidden = true; return; }
  const lead = rows.reduce((best, row) => (Math.abs(row.at - state.hover) < Math.abs(best.at - state.hover) ? row : best));
  const x = view.x(lead.at);
  cross.append(svg("line", { x1: x, x2: x, y1: view.top, y2: view.bottom }));
  for (const row of rows) {
    if (row.smooth !== null) cross.append(svg("circle", { class: `slm-line-${tint(row.run, "train")}`, cx: view.x(row.at), cy: view.y(row.smooth), r: 4 }));
  }
  tip.replaceChildren(...tipRows(rows, lead));
  // On a narrow screen the values stand below the drawing, which they would hide otherwise.
  const narrow = plot.clientWidth < 480;
  tip.classList.toggle("slm-chart-tip-below", narrow);
  if (narrow) { tip.style.left = tip.style.top = ""; return; }
  const most = plot.clientWidth - tip.offsetWidth - 6;
  const side = x + 14 > most ? x - 14 - tip.offsetWidth : x + 14;
  tip.style.left = `${Math.max(4, Math.min(side, most))}px`;
  tip.style.top = `${MARGIN.top * grow + 4}px`;
}

// For each visible run the measurements nearest to x, in the chosen unit.
function read(x) {
  return view.drawn.map((run) => {
    const t = nearest(run.train, view.column, x), v = nearest(run.val, view.column, x);
    const point = t >= 0 ? run.train[t] : run.val[v];
    if (!point) return null;
    return { run, point, at: point[view.column], raw: t >= 0 ? point[LOSS] : null, smooth: t >= 0 ? run.line[t] : null, val: v >= 0 ? run.val[v] : null };
  }).filter((row) => row !== null);
}

function where(point) {
  const parts = [amount("steps", point[STEP])];
  if (point[TOKENS] !== null) parts.push(amount("tokens", point[TOKENS]));
  if (point[SECONDS] !== null) parts.push(duration(point[SECONDS]));
  return parts.join(" \u00b7 ");
}

function tipRows(rows, lead) {
  const out = [html("b", {}, where(lead.point))];
  for (const row of rows.slice(0, 8)) {
    if (runs.length > 1) out.push(html("span", { class: `slm-chart-name slm-line-${row.run.colour}` }, row.run.name));
    if (row.raw !== null) out.push(html("span", {}, `${NAMES.training} ${row.raw.toFixed(3)}` + (state.smoothing > 0 ? `, smoothed ${row.smooth.toFixed(3)}` : "")));
    if (row.val) out.push(html("span", {}, `${NAMES.validation} ${row.val[LOSS].toFixed(3)}` + (row.val[STEP] === row.point[STEP] ? "" : ` (step ${row.val[STEP].toLocaleString("en")})`)));
  }
  if (rows.length === 1) {
    const loss = (rows[0].val ? rows[0].val[LOSS] : rows[0].smooth) / factor(rows[0].run);
    out.push(html("i", {}, `as if it chose among ${compact(Math.exp(Math.min(loss, 50)))} tokens`));
  }
  return out;
}

function describe() {
  if (!view) return "Loss chart, no measurements yet";
  const texts = view.drawn.map((run) => {
    const t = run.line.length ? `${NAMES.training} ${run.line[run.line.length - 1].toFixed(2)}` : "";
    const v = run.val.length ? `${NAMES.validation} ${run.val[run.val.length - 1][LOSS].toFixed(2)}` : "";
    const point = run.train[run.train.length - 1] || run.val[run.val.length - 1];
    return point ? `${run.name}: ${[t, v].filter(Boolean).join(", ")} at step ${point[STEP]}` : run.name;
  });
  return `Loss chart in ${LOSSES[lossUnit()].title} by ${UNITS[state.unit].name}. ${texts.join(". ")}`;
}

function drawTable() {
  const unit = LOSSES[lossUnit()].title;
  const names = ["run", "step", `${NAMES.training} (${unit})`, `${NAMES.validation} (${unit})`, "learning rate", "gradient norm", "tokens a second"];
  const head = html("tr", {}, ...names.map((text) => html("th", { scope: "col" }, text)));
  const cell = (value, shown) => html("td", {}, value === undefined || value === null ? "" : shown(value));
  const rows = [];
  for (const run of runs) {
    const byStep = (series) => new Map(points(run, series).map((p) => [p[STEP], p]));
    const val = byStep("val"), train = byStep("train"), known = [...train.keys()];
    const thin = Math.max(1, Math.ceil(known.length / 30));
    const steps = new Set([...val.keys(), ...known.filter((_, i) => i % thin === 0 || i === known.length - 1)]);
    for (const step of [...steps].sort((a, b) => a - b)) {
      const t = train.get(step) || [], v = val.get(step) || [], loss = (x) => x.toFixed(3);
      rows.push(html("tr", {}, html("td", {}, run.name), html("td", {}, step.toLocaleString("en")), cell(t[LOSS], loss), cell(v[LOSS], loss),
        cell(t[RATE], compact), cell(t[NORM], compact), cell(t[SPEED], compact)));
    }
  }
  table.replaceChildren(html("table", {}, html("caption", { class: "slm-sr" }, "Losses by step"), html("thead", {}, head), html("tbody", {}, ...rows)));
}

// ---------------------------------------------------------------- what a person does

function place(event) {
  const box = plot.getBoundingClientRect();
  return Math.min(view.right, Math.max(view.left, event.clientX - box.left));
}

function zoomTo(x0, x1) {
  state.zoom = x1 > x0 ? [x0, x1] : null;
  render();
}

function reset() {
  state.zoom = null;
  state.hover = null;
  render();
}

plot.addEventListener("pointerdown", (event) => {
  if (!view || event.button !== 0) return;
  const from = place(event);
  state.drag = { from, to: from, id: event.pointerId };
});
plot.addEventListener("pointermove", (event) => {
  if (!view) return;
  const x = place(event);
  if (state.drag) {
    state.drag.to = x;
    if (Math.abs(x - state.drag.from) > 4 && !plot.hasPointerCapture(state.drag.id)) plot.setPointerCapture(state.drag.id);
  }
  state.hover = view.at(x);
  drawCross();
});
plot.addEventListener("pointerup", () => {
  if (!state.drag || !view) return;
  const [a, b] = [state.drag.from, state.drag.to].sort((p, q) => p - q);
  state.drag = null;
  if (b - a > 8) zoomTo(view.at(a), view.at(b)); else drawCross();
});
plot.addEventListener("pointercancel", () => { state.drag = null; if (view) drawCross(); });
plot.addEventListener("pointerleave", () => { if (!state.drag) { state.hover = null; if (view) drawCross(); } });
plot.addEventListener("dblclick", reset);
plot.addEventListener("blur", () => { state.hover = null; if (view) drawCross(); });
plot.addEventListener("keydown", (event) => {
  if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
  const span = view.x1 - view.x0, middle = state.hover ?? (view.x0 + view.x1) / 2;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const run = view.drawn.find((r) => r.train.length || r.val.length);
    if (!run) return;
    const series = run.train.length ? run.train : run.val;
    const here = state.hover === null ? series.length : nearest(series, view.column, state.hover);
    const next = series[Math.max(0, Math.min(series.length - 1, here + (event.key === "ArrowLeft" ? -1 : 1)))];
    state.hover = next[view.column];
    drawCross();
    spoken.textContent = [...tip.children].map((child) => child.textContent).join(", ");
  } else if (event.key === "+" || event.key === "=") zoomTo(Math.max(0, middle - span / 4), middle + span / 4);
  else if (event.key === "-" && state.zoom) zoomTo(Math.max(0, middle - span), middle + span);
  else if (event.key === "0" || event.key === "Escape") reset();
  else return;
  event.preventDefault();
});
for (const button of unitButtons) {
  button.addEventListener("click", () => { Object.assign(state, { unit: button.dataset.unit, zoom: null, hover: null }); render(); });
}
for (const button of lossButtons) {
  button.addEventListener("click", () => { state.loss = button.dataset.loss; render(); });
}
logButton.addEventListener("click", () => { state.log = !state.log; render(); });
slider.addEventListener("input", () => { state.smoothing = Number(slider.value); render(); });
resetButton.addEventListener("click", reset);
numbers.addEventListener("toggle", () => { if (numbers.open) drawTable(); });
new ResizeObserver(render).observe(plot);
window.addEventListener("resize", render);
watch("value", () => take(props.value));
document.addEventListener("slm-news", (event) => {
  if (element.isConnected && props.part in event.detail) take(event.detail[props.part]);
});
take(props.value);
