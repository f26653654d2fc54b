"""The next-word chart: bars for the likeliest next tokens, before and after the sampling settings.

It is drawn by `demo/static/next.js`, which has the model's scores of the whole vocabulary: a slider moves the bars in
the browser at once, also while the server is busy writing, and no matter how many pages move theirs.
`demo/static/sampling.js` computes there what `slm/sampling.py` computes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from demo.views.alternatives import last_words, token_word
from demo.views.chart import static_text
from demo.views.words import PART, is_part, spelt

MOST_CONTEXT = 50
NEXT_TEMPLATE = '<section class="slm slm-next"></section>'


def next_js() -> str:
    """The chart's script, for `js_on_load` of a `gr.HTML` whose `html_template` is NEXT_TEMPLATE."""
    return static_text("sampling.js") + static_text("next.js")


def next_value(
    best: Sequence[tuple[int, bytes]], logits: str, seen: Sequence[int], *, text: str
) -> dict[str, Any]:
    """What the chart draws after `text`: the (id, bytes) of the likeliest tokens, likeliest first.

    `logits` are the float32 scores of all tokens, little-endian, as base64; `seen` the ids that occurred.
    """
    return {
        "after": last_words(text, MOST_CONTEXT),
        "rows": [_row(token, raw) for token, raw in best],
        "logits": logits,
        "seen": list(seen),
    }


def _row(token: int, raw: bytes) -> dict[str, Any]:
    word = token_word(spelt(raw))
    return {"id": token, "word": word, "title": f"{word}: {PART}" if is_part(raw) else word}


def no_words(why: str) -> dict[str, Any]:
    """What the chart draws where there is nothing to draw: one sentence that says why."""
    return {"why": why}
