"""Writing for the page: one or several stories, token by token, side by side, and stopped at once.

A model writes its stories at once, a token of each at a time, and two voices take turns; each story is the one that its
model, settings and seed give alone.
"""

from __future__ import annotations

import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from demo.session import Session
from slm.config import SampleConfig
from slm.fields import parse_fields

if TYPE_CHECKING:
    from slm.generate import LanguageModel, Written
    from slm.inspection import TokenScore

    Stream = Iterator[list[Written | None]]

PAINT_INTERVAL_S = 0.06
MOST_STORIES = 4
OFF = {"top_k": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1}
COMPARED = ("temperature", "top_k", "top_p")
MODEL_GONE = "the model that wrote this story is gone: a training keeps only some of its snapshots; press Write anew"


def new_name() -> str:
    """A name that no other story has."""
    return secrets.token_hex(8)


@dataclass
class Story:
    """One story while it grows. `state` is writing, ended (by the model), full (max_new_tokens) or stopped.

    `name` tells it from all others, its other versions too.
    `model` means the very model that writes it, also when its run has saved others: Session.exact_name makes it.
    The first `kept` of its tokens it has from the version that it branched from, the last of them chosen by a person.
    """

    model: str
    prompt: str
    seed: int
    weights: str = "float32"
    remark: str = ""
    text: str = ""
    tokens: int = 0
    elapsed_s: float = 0.0
    state: str = "writing"
    settings: SampleConfig = field(default_factory=SampleConfig)
    label: str = ""
    kept: int = 0
    written: list[Written] = field(default_factory=list)
    scores: list[TokenScore] = field(default_factory=list)  # of each token and, where it ended, of end-of-text
    writer: Callable[[], LanguageModel | None] = lambda: None  # the very model, while the server has it in memory
    name: str = field(default_factory=new_name, compare=False)

    @property
    def ids(self) -> list[int]:
        """The ids of its tokens, the prompt's left out."""
        return [new.id for new in self.written if new.id is not None]

    @property
    def options(self) -> dict[str, Any]:
        """Its settings as the engine takes them."""
        return sampling_options(self.settings)

    def take(self, new: Written) -> None:
        """Grow by one token, or by what is left of one."""
        self.written.append(new)
        self.text += new.text
        self.tokens += new.id is not None


def model_of(session: Session, story: Story) -> LanguageModel:
    """The very model that wrote a story; ValueError where it is gone."""
    if lm := story.writer():
        return lm
    try:
        session.model_path(story.model)
    except ValueError:
        raise ValueError(MODEL_GONE) from None
    return session.language_model(story.model)


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


def asked_settings(own: SampleConfig, values: Mapping[str, Any], *, most_tokens: int) -> SampleConfig:
    """What was asked for, None for nothing, and for the rest a model's own settings, no longer than `most_tokens`.

    Raises ValueError for a value out of its limits.
    """
    given = {name: value for name, value in values.items() if value is not None}
    given |= {name: None for name in OFF if given.get(name) == OFF[name]}
    settings = replace(own, **{"max_new_tokens": min(own.max_new_tokens, most_tokens), **given})
    if settings.max_new_tokens > most_tokens:
        raise ValueError(f"max_new_tokens is {settings.max_new_tokens}, the most on this page is {most_tokens}")
    return settings


def sampling_options(settings: SampleConfig) -> dict[str, Any]:
    """The settings but the seed, by name."""
    return {name: getattr(settings, name) for name in SampleConfig.__dataclass_fields__ if name != "seed"}


def new_seed() -> int:
    """A seed short enough to be written on a blackboard."""
    return secrets.randbelow(1_000_000)


def opening(session: Session, prompt: str | None) -> tuple[str, str]:
    """The prompt as the model should read it, and what a person should know of that.

    Raises ValueError for one that is too long. The models' words begin with their space, so a space at the end of the
    prompt is one too many; spaces alone are no beginning.
    """
    prompt = session.check_prompt(prompt)
    shown = prompt.rstrip(" \t")
    if shown == prompt:
        return prompt, ""
    if not shown.strip():
        return "", "Your text was only spaces, so the model began by itself."
    return shown, "The space at the end of your text was left out: the model's words bring their own."


def settings_label(mine: SampleConfig, other: SampleConfig) -> str:
    """What tells these settings from the other ones: "temperature 1.2, top-k off"."""
    parts = []
    for name in COMPARED:
        if (value := getattr(mine, name)) != getattr(other, name):
            shown = "off" if value is None else f"{value:g}"
            parts.append(f"{name.replace('_', '-')} {shown}")
    return ", ".join(parts)


