// The words of a finished story, to be chosen. Runs as the `js_on_load` of the gr.HTML component that shows stories (demo/views/story.py):
// `element`, `trigger` and `watch` are given. "click" asks what else a token could have been, "select" for another version.
// The Tab key stops once a story; the arrow keys go from word to word.
"use strict";

const ARROWS = { ArrowRight: 1, ArrowLeft: -1 };

function wordsOf(story) { return [...story.querySelectorAll(".slm-word")]; }

function prepare() {
  for (const story of element.querySelectorAll(".slm-story")) wordsOf(story).forEach((word, at) => { word.tabIndex = at === 0 ? 0 : -1; });
}

function columnOf(node) { return Number(node.closest(".slm-story").dataset.column); }

function goTo(word) {
  for (const other of wordsOf(word.closest(".slm-story"))) other.tabIndex = other === word ? 0 : -1;
  word.focus();
}

element.addEventListener("click", (event) => {
  const word = event.target.closest(".slm-word"), version = event.target.closest("[data-version]");
  if (word) {
    goTo(word);
    trigger("click", { column: columnOf(word), place: Number(word.dataset.place) });
  }
  if (version) trigger("select", { column: columnOf(version), version: Number(version.dataset.version) });
});
element.addEventListener("keydown", (event) => {
  const word = event.target.closest(".slm-word");
  if (!word || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" || event.key === " ") word.click();
  else if (event.key in ARROWS || event.key === "Home" || event.key === "End") {
    const words = wordsOf(word.closest(".slm-story"));
    const at = event.key === "Home" ? 0 : event.key === "End" ? words.length - 1 : words.indexOf(word) + ARROWS[event.key];
    if (words[at]) goTo(words[at]);
  } else return;
  event.preventDefault();
});
watch("value", prepare);
prepare();
