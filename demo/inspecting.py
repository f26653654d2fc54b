"""Which model the Inside tab looks into: a run at one of its snapshots, which come and go while it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo.session import Session
from demo.views.inside import inside_value, word_value
from demo.views.words import VALIDATION_LOSS
from slm.runs import find_snapshots

if TYPE_CHECKING:
    from slm.generate import LanguageModel

TOP = 12  # next tokens and neighbours shown
MOST_TOKENS = 256
MOST_WORD_TOKENS = 6
TRIES = 3


@dataclass(frozen=True)
class Stages:
    """The snapshots that a page's slider stands for: its first place is steps[0], its last the newest there is.

    A page keeps them as the text "NAME:45,231", so that its slider means the same after the folder has changed.
    """

    model: str
    steps: tuple[int, ...]

    @classmethod
    def now(cls, session: Session, model: str) -> Stages:
        """The snapshots that there are."""
        return cls(model, tuple(int(folder.name) for folder in find_snapshots(session.run_dir(model))))

    @classmethod
    def read(cls, text: str | None) -> Stages:
        """What `str` wrote; none of no model where it is something else."""
        model, _, steps = (text or "").partition(":")
        numbers = steps.split(",") if steps else []
        return cls(model, tuple(map(int, numbers))) if all(map(str.isdecimal, numbers)) else cls("", ())

    def __str__(self) -> str:
        return f"{self.model}:{','.join(map(str, self.steps))}"

    def step_at(self, place: float | None) -> int | None:
        """The step that a slider's place (from 1) means; None for the newest, whichever that is by then."""
        at = len(self.steps) if place is None else int(place)
        return self.steps[at - 1] if 1 <= at < len(self.steps) else None

    def place_of(self, step: int | None) -> int:
        """The place of a step, of the nearest where it is gone, of the newest for None."""
        if step is None or not self.steps:
            return max(1, len(self.steps))
        return 1 + min(range(len(self.steps)), key=lambda i: abs(self.steps[i] - step))


@dataclass(frozen=True)
class Opened:
    """A model in memory, with what a person should know of which one it is."""

    lm: LanguageModel
    title: str
    remark: str


def open_model(session: Session, model: str | None, stages: Stages, place: float | None) -> Opened:
    """The model at the slider's place, or at the nearest snapshot there still is.

    Raises ValueError, in one sentence, where there is no such model or it cannot be read.
    """
    if not model:
        raise ValueError("there is no model yet: train one in the Train tab")
    wanted = stages.step_at(place) if stages.model == model else None
    for left in reversed(range(TRIES)):
        there = Stages.now(session, model)
        step = there.steps[there.place_of(wanted) - 1] if there.steps else None
        try:
            lm = session.language_model(model if step is None else f"{model}@{step:06d}")
        except (ValueError, OSError):
            # A training thins its snapshots out; one may go between being found and being read.
            if left and step not in Stages.now(session, model).steps:
                continue
            raise
        return Opened(lm, _title(model, there, step, lm.about), _remark(wanted, step))
    raise AssertionError("the last try returns or raises")


def _title(model: str, there: Stages, step: int | None, about: dict[str, Any]) -> str:
    if step is None:
        return model
    loss = about.get("val_loss")
    said = f", {VALIDATION_LOSS} {loss:.2f}" if isinstance(loss, float) else ""
    number = there.place_of(step)
    which = "the newest" if number == len(there.steps) else "the first" if number == 1 else f"number {number}"
    return f"{model} after step {step:,} ({which} of {len(there.steps)} snapshots{said})"


def _remark(wanted: int | None, step: int | None) -> str:
    if wanted in (None, step):
        return ""
    return f"The snapshot of step {wanted:,} is gone, as training keeps only some; this is the nearest one left."


def look(session: Session, model: str | None, stages: Stages, place: float | None, text: str | None) -> dict[str, Any]:
    """Everything the page shows of a text. Raises ValueError where there is no model or no text."""
    text = session.check_prompt(text)
    opened = open_model(session, model, stages, place)
    seen = opened.lm.inspect(text, top=TOP, most=MOST_TOKENS)
    near = opened.lm.neighbours(sorted(set(seen.ids)), top=TOP)
    config = opened.lm.config
    return inside_value(
        seen, near, title=opened.title, remark=opened.remark, vocab_size=config.vocab_size, tied=config.tied,
        raw=opened.lm.tokenizer.token_bytes,
    )


def look_up(
    session: Session, model: str | None, stages: Stages, place: float | None, word: str | None
) -> dict[str, Any]:
    """The neighbours of a word's tokens. Raises ValueError where there is no model or no word.

    The word is read as within a sentence, after a space, unless it has fewer tokens without one.
    """
    word = session.check_prompt(word).strip()
    if not word:
        raise ValueError("type a word to see which others the model holds alike")
    lm = open_model(session, model, stages, place).lm
    spellings = [lm.tokenizer.encode(f" {word}"), lm.tokenizer.encode(word)]
    ids = min(spellings, key=len)  # of two equally short, the first
    groups = lm.neighbours(ids[:MOST_WORD_TOKENS], top=TOP)
    return word_value(word, groups, more=len(ids) - len(groups), tied=lm.config.tied, raw=lm.tokenizer.token_bytes)
