"""What else a story could have been: a look at one of its tokens, and the next word before it is drawn."""

from __future__ import annotations

import base64
from typing import Any

from demo.session import Session
from demo.stories import OFF, model_of, opening
from demo.views.alternatives import Alternative, alternatives_html
from demo.views.next_words import next_value
from demo.views.words import is_part, spelt
from slm.config import SampleConfig

TOP = 10


def look(session: Session, page: str, column: int, place: int) -> str:
    """The panel on one token of a story that the page shows; ValueError where it is not there any more."""
    story = session.written.column(page, column).story
    ids = story.ids
    if story.state == "writing" or not 0 <= place <= len(ids):
        raise ValueError("this word is not there any more; choose another")
    lm = model_of(session, story)
    chosen = ids[place] if place < len(ids) else lm.tokenizer.eot_id if story.state == "ended" else None
    also = [] if chosen is None else [chosen]
    rows = lm.next_token(story.prompt, ids[:place], top=TOP, also=also, **story.options)
    before = lm.tokenizer.decode_bytes(ids[:place]).decode("utf-8", errors="ignore")
    return alternatives_html(
        [
            Alternative(token, spelt(raw), prob, sampled, part=is_part(raw))
            for token, _, prob, sampled in rows
            for raw in [lm.tokenizer.token_bytes(token)]
        ],
        column=column, place=place, last=len(ids), before=story.prompt + before, chosen=chosen,
        rank=story.scores[place].rank if place < len(story.scores) else None,
        settings=settings_words(story.settings), seed=story.seed, story=story.name,
    )


def settings_words(settings: SampleConfig) -> str:
    """The sampling settings that are on, in words: "temperature 0.8, top-p 0.95"."""
    on = {name: value for name in ("temperature", *OFF) if (value := getattr(settings, name)) is not None}
    return ", ".join(f"{name.replace('_', '-')} {value:g}" for name, value in on.items())


def next_words(
    session: Session, page: str, model: str | None, prompt: str | None, *, after_story: bool
) -> dict[str, Any]:
    """What may come next, as the next-word chart takes it: after the prompt, or after the page's first story."""
    stories = session.written.of(page) if after_story else []
    if stories and stories[0].state != "writing":
        story = stories[0]
        lm, begin, kept, text = model_of(session, story), story.prompt, story.ids, story.prompt + story.text
    else:
        begin, _ = opening(session, prompt)
        lm, kept, text = session.language_model(model), [], begin
    logits, seen = lm.next_logits(begin, kept)
    best = logits.topk(min(TOP, len(logits))).indices.tolist()
    numbers = base64.b64encode(logits.cpu().numpy().astype("<f4").tobytes()).decode("ascii")
    words = [(token, lm.tokenizer.token_bytes(token)) for token in best]
    return next_value(words, numbers, sorted(set(seen)), text=text)
