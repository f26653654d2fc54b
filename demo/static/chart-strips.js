// Below the losses: learning rate, gradient norm and speed, each small, over the same stretch of the training.
// chart_js() in demo/views/chart.py puts this between chart-tools.js and chart.js.
const STRIPS = [
  { column: RATE, title: "learning rate", hint: "How far one step moves the weights: it rises, stays, then falls to a good end." },
  { column: NORM, title: "gradient norm", hint: "How large a correction the last stories asked for; high peaks are a sign of trouble." },
  { column: SPEED, title: "tokens a second", hint: "How fast it learns on this machine." },
];
const STRIP = { height: 84, top: 8, bottom: 6 };

class Strips {
  constructor() {
    this.parts = STRIPS.map((strip) => {
      const drawing = svg("svg", { "aria-hidden": "true" }), value = html("b"), range = html("small");
      const head = html("p", { title: strip.hint }, `${strip.title} `, value);
      return { ...strip, drawing, value, range, node: html("div", { class: "slm-chart-strip" }, head, drawing, range) };
    });
    this.node = html("div", { class: "slm-chart-strips", hidden: true }, ...this.parts.map((part) => part.node));
  }

  // Draw what lies within the view of the losses; `tint` gives a run's colour.
  draw(view, state, tint) {
    const runs = view ? view.drawn.filter((run) => run.train.some((p) => STRIPS.some(({ column }) => known(p[column])))) : [];
    this.view = view;
    this.runs = runs;
    this.node.hidden = !runs.length;
    if (!runs.length) return;
    for (const part of this.parts) this.drawPart(part, state, tint);
    this.point(state.hover);
  }

  drawPart(part, state, tint) {
    const { x0, x1, column } = this.view, width = part.drawing.clientWidth || 200;
    const inside = this.runs.map((run) => run.train.filter((p) => known(p[part.column]) && p[column] >= x0 && p[column] <= x1));
    const values = inside.flatMap((points) => points.map((p) => p[part.column]));
    const high = Math.max(...values, 0) || 1;
    part.x = (v) => ((v - x0) / (x1 - x0 || 1)) * width;
    part.y = (v) => STRIP.height - STRIP.bottom - (v / high) * (STRIP.height - STRIP.top - STRIP.bottom);
    part.high = high;
    const base = svg("line", { x1: 0, x2: width, y1: part.y(0), y2: part.y(0) });
    const lines = this.runs.map((run, i) =>
      svg("path", { class: `slm-chart-train slm-line-${tint(run, "train")}`, "stroke-dasharray": run.dashes, d: path(inside[i].map((p) => [part.x(p[column]), part.y(p[part.column])])) }));
    part.cross = svg("g", { class: "slm-chart-cross" });
    part.drawing.setAttribute("viewBox", `0 0 ${width} ${STRIP.height}`);
    part.drawing.replaceChildren(base, ...lines, part.cross);
    part.range.textContent = values.length ? `0 to ${compact(high)}` : "";
  }

  // The values at x, in the chosen unit of the horizontal axis; the newest ones without it.
  point(x) {
    if (!this.view || !this.runs.length) return;
    const { column } = this.view, run = this.runs[0];
    const at = x === null ? run.train.length - 1 : nearest(run.train, column, x);
    for (const part of this.parts) {
      const p = run.train[at], shown = p && known(p[part.column]);
      part.value.textContent = shown ? compact(p[part.column]) : "\u2013";
      part.cross.replaceChildren();
      const cx = shown ? part.x(p[column]) : -1;
      if (x !== null && cx >= 0) part.cross.append(svg("line", { x1: cx, x2: cx, y1: 0, y2: STRIP.height }));
    }
  }
}

function known(value) {
  return value !== null && value !== undefined;
}
