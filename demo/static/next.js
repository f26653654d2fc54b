// The next-word chart. Runs, after sampling.js, as the `js_on_load` of a gr.HTML component: `element`, `props` and `watch` are given.
// props.value is what demo/views/next_words.py calls next_value; the sliders' values come with the window's event "slm-settings".
const panel = element.querySelector(".slm-next") || element;
let bars = [], logits = null, settings = null;

function part(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

function share(prob) {
  if (prob === 0) return "0 %";
  if (prob < 0.001) return "< 0.1 %";
  return `${(100 * prob).toFixed(prob < 0.0995 ? 1 : 0)} %`;
}

function take(value) {
  if (value && value.why) {
    logits = null; // the settings move nothing now
    panel.replaceChildren(part("h3", "slm-minor", "What may come next"), part("p", "slm-small slm-next-why", value.why));
    return;
  }
  if (!value || !value.logits) { if (value && value.settings) settings = value.settings; return; }
  const bytes = Uint8Array.from(atob(value.logits), (character) => character.charCodeAt(0)), view = new DataView(bytes.buffer);
  logits = Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  const raw = softmax(logits);
  bars = value.rows.map(({ id, word, title }) => {
    const before = part("i", ""), after = part("i", "slm-after"), figures = part("span", "");
    before.style.width = `${100 * raw[id]}%`;
    const name = part("b", "", word);
    name.title = title;
    return { id, raw: raw[id], after, figures, row: part("li", "", name, part("span", "slm-track", before, after), figures) };
  });
  const list = part("ol", "slm-probs", ...bars.map((bar) => bar.row));
  const after = value.after ? [part("q", "", value.after)] : ["the beginning"];
  panel.replaceChildren(
    part("h3", "slm-minor", "What may come next"), part("p", "slm-small slm-next-after", "After ", ...after), list,
    part("p", "slm-small slm-next-left"));
  draw();
}

function draw() {
  if (!logits || !settings) return;
  const probs = sampled(logits, props.value.seen, settings);
  for (const { id, raw, after, figures } of bars) {
    after.style.width = `${100 * probs[id]}%`;
    after.parentNode.parentNode.classList.toggle("slm-out", probs[id] === 0);
    figures.replaceChildren(`${share(raw)} `, part("small", "", `\u2192 ${share(probs[id])}`));
  }
  const left = probs.reduce((count, prob) => count + (prob > 0), 0);
  panel.querySelector(".slm-next-left").textContent =
    `${left.toLocaleString("en")} of ${probs.length.toLocaleString("en")} tokens (pieces of words) can come. Thick bar: the model. Thin bar: after your settings.`;
}

window.addEventListener("slm-settings", (event) => { settings = event.detail; draw(); });
watch("value", () => take(props.value));
take(props.value);
