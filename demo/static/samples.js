// The list of all stories stays open, or folded, when a new story comes.
let open = false;

function follow() {
  const list = element.querySelector("details");
  if (!list) return;
  list.open = open;
  list.addEventListener("toggle", () => { open = list.open; });
}

watch("value", () => requestAnimationFrame(follow));
document.addEventListener("slm-news", () => requestAnimationFrame(follow));
follow();
