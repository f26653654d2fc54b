"""A look inside the model: its tokens, its next guesses, where it looks, and what each layer thinks.

The big attention map is drawn by `demo/static/inside.js` out of a data attribute.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

from demo.views.chart import static_text
from demo.views.words import escape, note, percent, plural, visible

TINTS = 8
MOST_CHIPS = 2000
# Attention travels as base64, one byte for each pair of tokens; this many characters at most.
MOST_ATTENTION_CHARACTERS = 170_000


def inside_js() -> str:
    """The attention maps' script, for `js_on_load` of the `gr.HTML` that shows `attention_html`."""
    return static_text("inside.js")


def tokens_html(pieces: Sequence[str], ids: Sequence[int]) -> str:
    """The text cut into the model's tokens, each with its number; the same token has the same colour."""
    if not pieces:
        return f'<section class="slm">{note("Type a sentence, and see it cut into tokens.")}</section>'
    chips = "".join(
        f'<li class="slm-token slm-tint-{ident % TINTS}" title="token {position}: number {ident}">'
        f"<b>{escape(visible(piece))}</b><small>{ident}</small></li>"
        for position, (piece, ident) in enumerate(zip(pieces[:MOST_CHIPS], ids, strict=False), start=1)
    )
    letters = sum(map(len, pieces))
    more = f" The first {MOST_CHIPS:,} are shown." if len(pieces) > MOST_CHIPS else ""
    lead = (
        f"{plural(letters, 'character')} became {plural(len(pieces), 'token')}. The model sees only the numbers; "
        f"\u2423 is a space and \u21b5 a new line.{more}"
    )
    return f'<section class="slm"><p class="slm-lead">{lead}</p><ol class="slm-tokens">{chips}</ol></section>'


def probs_html(alternatives: Sequence[Sequence[Any]]) -> str:
    """What may come next, a bar for each (id, text, probability[, probability after the sampling settings])."""
    if not alternatives:
        return f'<section class="slm">{note("The likeliest next tokens appear here.")}</section>'
    after = any(len(row) > 3 and row[3] is not None for row in alternatives)
    rows = "".join(_prob_row(row, after) for row in alternatives)
    rest = max(0.0, 1.0 - sum(float(row[2]) for row in alternatives))
    lead = "How likely the model holds each token to come next."
    if after:
        lead += " The thin bar is what your settings (temperature, top-k, top-p) make of it."
    others = f'<p class="slm-small">All other tokens together: {percent(rest)}</p>' if rest > 0.0005 else ""
    return f'<section class="slm"><p class="slm-lead">{lead}</p><ol class="slm-probs">{rows}</ol>{others}</section>'


def _prob_row(row: Sequence[Any], after: bool) -> str:
    ident, piece, prob = row[0], str(row[1]), float(row[2])
    thin = ""
    figures = percent(prob)
    if after:
        sampled = float(row[3]) if len(row) > 3 and row[3] is not None else 0.0
        thin = f'<i class="slm-after" style="width:{100 * min(1.0, sampled):.1f}%"></i>'
        figures += f" <small>\u2192 {percent(sampled)}</small>"
    return (
        f'<li title="number {escape(ident)}"><b>{escape(visible(piece))}</b>'
        f'<span class="slm-track"><i style="width:{100 * min(1.0, prob):.1f}%"></i>{thin}</span>'
        f"<span>{figures}</span></li>"
    )


