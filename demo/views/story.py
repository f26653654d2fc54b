"""A story on the page: the prompt as the person typed it, then what the model made of it, word for word to be chosen.

`demo/static/write.js` lets the words be chosen: a click tells which story (data-column) and which token (data-place).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo.views.chart import static_text
from demo.views.words import escape, percent

RANKS = (1, 3, 10, 100)  # the last rank of each level of surprise but the highest
# The words have no role of their own: a story is read out as a text, not as so many buttons.
GROUP = "Story: the arrow keys choose a word, Enter shows what else it could have been"
PROBS = (0.5, 0.1, 0.01, 0.001)  # the least probability of each level but the highest


@dataclass(frozen=True)
class Piece:
    """The text of one token, or of the several that make one character: the first is token number `place`."""

    place: int
    text: str
    rank: int | None = None
    prob: float | None = None
    chosen: bool = False  # by a person: here the story branched


def story_js() -> str:
    """The script of the words, for `js_on_load` of the `gr.HTML` that shows stories."""
    return static_text("write.js")


def story_html(
    prompt: str, continuation: str, *, note: str = "", hint: str = "", writing: bool = False, label: str = "",
    column: int = 0, pieces: Sequence[Piece] = (), versions: Sequence[str] = (), shown: int = 0,
) -> str:
    """The prompt and its continuation as a page of a book; a cursor blinks while it is being written.

    With `pieces` each of them can be chosen, in place of the plain continuation. `versions` names what the story
    branched into, `shown` is the one that is seen; `hint` says more of the note.
    """
    cursor = '<span class="slm-cursor" aria-hidden="true"></span>' if writing else ""
    if not prompt and not continuation and not writing and not pieces:
        body = '<p class="slm-empty">Type how a story begins, and the model goes on.</p>'
    else:
        words = "".join(map(_piece, pieces)) if pieces else escape(continuation)
        group = f' role="group" aria-label="{GROUP}"' if pieces else ""
        body = f'<p class="slm-prose"{group}><span class="slm-prompt">{escape(prompt)}</span>{words}{cursor}</p>'
    head = f"<h4>{escape(label)}</h4>" if label else ""
    title = f' title="{escape(hint)}"' if hint else ""
    foot = f"<footer{title}>{escape(note)}</footer>" if note else ""
    return (
        f'<article class="slm slm-story" data-column="{column}" aria-busy="{str(writing).lower()}">'
        f"{head}{_versions(versions, shown)}{body}{foot}</article>"
    )


def surprise_levels(rank: int, prob: float) -> tuple[int, int]:
    """How surprising a token was, 0 to 4, by its rank and by its probability."""
    by_rank = sum(rank > last for last in RANKS)
    return by_rank, sum(prob < least for least in PROBS)


def legend_html() -> str:
    """What the marks of surprise mean; the style sheet shows the list that is asked for."""
    ranks = ["first guess", "2nd or 3rd", "4th to 10th", "11th to 100th", "later than that"]
    probs = ["50 % or more", "10 to 50 %", "1 to 10 %", "0.1 to 1 %", "less than 0.1 %"]
    lists = (("rank", "The word was the model's", ranks), ("prob", "How likely the model held it", probs))
    return "".join(
        f'<div class="slm slm-surprise-legend slm-by-{kind}"><b>{title}:</b><ul>'
        + "".join(f'<li><span class="slm-{kind}-{level}">{words}</span></li>' for level, words in enumerate(names))
        + "</ul></div>"
        for kind, title, names in lists
    )


def _piece(piece: Piece) -> str:
    title, classes = "", ["slm-word"] + ["slm-branch"] * piece.chosen
    if piece.rank is not None and piece.prob is not None:
        by_rank, by_prob = surprise_levels(piece.rank, piece.prob)
        classes += [f"slm-rank-{by_rank}", f"slm-prob-{by_prob}"]
        title = f' title="guess number {piece.rank:,}, {percent(piece.prob)} likely"'
    word = piece.text.lstrip() or piece.text  # the marks begin with the word, not with its space
    space = piece.text[: len(piece.text) - len(word)]
    return (
        f'{escape(space)}<span class="{" ".join(classes)}" data-place="{piece.place}"{title}>'
        f"{escape(word)}</span>"
    )


def _versions(names: Sequence[str], shown: int) -> str:
    if len(names) < 2:
        return ""
    buttons = "".join(
        f'<button type="button" data-version="{version}" aria-pressed="{str(version == shown).lower()}">'
        f"{escape(name)}</button>"
        for version, name in enumerate(names)
    )
    return f'<nav class="slm-versions" aria-label="Versions of this story"><span>Versions:</span>{buttons}</nav>'