def write(
    session: Session, models: list[str], *, prompt: str | None, count: int, settings: SampleConfig,
    stop: threading.Event, other_settings: SampleConfig | None = None,
) -> Iterator[list[Story]]:
    """Write `count` stories with each model, seeds going up from the settings' own; yields all of them as they grow.

    With `other_settings` the last model writes with those, beside the first with its own. Raises ValueError for a
    prompt that is too long and for a model that cannot be read.
    """
    prompt, remark = opening(session, prompt)
    if not 1 <= count <= MOST_STORIES:
        raise ValueError(f"{count} stories were asked for; choose 1 to {MOST_STORIES}")
    voices = [(name, settings) for name in models]
    if other_settings is not None:
        voices = [(models[0], settings), (models[-1], other_settings)]
    if count * len(voices) > session.limits.stories:
        raise ValueError(f"{count * len(voices)} stories at once are too many here; choose {session.limits.stories}")
    seed = new_seed() if settings.seed is None else settings.seed
    stories: list[Story] = []
    streams: list[tuple[list[Story], Stream]] = []
    for name, mine in voices:
        lm = session.language_model(name)
        context = remark_on_prompt(*lm.tokens_read(prompt), context=lm.config.block_size)
        remarks = " ".join(filter(None, [session.remark_on_model(name, lm.about), remark, context]))
        others = [voice for voice in voices if voice != (name, mine)]
        label = " \u00b7 ".join(
            [name] * any(model != name for model, _ in others)
            + [text for _, theirs in others if (text := settings_label(mine, theirs))]
        )
        ours = [
            Story(session.exact_name(name, lm.about), prompt, seed + i, lm.weights_used(mine), remarks, settings=mine,
                  label=label, writer=weakref.ref(lm))
            for i in range(count)
        ]
        stories += ours
        streams.append((ours, lm.write_many(prompt, count, **sampling_options(mine), seed=seed)))
    yield stories
    yield from _grow(stories, streams, most=settings.max_new_tokens, stop=stop)


def branch(session: Session, story: Story, place: int, token: int) -> tuple[Story, Stream]:
    """A story that is this one up to its token number `place` and goes on from `token` there; and its tokens to come.

    From there on it takes the random numbers that this one took, so nothing differs but the token; where the token is
    the one that stands there, a new seed. Raises ValueError for a place or a token that there is not.
    """
    lm = model_of(session, story)
    if story.state == "writing" or not 0 <= place <= len(story.ids) or not 0 <= token < lm.config.vocab_size:
        raise ValueError("this word is not there any more; choose another")
    same = place < len(story.ids) and story.ids[place] == token
    seed = new_seed() if same else story.seed
    ends = token == lm.tokenizer.eot_id
    kept = story.ids[:place] + [token] * (not ends)
    most = min(story.settings.max_new_tokens, session.most_tokens - len(kept))
    if most < 1:
        raise ValueError(
            f"the story has {len(kept)} tokens up to there, the most on this page is {session.most_tokens}; "
            "choose an earlier word"
        )
    settings = replace(story.settings, max_new_tokens=most)
    new = replace(
        story, seed=seed, kept=len(kept), settings=settings, text="", tokens=0, elapsed_s=0.0, state="writing",
        written=[], scores=[], writer=weakref.ref(lm), name=new_name(),
    )
    stream = lm.write_many(story.prompt, 1, kept=kept, **sampling_options(settings), seed=seed)
    for _ in kept:
        (given,) = next(stream)
        assert given is not None
        new.take(given)
    return new, iter(()) if ends else stream


def grow_branch(story: Story, stream: Stream, *, stop: threading.Event) -> Iterator[list[Story]]:
    """Write a branch to its end; yields it as it grows."""
    return _grow([story], [([story], stream)], most=story.settings.max_new_tokens, stop=stop)


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
                    story.take(new)
                if story.state == "writing":
                    story.elapsed_s = elapsed_s
                    if new is None:
                        full = story.tokens - story.kept >= most
                        story.state = "stopped" if stop.is_set() else "full" if full else "ended"
            if column is None:
                growing.remove((ours, stream))
        if growing and time.perf_counter() - painted >= PAINT_INTERVAL_S:
            painted = time.perf_counter()
            yield stories
    yield stories


def score(session: Session, stories: list[Story]) -> None:
    """Give finished stories the scores of their tokens: one forward pass for each time the context was full."""
    for story in stories:
        lm = model_of(session, story)
        ids = story.ids + [lm.tokenizer.eot_id] * (story.state == "ended")
        story.scores = lm.score_written(story.prompt, ids, **story.options)


def remark_on_prompt(tokens: int, read: int, *, context: int) -> str:
    """What a person should know where the model cannot see the whole prompt."""
    if read >= tokens:
        return ""
    return (
        f"Your text has {tokens:,} tokens and the model sees {context:,} at once, "
        f"so the story goes on from the last {read:,} of them."
    )