def attention_html(attention: Any, pieces: Sequence[str]) -> str:
    """Where each head looks: a small map for each layer and head; inside.js draws them and the chosen one large.

    `attention` is an array (n_layer, n_head, T, T) of weights, rows summing to 1: row t tells where token t looks.
    The maps' lower triangles travel as square roots in one byte each, layer by layer, head by head, row by row.
    """
    layers = len(attention) if attention is not None else 0
    heads = len(attention[0]) if layers else 0
    length = min(len(pieces), len(attention[0][0])) if heads else 0
    if not length:
        return f'<section class="slm">{note("Where the model looks back appears here.")}</section>'
    shown = min(length, _most_tokens(layers * heads))
    data = base64.b64encode(_triangles(attention, shown)).decode("ascii")
    names = "".join(f"<li>{escape(visible(piece))}</li>" for piece in pieces[:shown])
    cut = f" Only the first {shown} of {length} tokens are drawn." if shown < length else ""
    lead = (
        "To choose the next token, every head looks back at earlier ones. Each square is one head: a row is a token, "
        f"a strong spot in it an earlier token it looks at. Choose a square to see it large.{cut}"
    )
    grid = "".join(
        f'<div class="slm-attn-row"><span>layer {layer + 1}</span>'
        + "".join(
            f'<button type="button" class="slm-attn-cell" data-layer="{layer}" data-head="{head}" '
            f'aria-label="layer {layer + 1}, head {head + 1}"><canvas></canvas></button>'
            for head in range(heads)
        )
        + "</div>"
        for layer in range(layers)
    )
    return (
        f'<section class="slm slm-attn" data-layers="{layers}" data-heads="{heads}" data-length="{shown}" '
        f'data-weights="{data}">'
        f'<p class="slm-lead">{lead}</p><div class="slm-attn-both"><div class="slm-attn-grid">{grid}</div>'
        f'<div class="slm-attn-large"></div></div><ol class="slm-attn-pieces" hidden>{names}</ol></section>'
    )


def _most_tokens(maps: int) -> int:
    """The longest text whose maps fit the limit: maps x T (T + 1) / 2 bytes, 4 characters for 3 bytes."""
    return max(1, int((math.sqrt(1 + 8 * MOST_ATTENTION_CHARACTERS * 3 / 4 / maps) - 1) / 2))


def _triangles(attention: Any, length: int) -> bytes:
    """The lower triangles as bytes: round(255 sqrt(weight)), so that small weights keep their precision."""
    out = bytearray()
    for layer in attention:
        for head in layer:
            for t in range(length):
                row = head[t]
                out += bytes(_byte(float(row[s])) for s in range(t + 1))
    return bytes(out)


def _byte(weight: float) -> int:
    return round(255 * math.sqrt(min(1.0, weight))) if weight > 0 else 0  # NaN is not > 0


def lens_html(lens: Sequence[Sequence[tuple[str, float]]], pieces: Sequence[str]) -> str:
    """What each layer would say comes next, were it the last one: a row a layer, a column a token, darker is surer."""
    if not lens or not pieces:
        return f'<section class="slm">{note("What each layer would guess appears here.")}</section>'
    length = min(len(pieces), len(lens[0]))
    head = "".join(f"<th scope='col'>{escape(visible(piece))}</th>" for piece in pieces[:length])
    rows = "".join(
        f"<tr><th scope='row'>layer {layer + 1}</th>"
        + "".join(
            _guess(guess, pieces[t + 1] if t + 1 < len(pieces) else None)
            for t, guess in enumerate(guesses[:length])
        )
        + "</tr>"
        for layer, guesses in reversed(list(enumerate(lens)))
    )
    came = "".join(f"<td>{escape(visible(piece))}</td>" for piece in pieces[1:length]) + "<td>?</td>"
    lead = (
        "After each token (top row), what every layer would guess next if it had the last word. Read upwards: "
        "the guess ripens. A stronger colour is surer; a frame means that the guess came true."
    )
    return (
        f'<section class="slm"><p class="slm-lead">{lead}</p><div class="slm-scroll" tabindex="0">'
        f"<table class='slm-lens'><thead><tr><th scope='col'>after</th>{head}</tr></thead><tbody>{rows}"
        f"<tr class='slm-came'><th scope='row'>came next</th>{came}</tr></tbody></table></div></section>"
    )


def _guess(guess: tuple[str, float], came: str | None) -> str:
    piece, prob = guess[0], min(1.0, max(0.0, float(guess[1])))
    right = " slm-right" if came is not None and piece == came else ""
    # Letters change colour where the shade is strong enough; on dark paper that is sooner.
    sure = " slm-sure slm-surest" if prob > 0.7 else " slm-sure" if prob > 0.55 else ""
    look = f'class="slm-guess{right}{sure}" style="--slm-shade:{prob:.2f}" title="{percent(prob)} sure"'
    return f"<td {look}>{escape(visible(piece))}</td>"
