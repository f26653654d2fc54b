// What each layer would say comes next, were it the last one: a row a layer, a column a token, darker is surer.

class LensPanel {
  constructor(holder) {
    this.holder = holder;
  }

  draw(view) {
    const head = view.ids.map((_, at) => html("th", { scope: "col" }, tokenButton(view, at, "slm-lens-token", view.pieces[at])));
    const rows = view.lens.map((guesses, layer) => html("tr", {}, html("th", { scope: "row" }, `layer ${layer + 1}`),
      ...guesses.map((guess, at) => this.guess(guess, at, view.ids[at + 1], view))));
    const came = view.ids.map((_, at) => html("td", { "data-at": at }, at + 1 < view.ids.length ? view.pieces[at + 1] : "?"));
    const lead = "After each token (top row), what every layer would guess next if it had the last word. Read upwards: the guess ripens. " +
      "A stronger colour is surer; a frame means that the guess came true.";
    this.box = html("div", { class: "slm-scroll", tabindex: 0 }, html("table", { class: "slm-lens" },
      html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "after"), ...head)),
      html("tbody", {}, ...rows.reverse(), html("tr", { class: "slm-came" }, html("th", { scope: "row" }, "came next"), ...came))));
    // Columns that were scrolled away leave a shade beside the names of the layers, or nobody would miss them.
    this.box.addEventListener("scroll", () => this.box.classList.toggle("slm-scrolled", this.box.scrollLeft > 0));
    this.holder.replaceChildren(html("p", { class: "slm-lead" }, lead), this.box);
  }

  guess([piece, share], at, came, view) {
    const right = came !== undefined && piece === view.names[came] ? " slm-right" : "";
    // Letters change colour where the shade is strong enough; on dark paper that is sooner.
    const sure = share > 0.8 ? " slm-sure slm-surest" : share > 0.54 ? " slm-sure" : "";
    return html("td", { class: `slm-guess${right}${sure}`, style: `--slm-shade:${(share || 0).toFixed(2)}`, title: `${piece}: ${percent(share)} sure`, "data-at": at }, piece);
  }

  show(view, at) {
    markChosen(this.holder, at);
    for (const row of this.box.querySelectorAll("tr")) {
      row.querySelector(".slm-column")?.classList.remove("slm-column");
      row.children[at + 1].classList.add("slm-column");
    }
    const [corner, column] = [this.box.querySelector("th"), this.box.querySelector("thead .slm-column")];
    bringIntoView(this.box, column, corner.offsetWidth);
  }
}
