"""Writing for the page: one or several stories, token by token, side by side, and stopped at once.

A model writes its stories at once, a token of each at a time, and two models take turns; each story is the one that
its model and seed give alone.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo.session import Session
from demo.views.story import story_html
from slm.config import SampleConfig, parse_fields

if TYPE_CHECKING:
    from slm.generate import Written

    Stream = Iterator[list[Written | None]]

PAINT_INTERVAL_S = 0.06
MOST_STORIES = 4
OFF = {"top_k": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1}


@dataclass
class Story:
    """One story while it grows. `state` is writing, ended (by the model), full (max_new_tokens) or stopped."""

    model: str
    prompt: str
    seed: int
    weights: str = "float32"
    remark: str = ""
    text: str = ""
    tokens: int = 0
    elapsed_s: float = 0.0
    state: str = "writing"


def sample_settings(values: Mapping[str, Any], *, most_tokens: int) -> SampleConfig:
    """The form's values as settings: a slider at its OFF end and an empty seed mean None.

    Raises ValueError for a value out of its limits.
    """
    given = {name: value for name, value in values.items() if value not in (None, "")}
    given = {**dict.fromkeys((*OFF, "seed")), **given}
    if isinstance(given.get("seed"), str):
        given |= parse_fields(SampleConfig, {"seed": given["seed"].strip()})
    for name in OFF:
        if given.get(name) == OFF[name]:
            given[name] = None
    settings = SampleConfig(**given)
    if settings.max_new_tokens > most_tokens:
        raise ValueError(f"max_new_tokens is {settings.max_new_tokens}, the most on this page is {most_tokens}")
    return settings


def new_seed() -> int:
    """A seed short enough to be written on a blackboard."""
    return secrets.randbelow(1_000_000)


def write(
    session: Session, models: list[str], *, prompt: str | None, count: int, settings: SampleConfig,
    stop: threading.Event,
) -> Iterator[list[Story]]:
    """Write `count` stories with each model, seeds going up from the settings' own; yields all of them as they grow.

    Raises ValueError for a prompt that is too long and for a model that cannot be read.
    """
    prompt = session.check_prompt(prompt)
    if not 1 <= count <= MOST_STORIES:
        raise ValueError(f"{count} stories were asked for; choose 1 to {MOST_STORIES}")
    if count * len(models) > session.limits.stories:
        raise ValueError(f"{count * len(models)} stories at once are too many here; choose {session.limits.stories}")
    seed = new_seed() if settings.seed is None else settings.seed
    stories: list[Story] = []
    streams: list[tuple[list[Story], Stream]] = []
    options = {name: getattr(settings, name) for name in SampleConfig.__dataclass_fields__ if name != "seed"}
    for name in models:
        lm = session.language_model(name)
        context = remark_on_prompt(*lm.tokens_read(prompt), context=lm.config.block_size)
        remark = f"{session.remark_on_model(name, lm.about)} {context}".strip()
        ours = [Story(name, prompt, seed + i, lm.weights_used(settings), remark) for i in range(count)]
        stories += ours
        streams.append((ours, lm.write_many(prompt, count, **options, seed=seed)))
    yield stories
    yield from _grow(stories, streams, most=settings.max_new_tokens, stop=stop)


def _grow(
    stories: list[Story], streams: list[tuple[list[Story], Stream]], *, most: int, stop: threading.Event
) -> Iterator[list[Story]]:
    begin = painted = time.perf_counter()
    growing = list(streams)
    while growing:
        for ours, stream in list(growing):
            column = None if stop.is_set() else next(stream, None)
            elapsed_s = time.perf_counter() - begin
            for story, new in zip(ours, column or [None] * len(ours), strict=True):
                if new is not None:
                    story.text += new.text
                    story.tokens += new.id is not None
                if story.state == "writing":
                    story.elapsed_s = elapsed_s
                    if new is None:
                        story.state = "stopped" if stop.is_set() else "full" if story.tokens >= most else "ended"
            if column is None:
                growing.remove((ours, stream))
        if growing and time.perf_counter() - painted >= PAINT_INTERVAL_S:
            painted = time.perf_counter()
            yield stories
    yield stories


def remark_on_prompt(tokens: int, read: int, *, context: int) -> str:
    """What a person should know where the model cannot see the whole prompt."""
    if read >= tokens:
        return ""
    return (
        f"Your text has {tokens:,} tokens and the model sees {context:,} at once, "
        f"so the story goes on from the last {read:,} of them."
    )


ENDS = {
    "ended": "the end",
    "full": "stopped at your number of tokens",
    "stopped": "stopped by you",
    "writing": "writing",
}


def story_note(story: Story, *, named: bool) -> str:
    """The line under a story: who wrote it, the seed to repeat it with, how long and how fast."""
    parts = [story.model] if named else []
    parts.append(f"seed {story.seed}")
    parts.append(f"{story.tokens} token{'' if story.tokens == 1 else 's'}")
    if story.elapsed_s > 0 and story.tokens > 1:
        parts.append(f"{story.tokens / story.elapsed_s:.0f} tokens/s")
    if story.weights != "float32":
        parts.append(story.weights)
    parts.append(ENDS[story.state])
    return " \u00b7 ".join(parts) + (f". {story.remark}" if story.remark else "")


def stories_html(stories: list[Story]) -> str:
    """All stories side by side as far as there is room."""
    named = len({story.model for story in stories}) > 1
    pages = [
        story_html(story.prompt, story.text, note=story_note(story, named=named), writing=story.state == "writing")
        for story in stories
    ]
    return pages[0] if len(pages) == 1 else f'<div class="slm-columns">{"".join(pages)}</div>'
