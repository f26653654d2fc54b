"""The stories of a page as HTML: what stands over and under each, its words, and its versions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from demo.stories import Story
from demo.views.story import Piece, legend_html, story_html
from demo.written import Versions

ENDS = {
    "ended": "the end",
    "full": "stopped at your number of tokens",
    "stopped": "stopped by you",
    "writing": "writing",
}
END_MARKS = {"ended": " \u2767", "full": " \u2026", "stopped": " \u2026"}
MOST_NAME = 14
EXACT = "float32"
INSIDE_WORD = "Your text seemed to end inside a word, so the model went on from there."


def stories_html(stories: Sequence[Story]) -> str:
    """All stories side by side as far as there is room."""
    return _side_by_side([story_html(story.prompt, story.text, **_around(story)) for story in stories])


def columns_html(columns: Sequence[Versions]) -> str:
    """The same with words that can be chosen, where a story is finished, and with the versions of each."""
    pages = []
    for index, versions in enumerate(columns):
        story = versions.story
        pages.append(
            story_html(
                story.prompt,
                story.text,
                column=index,
                pieces=[] if story.state == "writing" else list(pieces(story)),
                versions=[version_name(version) for version in versions.stories],
                shown=versions.shown,
                **_around(story),
            )
        )
    done = any(versions.story.state != "writing" for versions in columns)
    return _side_by_side(pages) + (legend_html() if done else "")


def pieces(story: Story) -> Iterator[Piece]:
    """A finished story's tokens; those that make one character together are one piece. The last is the story's end."""
    begin, place = 0, 0
    for new in story.written:
        place += new.id is not None
        if new.text:
            chosen = story.kept > 0 and begin < story.kept <= place
            yield _scored(story, begin, new.text, chosen=chosen)
            begin = place
    # Where a person stopped in the middle of a character, its tokens show nothing; the end stands for them.
    yield _scored(story, place, END_MARKS[story.state])


def _scored(story: Story, place: int, text: str, *, chosen: bool = False) -> Piece:
    score = story.scores[place] if place < len(story.scores) else None
    rank, prob = (score.rank, math.exp(score.logprob)) if score else (None, None)
    return Piece(place, text, rank, prob, chosen)


def version_name(story: Story) -> str:
    """What tells a version of a story from the others: where it branched, and into what."""
    if not story.kept:
        return "the first"
    text = next((new.text for new in reversed(story.written[: story.kept]) if new.text), "").strip() or "\u2423"
    short = text if len(text) <= MOST_NAME else text[: MOST_NAME - 1] + "\u2026"
    return f"\u201c{short}\u201d at {story.kept}"


def story_note(story: Story) -> str:
    """The line under a story: the seed to repeat it with, how long and how fast."""
    parts = [f"seed {story.seed}"]
    if story.kept:
        parts.append(f"from token {story.kept} on")
    parts.append(f"{story.tokens} token{'' if story.tokens == 1 else 's'}")
    new = story.tokens - story.kept
    if story.elapsed_s > 0 and new > 1:
        parts.append(f"{new / story.elapsed_s:.0f} tokens/s")
    if story.weights != EXACT:
        parts.append("rounded weights")
    parts.append(ENDS[story.state])
    remarks = [remark for remark in (story.remark, INSIDE_WORD * _goes_on_inside_word(story)) if remark]
    return " \u00b7 ".join(parts) + (f". {' '.join(remarks)}" if remarks else "")


def weights_hint(story: Story) -> str:
    """What rounded weights are and what they cost; empty where the exact ones wrote."""
    if story.weights == EXACT:
        return ""
    return f"The model's numbers are rounded to 8 bits, so that it writes faster: {story.weights}."


def _goes_on_inside_word(story: Story) -> bool:
    """Whether the model took the end of the prompt for the beginning of a word; scripts without spaces aside."""
    return all(letter.lower() != letter.upper() for letter in (story.prompt[-1:], story.text[:1]))


def _around(story: Story) -> dict:
    return {
        "note": story_note(story),
        "hint": weights_hint(story),
        "label": story.label,
        "writing": story.state == "writing",
    }


def _side_by_side(pages: list[str]) -> str:
    return pages[0] if len(pages) == 1 else f'<div class="slm-columns">{"".join(pages)}</div>'
