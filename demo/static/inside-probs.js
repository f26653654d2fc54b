// What the model expects after the chosen token: a bar for each of the likeliest.

class ProbsPanel {
  constructor(holder) {
    this.holder = holder;
  }

  draw() {}

  show(view, at) {
    const rows = view.probs[at], came = view.ids[at + 1];
    const among = Math.exp(view.entropy[at]);
    const unsure = among < 1.5 ? "all but sure" : `as unsure as among ${among < 10 ? among.toFixed(1) : Math.round(among).toLocaleString("en")} equally likely ones`;
    const lead = html("p", { class: "slm-lead" }, "After ", html("b", { class: "slm-inside-word" }, view.pieces[at]), ` the model is ${unsure}.`);
    const bars = rows.map(([id, share]) => html("li", { class: id === came ? "slm-came" : null, title: `number ${id}` },
      html("b", {}, view.names[id]),
      html("span", { class: "slm-track" }, html("i", { style: `width:${(100 * share).toFixed(1)}%` })),
      html("span", {}, percent(share), id === came ? html("small", {}, " came") : null)));
    const rest = Math.max(0, 1 - rows.reduce((sum, [, share]) => sum + share, 0));
    const foot = [rest > 0.0005 ? `All other tokens together: ${percent(rest)}.` : ""];
    if (came !== undefined && !rows.some(([id]) => id === came)) {
      const [share, rank] = view.foreseen[at + 1];
      foot.push(`What came is not among these: ${quoted(view.names[came])} had ${percent(share)} and was the ${ordinal(rank)} guess.`);
    }
    this.holder.replaceChildren(lead, html("ol", { class: "slm-probs" }, ...bars), html("p", { class: "slm-small" }, foot.filter(Boolean).join(" ")));
  }
}
