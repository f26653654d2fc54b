// Where each head looks: a small map for each layer and head, the chosen one large with its tokens named.
// The weights come as base64: lower triangles, one byte a weight, 255 times the square root of its share.

const ALL = -1; // the mean of all heads, or of all layers
const LEAST_LABEL_PX = 13;

class AttentionPanel {
  constructor(holder) {
    this.holder = holder;
    this.layer = this.head = 0;
    this.maps = new Map();
    holder.addEventListener("click", (event) => this.click(event));
    holder.addEventListener("pointermove", (event) => this.hover(event));
    holder.addEventListener("pointerleave", () => this.point(this.at, null));
    // A change between light and dark is a new class on the body: paint again in the other ink.
    new MutationObserver(() => { if (this.view) this.paintAll(); }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  draw(view) {
    const { layers, heads, first, weights } = view.attention;
    this.view = view;
    this.maps.clear();
    this.bytes = Uint8Array.from(atob(weights), (character) => character.charCodeAt(0));
    this.first = first;
    this.length = view.ids.length - first;
    [this.layer, this.head] = [Math.min(this.layer, layers - 1), Math.min(this.head, heads - 1)];
    const cut = first ? ` Of this long text the last ${this.length} tokens are drawn.` : "";
    const lead = "To choose the next token, the model looks back at earlier ones in many ways at once. Each way, called a head, has a square: a row is a token, " +
      `a strong spot in it an earlier token it looks at. Choose a square to see it large, and a row to choose its token.${cut}`;
    this.large = html("div", { class: "slm-attn-large" });
    this.holder.replaceChildren(html("p", { class: "slm-lead" }, lead),
      html("div", { class: "slm-attn-both" }, this.grid(layers, heads), this.large));
    this.drawLarge();
    this.paintAll();
  }

  grid(layers, heads) {
    const range = (count) => Array.from({ length: count }, (_, i) => i);
    const row = (layer) => html("div", { class: "slm-attn-row" }, html("span", {}, layer === ALL ? "all layers" : `layer ${layer + 1}`),
      ...[...range(heads), ALL].map((head) => html("button", {
        type: "button", class: "slm-attn-cell", "data-layer": layer, "data-head": head, "aria-label": this.name(layer, head),
      }, html("canvas"))));
    const names = html("div", { class: "slm-attn-row", "aria-hidden": "true" }, html("span"),
      ...range(heads).map((head) => html("b", {}, `${head + 1}`)), html("b", {}, "all"));
    return html("div", { class: "slm-attn-grid" }, names, ...[...range(layers).reverse(), ALL].map(row));
  }

  name(layer, head) {
    const which = [layer === ALL ? "all layers" : `layer ${layer + 1}`, head === ALL ? "all heads" : `head ${head + 1}`].join(", ");
    return which[0].toUpperCase() + which.slice(1) + (layer === ALL || head === ALL ? ": the mean" : "");
  }

  // The shares of one map, row by row, T x T; a mean where it is one of all heads or layers.
  shares(layer, head) {
    const key = `${layer} ${head}`;
    if (!this.maps.has(key)) this.maps.set(key, this.mean(layer, head));
    return this.maps.get(key);
  }

  mean(layer, head) {
    const { layers, heads } = this.view.attention, T = this.length, triangle = (T * (T + 1)) / 2;
    const every = (one, count) => (one === ALL ? Array.from({ length: count }, (_, i) => i) : [one]);
    const wanted = every(layer, layers).flatMap((l) => every(head, heads).map((h) => (l * heads + h) * triangle));
    const shares = new Float32Array(T * T);
    for (const start of wanted) {
      for (let row = 0, at = start; row < T; row++) {
        for (let column = 0; column <= row; column++, at++) shares[row * T + column] += (this.bytes[at] / 255) ** 2 / wanted.length;
      }
    }
    return shares;
  }

  paint(canvas, layer, head) {
    // The two ends of the colour scale, as the style sheet gives them to a canvas.
    const style = getComputedStyle(canvas);
    const [full, none] = [style.color, style.backgroundColor].map((colour) => colour.match(/[\d.]+/g).map(Number));
    const T = this.length, shares = this.shares(layer, head), image = new ImageData(T, T);
    for (let row = 0; row < T; row++) {
      for (let column = 0; column <= row; column++) {
        const at = row * T + column, ink = Math.sqrt(shares[at]);
        for (let c = 0; c < 3; c++) image.data[4 * at + c] = none[c] + (full[c] - none[c]) * ink;
        image.data[4 * at + 3] = 255;
      }
    }
    canvas.width = canvas.height = T;
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  paintAll() {
    for (const cell of this.holder.querySelectorAll(".slm-attn-cell")) {
      const [layer, head] = [Number(cell.dataset.layer), Number(cell.dataset.head)];
      cell.setAttribute("aria-pressed", String(layer === this.layer && head === this.head));
      this.paint(cell.firstChild, layer, head);
    }
    this.paint(this.large.querySelector("canvas"), this.layer, this.head);
    this.large.querySelector("h4").textContent = this.name(this.layer, this.head);
  }

  drawLarge() {
    const places = Array.from({ length: this.length }, (_, row) => row + this.first);
    const share = (row) => `${((100 * (row + 0.5)) / this.length).toFixed(2)}%`;
    // As many names as there is room for; the last token is always one of them.
    const every = Math.max(1, Math.ceil((LEAST_LABEL_PX * grown() * this.length) / (0.8 * (this.large.clientWidth || 500))));
    const named = places.filter((at) => (this.view.ids.length - 1 - at) % every === 0);
    const side = (name, edge) => html("div", { class: name, "aria-hidden": "true" },
      ...named.map((at) => html("span", { style: `${edge}:${share(at - this.first)}` }, this.view.pieces[at])));
    this.frame = html("div", { class: "slm-attn-frame" }, html("canvas", { "aria-hidden": "true" }), html("i", { class: "slm-attn-cursor" }));
    this.says = html("p", { class: "slm-attn-says", "aria-live": "polite" });
    this.words = html("div", { class: "slm-attn-words" }, ...places.map((at) => tokenButton(this.view, at, "slm-attn-word", this.view.pieces[at])));
    this.large.replaceChildren(html("h4"),
      html("div", { class: "slm-attn-map" }, side("slm-attn-columns", "left"), side("slm-attn-rows", "top"), this.frame),
      this.says, html("p", { class: "slm-small" }, "The text, in a stronger colour where the chosen token looks:"), this.words);
  }

  show(view, at) {
    this.at = at;
    markChosen(this.words, at);
    this.point(at, null);
  }

  // Show where one token looks: its row marked, the tokens tinted by their share, the strongest named.
  point(at, column) {
    if (!this.view || at === undefined) return;
    const row = at - this.first, T = this.length;
    this.holder.querySelector(".slm-attn-cursor").hidden = row < 0;
    if (row < 0) {
      this.says.textContent = `Token ${at + 1 + this.view.skipped} comes before those that are drawn.`;
      return;
    }
    const all = this.shares(this.layer, this.head), shares = all.subarray(row * T, row * T + row + 1);
    for (const word of this.words.children) {
      const place = Number(word.dataset.at) - this.first, share = place <= row ? shares[place] : 0;
      word.style.setProperty("--slm-shade", Math.sqrt(share).toFixed(2));
      // Where the tint is strong enough for letters of the other colour; on dark paper that is sooner.
      word.classList.toggle("slm-sure", share > 0.34);
      word.classList.toggle("slm-surest", share > 0.65);
      word.classList.toggle("slm-later", place > row);
    }
    const cursor = this.holder.querySelector(".slm-attn-cursor");
    cursor.style.top = `${(100 * row) / T}%`;
    cursor.style.height = `${100 / T}%`;
    this.says.textContent = this.tell(row, column, shares);
  }

  tell(row, column, shares) {
    const said = (place) => quoted(this.view.pieces[place + this.first]) + (place === row ? " (itself)" : "");
    const best = [...shares].map((share, place) => [share, place]).sort((a, b) => b[0] - a[0]).slice(0, 3).filter(([share]) => share > 0.02);
    const list = best.map(([share, place]) => `${said(place)} ${percent(share)}`).join(", ");
    const before = 1 - shares.reduce((sum, share) => sum + share, 0);
    const gone = this.first && before > 0.02 ? ` ${percent(before)} goes to tokens before those drawn.` : "";
    const one = column !== null && column <= row ? ` Here: ${said(column)} ${percent(shares[column])}.` : "";
    const at = row + this.first;
    return `Token ${at + 1 + this.view.skipped}, ${quoted(this.view.pieces[at])}, looks most at ${list || "many tokens a little"}.${gone}${one}`;
  }

  cellUnder(event) {
    if (!event.target.closest(".slm-attn-frame")) return null;
    const box = this.frame.getBoundingClientRect();
    return [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width]
      .map((part) => Math.max(0, Math.min(this.length - 1, Math.floor(part * this.length))));
  }

  hover(event) {
    if (!this.view) return;
    const cell = this.cellUnder(event), word = event.target.closest(".slm-attn-word");
    if (cell) this.point(cell[0] + this.first, cell[1]);
    else this.point(word && event.pointerType === "mouse" ? Number(word.dataset.at) : this.at, null);
  }

  click(event) {
    const square = event.target.closest(".slm-attn-cell"), cell = this.view && this.cellUnder(event);
    if (square) {
      [this.layer, this.head] = [Number(square.dataset.layer), Number(square.dataset.head)];
      this.paintAll();
      this.point(this.at, null);
    }
    if (cell) this.frame.dispatchEvent(new CustomEvent("slm-choose", { bubbles: true, detail: cell[0] + this.first }));
  }
}
