// What else a word could have been. Runs as the `js_on_load` of the gr.HTML component that shows alternatives_html
// (demo/views/alternatives.py): `element`, `props`, `trigger` and `watch` are given.
// "select" asks for another token of the story, "click" makes the story go on from the token that was chosen.
"use strict";

const CHOSEN = "slm-word-chosen";
let step = null;  // the arrow that was pressed last, to be found under the finger again

function panelOf() { return element.querySelector(".slm-else"); }

// The word of the story that the panel is on: the last one that begins no later than its token.
function wordOf(panel) {
  const words = [...document.querySelectorAll(`#write-story .slm-story[data-column="${panel.dataset.column}"] .slm-word`)];
  return words.filter((word) => Number(word.dataset.place) <= Number(panel.dataset.place)).pop();
}

function unmark() {
  for (const word of document.querySelectorAll(`#write-story .${CHOSEN}`)) word.classList.remove(CHOSEN);
}

function show() {
  unmark();
  const panel = panelOf();
  if (!panel) return;
  const word = wordOf(panel);
  word?.classList.add(CHOSEN);
  const again = step === null ? null : panel.querySelectorAll("[data-go]")[step];
  (again && !again.disabled ? again : panel).focus({ preventScroll: true });
  step = null;
  // On a narrow page the panel may lie over the word, at the window's lower edge.
  if (!word) return;
  const there = word.getBoundingClientRect(), here = panel.getBoundingClientRect(), under = there.bottom - here.top;
  if (under > 0 && there.right > here.left) window.scrollBy({ top: under + 12, behavior: "smooth" });
}

function close() {
  const word = wordOf(panelOf());
  props.value = "";
  unmark();
  word?.focus({ preventScroll: true });
}

element.addEventListener("click", (event) => {
  const panel = panelOf(), go = event.target.closest("[data-go]"), token = event.target.closest("[data-token]");
  if (!panel) return;
  const column = Number(panel.dataset.column);
  if (event.target.closest(".slm-else-close")) close();
  if (go) {
    step = [...panel.querySelectorAll("[data-go]")].indexOf(go);
    trigger("select", { column, place: Number(go.dataset.go) });
  }
  if (token) {
    const { place, story } = panel.dataset;
    trigger("click", { column, place: Number(place), token: Number(token.dataset.token), story });
  }
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && panelOf()) close();
});
watch("value", show);
