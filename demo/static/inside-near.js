// The tokens nearest to one: bars of how alike, and a small map of the neighbourhood.

const MAP = { widest: 520, narrowest: 270, lowest: 170, highest: 330, side: 64, edge: 24, letter: 8.5, line: 18 };

// The nodes that tell the neighbours of token `id`, for a place `width` wide; `value` holds near and names.
function neighbourhood(value, id, width) {
  const group = value.near[id];
  const name = value.names[id];
  const rows = group.slice(1).map(([other, alike]) => html("li", { title: `number ${other}` },
    html("b", {}, value.names[other]),
    html("span", { class: "slm-track" }, html("i", { style: `width:${(100 * Math.max(0, alike)).toFixed(1)}%` })),
    html("span", {}, alike.toFixed(2))));
  return html("div", { class: "slm-near-both" },
    html("div", {},
      html("p", { class: "slm-lead" }, "Nearest to ", html("b", { class: "slm-inside-word" }, name), `, number ${id}: 1 is the same direction, 0 nothing in common.`),
      html("ol", { class: "slm-probs slm-near" }, ...rows)),
    neighbourMap(group, value.names, mapWidth(width)));
}

// Half of a wide place, the whole of a narrow one, less the frame: a map drawn at its size has letters of theirs.
function mapWidth(width) {
  return Math.max(MAP.narrowest, Math.min(MAP.widest, (width > 680 ? width / 2 - 16 : width) - 26));
}

// The neighbourhood from the side where it is widest. Each name stands where it covers the fewest others.
function neighbourMap(group, names, width) {
  const [xs, ys] = [2, 3].map((part) => group.map((one) => one[part]));
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min((width - 2 * MAP.side) / (right - left || 1), (MAP.highest - 2 * MAP.edge) / (high - low || 1));
  const height = Math.max(MAP.lowest, (high - low) * scale + 2 * MAP.edge);
  const place = ([, , x, y]) => [width / 2 + (x - (left + right) / 2) * scale, height / 2 - (y - (low + high) / 2) * scale];
  const taken = group.map((one) => { const [x, y] = place(one); return [x - 5, y - 5, x + 5, y + 5]; });
  const drawn = group.map((one, i) => {
    const [x, y] = place(one), text = names[one[0]], box = freePlace(x, y, text, [width, height], taken);
    taken.push(box);
    return svg("g", { class: i ? null : "slm-near-self" },
      svg("circle", { cx: x, cy: y, r: i ? 4 : 6 }), svg("text", { x: box[0], y: box[3] - 5 }, text));
  });
  const said = `Map of the neighbourhood of ${names[group[0][0]]}; the list beside it says the same in numbers.`;
  return html("figure", { class: "slm-near-map" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said }, ...drawn),
    html("figcaption", {}, "The same tokens on a map: of all directions, the two in which they differ most."));
}

// Where beside its point a name covers the fewest others, as [left, top, right, bottom].
function freePlace(x, y, text, [width, height], taken) {
  const w = Math.max(1, text.length) * MAP.letter * grown(), h = MAP.line * grown();
  const sides = [[7, -h / 2], [-7 - w, -h / 2], [-w / 2, -h - 4], [-w / 2, 4], [5, -h - 3], [5, 3], [-5 - w, -h - 3], [-5 - w, 3], [-w / 2, -1.7 * h], [-w / 2, 0.9 * h]];
  const boxes = sides.map(([right, down]) => [x + right, y + down, x + right + w, y + down + h]);
  const outside = ([a, b, c, d]) => (a < 0 || b < 0 || c > width || d > height ? 10 : 0);
  const covers = (box) => taken.filter(([a, b, c, d]) => box[0] < c && a < box[2] && box[1] < d && b < box[3]).length;
  const cost = boxes.map((box) => outside(box) + covers(box));
  return boxes[cost.indexOf(Math.min(...cost))];
}

function tableNote(tied) {
  return "Each token has a row of numbers in a table that the model learnt. Rows that point the same way belong to tokens that it treats alike. " +
    (tied ? "The same table is used at both ends: to read a token, and to score it as the next one." : "This is the table for reading; the scores of the next token come from another one.");
}

class NearPanel {
  constructor(holder) {
    this.holder = holder;
  }

  draw() {}

  show(view, at) {
    this.holder.replaceChildren(html("p", { class: "slm-lead" }, tableNote(view.tied)), neighbourhood(view, view.ids[at], this.holder.clientWidth));
  }
}
