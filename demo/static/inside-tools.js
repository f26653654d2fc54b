// What the panels of the Inside tab share: buttons for tokens, and numbers as people say them.
// inside_js() in demo/views/inside.py puts this after chart-tools.js, whose html() and svg() it uses, and before the panels.
// A panel is a class with draw(view), which builds it for a text, and show(view, at), which moves it to one token.

function percent(share) {
  if (share === null || share === undefined) return "\u2013";
  if (share > 0 && share < 0.001) return "< 0.1\u00a0%";
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u00a0%`;
}

function quoted(text) {
  return `\u201c${text}\u201d`;
}

function ordinal(n) {
  const tail = n % 100 > 10 && n % 100 < 14 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[n % 10] || "th";
  return `${n.toLocaleString("en")}${tail}`;
}

// How surprised the model was by the token at a place, in nats; null for the first, which nothing came before.
function surprise(view, at) {
  const foreseen = view.foreseen[at];
  return foreseen && foreseen[0] !== null ? -Math.log(Math.max(foreseen[0], 1e-12)) : null;
}

// One sentence about the token at a place.
function told(view, at) {
  const part = view.parts.includes(view.ids[at]) ? ", part of a character, named by its bytes" : "";
  const begin = `Token ${at + 1 + view.skipped} is number ${view.ids[at]}${part}`;
  const foreseen = view.foreseen[at];
  if (!foreseen) return `${begin}. It is the first one seen, so nothing foretold it.`;
  const [share, rank] = foreseen;
  const guess = rank === 1 ? "its likeliest guess" : `its ${ordinal(rank)} guess`;
  return `${begin}. The model had given it ${percent(share)}, ${guess}.`;
}

// A button that chooses the token at a place; inside.js hears its click and the arrow keys on it.
function tokenButton(view, at, name, ...children) {
  const attributes = { type: "button", class: name, "data-at": at, tabindex: -1, "aria-pressed": "false", title: told(view, at) };
  return html("button", attributes, ...children);
}

// Mark the chosen token's buttons. Only they are tab stops; the arrow keys lead to the others.
function markChosen(holder, at) {
  for (const button of holder.querySelectorAll("button[data-at]")) {
    const chosen = Number(button.dataset.at) === at;
    button.setAttribute("aria-pressed", String(chosen));
    button.tabIndex = chosen ? 0 : -1;
  }
}

// Scroll a box sideways, never the page, until the part of it can be seen beside what covers its left edge.
function bringIntoView(box, part, covered = 0) {
  const [outer, inner] = [box.getBoundingClientRect(), part.getBoundingClientRect()];
  if (inner.left < outer.left + covered) box.scrollLeft -= outer.left + covered + 12 - inner.left;
  if (inner.right > outer.right) box.scrollLeft += inner.right - outer.right + 12;
}

// How much larger than usual letters are (projector mode).
function grown() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
}
