"""A look inside the model as one value for the page: everything about a text, so that moving in it asks nobody.

The drawing is done by `demo/static/inside-*.js`, which puts every text into the page as text, never as HTML.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from demo.views.chart import static_text
from demo.views.words import by_bytes, clean, is_part, note, spelt, visible

if TYPE_CHECKING:
    from slm.inspection import Inspection, Neighbour

SCRIPTS = ("chart-tools", "inside-tools", "inside-tokens", "inside-probs", "inside-lens", "inside-attention")
WORD_SCRIPTS = ("chart-tools", "inside-tools", "inside-near")
# Attention travels as base64, one byte for each pair of tokens; this many characters at most.
MOST_ATTENTION_CHARACTERS = 170_000


def panel_template(name: str, empty: str) -> str:
    """The HTML of one panel, which never changes with its value: a sentence until the script draws in it."""
    return f'<section class="slm slm-inside slm-inside-{name}">{note(empty)}</section>'


def inside_js() -> str:
    """The script of the tokens' panel, for `js_on_load`: it draws `inside_value` into this panel and all the others."""
    return "".join(static_text(f"{name}.js") for name in (*SCRIPTS, "inside-near", "inside"))


def word_js() -> str:
    """The script of the panel for any word, for `js_on_load`: it draws `word_value`."""
    return "".join(static_text(f"{name}.js") for name in (*WORD_SCRIPTS, "inside-word"))


def inside_value(
    seen: Inspection, near: Sequence[Sequence[Neighbour]], *, title: str, remark: str, vocab_size: int, tied: bool,
    raw: Callable[[int], bytes],
) -> dict[str, Any]:
    """All that the page shows of a text of T tokens, as JSON.

    `near` holds, for each different token of the text, the token itself and its neighbours. `names` gives every id its
    text, or the bytes that `raw` tells; `parts` are the ids that are part of a character. Probabilities are shares of
    1, entropies nats.
    """
    names = {i: piece for row in (*seen.probs, *seen.lens) for i, piece, _ in row}
    names |= {one.id: one.text for group in near for one in group}
    names |= dict(zip(seen.ids, seen.pieces, strict=True))
    told = _names(names, raw)
    return {
        "title": title,
        "remark": remark,
        "characters": len(b"".join(map(raw, seen.ids)).decode("utf-8", errors="replace")),
        "ids": seen.ids,
        "skipped": seen.skipped,
        "names": told,
        "parts": [i for i in names if is_part(raw(i))],
        "probs": [[[i, _short(p)] for i, _, p in row] for row in seen.probs],
        "entropy": [_short(nats) for nats in seen.entropy],
        "most_entropy": math.log(vocab_size),
        "foreseen": [[_short(one[0]), one[1]] if one else None for one in seen.foreseen],
        "lens": [[[told[str(i)], _short(p)] for i, _, p in row] for row in seen.lens],
        "attention": attention_value(seen.attention),
        "near": {str(group[0].id): _places(group) for group in near},
        "tied": tied,
    }


def word_value(
    word: str, groups: Sequence[Sequence[Neighbour]], *, more: int, tied: bool, raw: Callable[[int], bytes]
) -> dict[str, Any]:
    """The neighbours of each token of a word that was asked for; it has `more` tokens than these."""
    names = _names({one.id: one.text for group in groups for one in group}, raw)
    pieces = " \u00b7 ".join(names[str(group[0].id)] for group in groups)
    lead = f"\u201c{shown(word)}\u201d is one token of this model."
    if len(groups) > 1:
        rest = " \u2026" if more else ""
        lead = (
            f"This model has no token for \u201c{shown(word)}\u201d and reads {len(groups) + more} instead: "
            f"{pieces}{rest}. Choose one of them."
        )
    return {
        "lead": lead,
        "ids": [group[0].id for group in groups],
        "names": names,
        "near": {str(group[0].id): _places(group) for group in groups},
        "tied": tied,
    }


def shown(piece: str) -> str:
    """A token's text as the page shows it; not escaped, since the script writes it as text."""
    return clean(visible(piece))


def _names(pieces: dict[int, str], raw: Callable[[int], bytes]) -> dict[str, str]:
    return {str(i): spelt(raw(i)) if by_bytes(raw(i)) else shown(piece) for i, piece in pieces.items()}


def _places(group: Sequence[Neighbour]) -> list[list[float | None]]:
    return [[one.id, _short(one.similarity), _short(one.x), _short(one.y)] for one in group]


def _short(value: float) -> float | None:
    """Four digits are more than anybody can see; JSON has no numbers beside the finite ones."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def attention_value(attention: np.ndarray) -> dict[str, Any]:
    """Where each head looks, for the script: weights (n_layer, n_head, T, T), row t tells where token t looks.

    The maps' lower triangles travel as square roots in one byte each (small weights keep their precision), layer by
    layer, head by head, row by row. Of a text too long for that the newest tokens are kept, from `first` on.
    """
    layers, heads, length = attention.shape[:3]
    kept = min(length, _most_tokens(layers * heads))
    first = length - kept
    rows, columns = np.tril_indices(kept)
    weights = np.nan_to_num(attention[:, :, first:, first:][:, :, rows, columns], nan=0.0)
    data = np.rint(255 * np.sqrt(np.clip(weights, 0, 1))).astype(np.uint8).tobytes()
    return {"layers": layers, "heads": heads, "first": first, "weights": base64.b64encode(data).decode("ascii")}


def _most_tokens(maps: int) -> int:
    """The longest text whose maps fit the limit: maps x T (T + 1) / 2 bytes, 4 characters for 3 bytes."""
    return max(1, int((math.sqrt(1 + 8 * MOST_ATTENTION_CHARACTERS * 3 / 4 / maps) - 1) / 2))
