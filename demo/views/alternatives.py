"""What else a word of a story could have been: the likeliest tokens as bars, each a button that makes it so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo.views.chart import static_text
from demo.views.words import PART, escape, percent, visible
from slm.config import END_OF_TEXT

MOST_CONTEXT = 60


@dataclass(frozen=True)
class Alternative:
    """A token that could stand at a place: its probability, and what the sampling settings made of that.

    `text` is that of demo.views.words.spelt; `part` says whether it names bytes that are part of a character.
    """

    token: int
    text: str
    prob: float
    sampled: float
    part: bool = False


def alternatives_js() -> str:
    """The panel's script, for `js_on_load` of the `gr.HTML` that shows `alternatives_html`."""
    return static_text("alternatives.js")


def alternatives_html(
    rows: Sequence[Alternative], *, column: int, place: int, last: int, before: str, chosen: int | None,
    rank: int | None, settings: str, seed: int, story: str,
) -> str:
    """A panel on token `place` (0 to `last`) of the `column`-th story, which stands after the text `before`.

    `chosen` is the token that the story has there, None at the end of a story that could go on; `rank` is its place
    among the model's guesses, where that is known. `settings` says what the probabilities were sampled with; `story` is
    that story's name.
    """
    came = next((row for row in rows if row.token == chosen), None)
    if came is None:
        lead = f"Here the story broke off. Choose a word, and it goes on with seed {seed}."
    else:
        begin = "The model ended the story here" if came.text == END_OF_TEXT else f"Here came {_quoted(came.text)}"
        begin += f" ({PART})" if came.part else ""
        guess = "" if rank is None else f"guess number {rank:,}, "
        lead = (
            f"{begin}: {guess}{_share(came.prob)} likely, {_share(came.sampled)} after the settings. "
            f"Choose another, and the story goes on from it with the same random numbers (seed {seed})."
        )
    rest, rest_sampled = (max(0.0, 1 - sum(shares)) for shares in ([r.prob for r in rows], [r.sampled for r in rows]))
    here = token_word(came.text) if came else "?"
    steps = _step("\u2190", "The token before", place - 1, place > 0) + _step(
        "\u2192", "The next token", place + 1, place < last
    )
    return (
        f'<section class="slm slm-else" tabindex="-1" data-column="{column}" data-place="{place}" '
        f'data-story="{escape(story)}" '
        'aria-label="What else could stand here"><header><h4>What else could stand here?</h4>'
        f'<span class="slm-else-steps">{steps}'
        '<button type="button" class="slm-else-close" aria-label="Close">\u00d7</button></span></header>'
        f'<p class="slm-else-context">{escape(last_words(before, MOST_CONTEXT))}<mark>{escape(here)}</mark></p>'
        f'<p class="slm-small">{escape(lead)}</p><ol class="slm-else-list">'
        + "".join(_row(row, row.token == chosen) for row in rows)
        + f'</ol><p class="slm-small">All other tokens: {_share(rest)} \u2192 {_share(rest_sampled)}. The thick bar '
        f"is what the model held likely, the thin one what the settings made of it ({escape(settings)}).</p></section>"
    )


def _step(arrow: str, name: str, place: int, there: bool) -> str:
    return f'<button type="button" data-go="{place}" aria-label="{name}"{"" if there else " disabled"}>{arrow}</button>'


def _row(row: Alternative, chosen: bool) -> str:
    says = "here now: choose it for a new seed from here on" if chosen else "choose it, and the story goes on from it"
    says = f"{PART}; {says}" if row.part else says
    disabled = " disabled" if chosen and row.text == END_OF_TEXT else ""
    current = ' aria-current="true"' if chosen else ""
    tick = " \u2713" if chosen else ""
    bars = "".join(
        f'<i{kind} style="width:{100 * min(1.0, share):.1f}%"></i>'
        for kind, share in (("", row.prob), (' class="slm-after"', row.sampled))
    )
    return (
        f'<li><button type="button" data-token="{row.token}" title="{says}"{disabled}{current}>'
        f'<b>{escape(token_word(row.text))}{tick}</b><span class="slm-track">{bars}</span>'
        f"<span>{_share(row.prob)} <small>\u2192 {_share(row.sampled)}</small></span></button></li>"
    )


def token_word(text: str) -> str:
    """A token as people read it: without its space, but marked where it has none and joins the word before it."""
    if text == END_OF_TEXT or not text.strip():
        return visible(text)
    word = text.strip()
    return f"\u2026{word}" if text[0].isalpha() and text[0].islower() else word


def last_words(text: str, most: int) -> str:
    """The end of a text, at most so many characters, from the beginning of a word on where there is one."""
    if len(text) <= most:
        return text
    end = text[-most:]
    _, space, words = end.partition(" ")
    return "\u2026" + (f" {words}" if space and words else end)


def _share(prob: float) -> str:
    return percent(prob) if prob else "0 %"


def _quoted(text: str) -> str:
    return f"\u201c{token_word(text)}\u201d"
