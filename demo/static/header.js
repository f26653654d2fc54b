// The page's head: projector mode, which the browser remembers, and what a screen reader is told without being asked.
const button = element.querySelector(".slm-projector-button"), says = element.querySelector(".slm-says");
const KEY = "slm-projector", LARGE = "22px"; // letters are measured in rem, so all of them grow
const AGAIN_MS = 30000, QUIET_MS = 2500;

function project(on) {
  document.documentElement.style.fontSize = on ? LARGE : "";
  // Gradio puts ".contain" before each of the page's own rules: a class of the body alone would not reach them.
  for (const part of [document.body, ...document.querySelectorAll(".contain > *")]) part.classList.toggle("slm-projector", on);
  button.setAttribute("aria-pressed", String(on));
  window.dispatchEvent(new Event("resize")); // charts draw themselves anew
}

function remembered() {
  try { return localStorage.getItem(KEY) === "on"; } catch { return false; } // storage may be forbidden
}

button.addEventListener("click", () => {
  const on = button.getAttribute("aria-pressed") !== "true";
  try { localStorage.setItem(KEY, on ? "on" : "off"); } catch { /* then only this page has it */ }
  project(on);
});
project(remembered());

// A training: its state when that changes, its progress now and then; never each update, and not what a page opens with.
let state = "", told = 0;
function heed(status) {
  const headline = status.querySelector("h3")?.textContent || "", now = headline.split(/[:,]| at /)[0], before = state;
  if (!now || (now === before && Date.now() - told < AGAIN_MS)) return;
  state = now;
  told = Date.now();
  if (before) says.textContent = headline;
}

// A story: that it begins, and that it stands; never each word.
let writing = null;
function quiet(story) {
  // It may wait for its turn, or for a slow model's next word.
  writing = story.querySelector('[aria-busy="true"]') ? setTimeout(quiet, QUIET_MS, story) : null;
  if (!writing) says.textContent = story.querySelector(".slm-story") ? "The story is written." : story.textContent;
}

function begun(story) {
  if (!writing) says.textContent = "Writing.";
  clearTimeout(writing);
  writing = setTimeout(quiet, QUIET_MS, story);
}

function listen(part, hear) {
  const node = document.querySelector(part);
  if (!node) { setTimeout(listen, 200, part, hear); return; } // the tabs come after the page's head
  new MutationObserver(() => hear(node)).observe(node, { childList: true, subtree: true, characterData: true });
}
listen("#write-story", begun);
listen("#train-status", heed);
