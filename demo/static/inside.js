// The Inside tab. Runs, after the panels' scripts, as the `js_on_load` of the tokens' gr.HTML component: `element`, `props` and
// `watch` are given. props.value is what inside_value (demo/views/inside.py) makes of a text: the whole of it, so that moving from
// token to token asks no server. The other panels are components that stay empty but for what is drawn into them here.

const PANELS = { tokens: TokensPanel, probs: ProbsPanel, lens: LensPanel, attention: AttentionPanel, near: NearPanel };
const panels = new Map();
let view = null, chosen = 0;

// The panels there are by now; each is met once.
function present() {
  for (const [name, Panel] of Object.entries(PANELS)) {
    const holder = name === "tokens" ? element.querySelector(".slm") : document.querySelector(`#inside-${name} .slm`);
    if (!holder || panels.get(name)?.holder === holder) continue;
    panels.set(name, new Panel(holder));
    holder.addEventListener("click", (event) => {
      const token = event.target.closest("[data-at]");
      if (token) choose(Number(token.dataset.at));
    });
    holder.addEventListener("slm-choose", (event) => choose(event.detail));
    holder.addEventListener("keydown", (event) => step(event, holder));
  }
  return [...panels.values()];
}

function choose(at) {
  if (!view) return;
  chosen = Math.max(0, Math.min(view.ids.length - 1, at));
  for (const panel of present()) panel.show(view, chosen);
}

function step(event, holder) {
  const moves = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: Infinity };
  if (!(event.key in moves) || !event.target.closest("button[data-at]")) return;
  event.preventDefault();
  const place = event.target.className;
  choose(moves[event.key]);
  const group = [...holder.querySelectorAll(`button[data-at="${chosen}"]`)];
  (group.find((button) => button.className.split(" ")[0] === place.split(" ")[0]) || group[0])?.focus();
}

// A new text is shown at its end; the same text seen by another snapshot stays where it was.
function take() {
  const value = props.value || {};
  if (!value.ids) return;
  const same = view && view.ids.join() === value.ids.join();
  view = { ...value, pieces: value.ids.map((id) => value.names[id]) };
  for (const panel of present()) panel.draw(view);
  choose(same ? chosen : view.ids.length - 1);
}

// The same again in a page of another width, or with letters of another size.
let size = "";
window.addEventListener("resize", () => {
  const now = `${window.innerWidth} ${grown()}`;
  if (!view || !element.isConnected || now === size) return;
  size = now;
  for (const panel of present()) panel.draw(view);
  choose(chosen);
});

watch("value", take);
take();
