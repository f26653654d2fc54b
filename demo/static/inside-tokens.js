// The text cut into tokens, and how unsure and how surprised the model was at each.

const TINTS = 8;
const LEAST_SCALE_NATS = 3; // a text that surprises nobody has low bars

class TokensPanel {
  constructor(holder) {
    this.holder = holder;
    holder.addEventListener("pointerover", (event) => this.hover(event.target.closest("button[data-at]")));
    holder.addEventListener("pointerleave", () => this.hover(null));
  }

  draw(view) {
    this.view = view;
    const count = view.ids.length;
    const lead = `${view.characters.toLocaleString("en")} characters became ${count} ${count === 1 ? "token" : "tokens"}. ` +
      "The model sees only the numbers; \u2423 is a space and \u21b5 a new line. Choose a token, or press \u2190 and \u2192.";
    const cut = view.skipped ? `The model sees ${count} tokens at once: these are the last ones, and the ${view.skipped.toLocaleString("en")} before them are left out.` : "";
    const notes = [view.remark, cut].filter(Boolean).map((said) => html("p", { class: "slm-note slm-note-quiet" }, said));
    const chips = view.ids.map((id, at) => html("li", {},
      tokenButton(view, at, `slm-token slm-tint-${id % TINTS}`, html("b", {}, view.pieces[at]), html("small", {}, String(id)))));
    this.says = html("p", { class: "slm-inside-says", "aria-live": "polite" });
    this.holder.replaceChildren(
      html("p", { class: "slm-inside-title" }, view.title), ...notes, html("p", { class: "slm-lead" }, lead),
      html("ol", { class: "slm-tokens" }, ...chips), this.says, ...this.strip(view));
  }

  // For each token two bars: how unsure the model was before it, and how surprised when it came.
  strip(view) {
    const surprises = view.ids.map((_, at) => surprise(view, at));
    const known = surprises.filter((nats) => nats !== null);
    if (!known.length) return [];
    const top = Math.max(LEAST_SCALE_NATS, ...known, ...view.entropy.slice(0, -1));
    const bar = (name, nats) => html("i", { class: name, style: `height:${((100 * nats) / top).toFixed(1)}%` });
    const columns = view.ids.map((_, at) => {
      const bars = surprises[at] === null ? [] : [bar("slm-unsure", view.entropy[at - 1]), bar("slm-surprise", surprises[at])];
      return html("li", {}, tokenButton(view, at, "slm-strip-token", html("span", { class: "slm-strip-bars" }, ...bars), html("b", {}, view.pieces[at])));
    });
    const mean = known.reduce((sum, nats) => sum + nats, 0) / known.length;
    return [
      html("h4", { class: "slm-inside-part" }, "How unsure, how surprised"),
      html("p", { class: "slm-legend" },
        html("span", {}, html("i", { class: "slm-unsure" }), "how unsure it was before the token"),
        html("span", {}, html("i", { class: "slm-surprise" }), "how surprised it was by the token")),
      html("ol", { class: "slm-strip" }, ...columns),
      html("p", { class: "slm-small" }, `The surprise is ${mean.toFixed(2)} nats a token on average: that is the loss of this text.`),
    ];
  }

  show(view, at) {
    this.at = at;
    markChosen(this.holder, at);
    this.hover(null);
  }

  // The sentence is about the token under the pointer, else about the chosen one.
  hover(button) {
    if (!this.view || !this.says) return;
    const at = button ? Number(button.dataset.at) : this.at;
    const nats = surprise(this.view, at);
    const measured = nats === null ? "" : ` Surprise: ${nats.toFixed(2)} nats (0 if it was certain, 0.7 for one chance in two, 4.6 for one in a hundred).`;
    this.says.replaceChildren(html("b", {}, this.view.pieces[at]), ` ${told(this.view, at)}${measured}`);
  }
}
