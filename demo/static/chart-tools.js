// What the chart needs of the world: elements, numbers as people say them, axis ticks, the smoothed line.
// chart_js() in demo/views/chart.py puts this before chart.js; the two run as one function.
"use strict";

const STEP = 0, LOSS = 1, MEAN = 2, TOKENS = 3, SECONDS = 4, RATE = 5, NORM = 6, SPEED = 7;

function html(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function compact(value) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}\u00a0${unit}`;
  }
  return `${Number(value.toPrecision(3))}`;
}

function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s}\u00a0s`;
  const [big, bigUnit, small, smallUnit] =
    s < 3600 ? [60, "min", 1, "s"] : s < 86400 ? [3600, "h", 60, "min"] : [86400, "d", 3600, "h"];
  const rest = Math.floor((s % big) / small);
  return `${Math.floor(s / big)}\u00a0${bigUnit}` + (rest ? `\u00a0${rest}\u00a0${smallUnit}` : "");
}

function amount(unit, value) {
  if (unit === "seconds") return duration(value);
  return unit === "tokens" ? `${compact(value)}\u00a0tokens` : `step ${Math.round(value).toLocaleString("en")}`;
}

function tickText(unit, value) {
  if (unit === "seconds") return duration(value);
  return unit === "tokens" || value >= 100000 ? compact(value) : Math.round(value).toLocaleString("en");
}

// Round values between low and high, about `wanted` of them; for seconds in steps that clocks have.
function ticks(low, high, wanted, unit) {
  const raw = (high - low) / Math.max(1, wanted);
  const ladder = unit === "seconds" ? [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400] : [];
  let step = ladder.find((s) => s >= raw);
  if (!step) {
    const power = 10 ** Math.floor(Math.log10(raw || 1));
    step = power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.999);
  }
  if (unit === "steps" || unit === "tokens") step = Math.max(1, step);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    for (const m of [1, 1.5, 2, 3, 4, 5, 6, 8]) if (m * power >= low && m * power <= high) found.push(Number((m * power).toPrecision(6)));
  }
  return found.length >= 3 ? found : ticks(low, high, 5);
}

// A centred Gaussian mean by position, so that the line neither lags behind nor loses its steep beginning.
function smooth(points, amountPct) {
  const n = points.length;
  const widest = ((amountPct / 100) ** 2 * n) / 8;
  return points.map((point, i) => {
    const sigma = Math.min(widest, i / 3);
    if (sigma < 0.3) return point[MEAN];
    const reach = Math.ceil(3 * sigma);
    let sum = 0, weight = 0;
    for (let j = Math.max(0, i - reach); j <= Math.min(n - 1, i + reach); j++) {
      const w = Math.exp(-0.5 * ((j - i) / sigma) ** 2);
      sum += w * points[j][MEAN];
      weight += w;
    }
    return sum / weight;
  });
}

function nearest(points, column, x) {
  if (!points.length) return -1;
  let low = 0, high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][column] < x) low = middle; else high = middle;
  }
  return Math.abs(points[low][column] - x) <= Math.abs(points[high][column] - x) ? low : high;
}

function path(pairs) {
  return pairs.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// How the training line of each run is dashed, in lengths of line and gap; validation has dashes of its own.
const DASHES = [null, "2 4", "14 4", "14 4 2 4", "26 5 2 4 2 5"];

// Each run has its own shape too, so that colour is never the only difference.
function dot(shape, name, x, y, r = 4) {
  const outlines = [
    null,
    [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]],
    [[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]],
    [[0, 1.3], [1.2, -0.9], [-1.2, -0.9]],
    [[-1.3, -0.5], [1.3, -0.5], [1.3, 0.5], [-1.3, 0.5]],
  ];
  if (!outlines[shape]) return svg("circle", { class: name, cx: x, cy: y, r });
  return svg("path", { class: name, d: path(outlines[shape].map(([dx, dy]) => [x + dx * r * 0.9, y + dy * r * 0.9])) + "Z" });
}
