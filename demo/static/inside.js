// The attention maps. Runs as the `js_on_load` of the gr.HTML component that shows attention_html (demo/views/inside.py):
// `element` and `watch` are given. Weights come as base64 in data-weights: lower triangles, one byte a weight,
// its value 255 times the square root, so that small weights keep their precision.
"use strict";

let maps = null, chosen = { layer: 0, head: 0 }, spot = null;

function decode() {
  const section = element.querySelector(".slm-attn");
  if (!section) return null;
  const text = atob(section.dataset.weights);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const [layers, heads, length] = ["layers", "heads", "length"].map((name) => Number(section.dataset[name]));
  const pieces = [...section.querySelectorAll(".slm-attn-pieces li")].map((item) => item.textContent);
  return { section, bytes, layers, heads, length, pieces, triangle: (length * (length + 1)) / 2 };
}

// How much of its attention token `row` gives to token `column`, 0 to 255 (square root scale).
function strength(layer, head, row, column) {
  return column > row ? 0 : maps.bytes[(layer * maps.heads + head) * maps.triangle + (row * (row + 1)) / 2 + column];
}

// The two ends of the colour scale, as the style sheet gives them to a canvas.
function ink(canvas) {
  const style = getComputedStyle(canvas);
  return [style.color, style.backgroundColor].map((colour) => colour.match(/[\d.]+/g).map(Number));
}

function paint(canvas, layer, head) {
  const [full, none] = ink(canvas);
  const image = new ImageData(maps.length, maps.length);
  for (let row = 0; row < maps.length; row++) {
    for (let column = 0; column <= row; column++) {
      const share = strength(layer, head, row, column) / 255, at = 4 * (row * maps.length + column);
      for (let c = 0; c < 3; c++) image.data[at + c] = none[c] + (full[c] - none[c]) * share;
      image.data[at + 3] = 255;
    }
  }
  canvas.width = canvas.height = maps.length;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function drawLarge() {
  const holder = element.querySelector(".slm-attn-large");
  const title = make("h4", "", `Layer ${chosen.layer + 1}, head ${chosen.head + 1}`);
  const canvas = make("canvas", "");
  canvas.setAttribute("aria-hidden", "true");
  const frame = make("div", "slm-attn-frame");
  frame.append(canvas, make("i", "slm-attn-cursor"));
  const says = make("p", "slm-attn-says");
  says.setAttribute("aria-live", "polite");
  const words = make("div", "slm-attn-words");
  maps.pieces.forEach((piece, at) => {
    const word = make("button", "slm-attn-word", piece);
    word.type = "button";
    word.dataset.at = at;
    words.append(word);
  });
  holder.replaceChildren(title, frame, says, make("p", "slm-small", "Choose a token to see where it looks:"), words);
  paint(canvas, chosen.layer, chosen.head);
  point(maps.length - 1, null);
}

// Show where one token looks: its row marked, the tokens tinted by their share, the strongest named.
function point(row, column) {
  spot = row;
  const shares = Array.from({ length: row + 1 }, (_, k) => (strength(chosen.layer, chosen.head, row, k) / 255) ** 2);
  for (const word of element.querySelectorAll(".slm-attn-word")) {
    const at = Number(word.dataset.at), share = at <= row ? shares[at] : 0;
    word.style.setProperty("--slm-shade", Math.sqrt(share).toFixed(2));
    // Where the tint is strong enough for letters of the other colour; on dark paper that is sooner.
    word.classList.toggle("slm-sure", share > 0.3);
    word.classList.toggle("slm-surest", share > 0.49);
    word.classList.toggle("slm-later", at > row);
    word.setAttribute("aria-pressed", String(at === row));
    word.title = at <= row ? `${(100 * share).toFixed(0)} %` : "later, so it cannot be seen";
  }
  const cursor = element.querySelector(".slm-attn-cursor");
  cursor.style.top = `${(100 * row) / maps.length}%`;
  cursor.style.height = `${100 / maps.length}%`;
  const best = shares.map((share, at) => [share, at]).sort((a, b) => b[0] - a[0]).slice(0, 3).filter(([share]) => share > 0.02);
  const said = (at) => `\u201c${maps.pieces[at]}\u201d${at === row ? " (itself)" : ""}`;
  const list = best.map(([share, at]) => `${said(at)} ${(100 * share).toFixed(0)} %`).join(", ");
  const one = column !== null && column <= row ? ` Here: ${said(column)} ${(100 * shares[column]).toFixed(0)} %.` : "";
  element.querySelector(".slm-attn-says").textContent = `Token ${row + 1}, \u201c${maps.pieces[row]}\u201d, looks most at ${list || "many tokens a little"}.${one}`;
}

function choose(layer, head) {
  chosen = { layer: Math.min(layer, maps.layers - 1), head: Math.min(head, maps.heads - 1) };
  for (const cell of element.querySelectorAll(".slm-attn-cell")) {
    cell.setAttribute("aria-pressed", String(Number(cell.dataset.layer) === chosen.layer && Number(cell.dataset.head) === chosen.head));
  }
  drawLarge();
}

function draw() {
  maps = decode();
  if (!maps) return;
  for (const cell of element.querySelectorAll(".slm-attn-cell")) {
    paint(cell.querySelector("canvas"), Number(cell.dataset.layer), Number(cell.dataset.head));
  }
  choose(chosen.layer, chosen.head);
}

element.addEventListener("click", (event) => {
  const cell = event.target.closest(".slm-attn-cell"), word = event.target.closest(".slm-attn-word");
  if (maps && cell) choose(Number(cell.dataset.layer), Number(cell.dataset.head));
  if (maps && word) point(Number(word.dataset.at), null);
});
element.addEventListener("pointerover", (event) => {
  const word = event.target.closest(".slm-attn-word");
  if (maps && word && event.pointerType === "mouse") point(Number(word.dataset.at), null);
});
element.addEventListener("pointermove", (event) => {
  const frame = event.target.closest(".slm-attn-frame");
  if (!maps || !frame) return;
  const box = frame.getBoundingClientRect();
  const [row, column] = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width]
    .map((share) => Math.max(0, Math.min(maps.length - 1, Math.floor(share * maps.length))));
  point(row, column);
});
// A change between light and dark is a new class on the body: paint again in the other ink.
new MutationObserver(() => { if (maps) { const row = spot; draw(); if (row !== null) point(Math.min(row, maps.length - 1), null); } })
  .observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", draw);
draw();
