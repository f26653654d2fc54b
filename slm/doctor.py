"""What a training suffers from, told from its events: in plain words, since which step, and what to do.

Each rule needs clear evidence and enough of it; a run that is merely young, noisy or slow is left alone. A learning
rate that is only somewhat too low cannot be told from one curve, so nothing is said of it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slm.events import after_resume, read_events
from slm.files import read_object

WINDOW = 50  # updates whose median is the level of the loss
ENOUGH_UPDATES = 150  # at the full learning rate, until which nothing is said about it
RISE_NATS = 0.25  # the level's rise above its lowest that no sound run shows
FALL_NATS = 0.03  # the least fall of the level from one window to the next that counts as learning
NEAR_NATS = 0.1  # of the unigram entropy: not better than it
OVERFIT_NATS = 0.05  # the validation loss's rise above its lowest
OVERFIT_EVALS = 3  # evaluations in a row above the lowest
MANY_READINGS = 4.0  # up to about four, a story read again teaches as much as a new one (Muennighoff et al. 2023)
WIDE_GAP_NATS = 0.4  # between the losses on stories known and unknown


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `code` is one of diverging, rate-too-high, rate-too-low, overfitting, data-too-small."""

    code: str
    since_step: int
    title: str
    advice: str


@dataclass
class Log:
    """The numbers of a training that the rules look at; what is not finite is None."""

    train: list[tuple[int, float | None, float]] = field(default_factory=list)  # step, loss, learning rate
    evals: list[tuple[int, float]] = field(default_factory=list)  # step, val_loss
    setbacks: list[int] = field(default_factory=list)
    tokens: float = 0.0
    diverged: bool = False

    @property
    def losses(self) -> list[tuple[int, float]]:
        """The training losses that are numbers, by step."""
        return [(step, loss) for step, loss, _ in self.train if loss is not None]

    @property
    def peak(self) -> tuple[int, float]:
        """The step at which the learning rate first stood at its highest, and that rate."""
        highest = max((rate for _, _, rate in self.train), default=0.0)
        return next(((step, rate) for step, _, rate in self.train if rate >= highest), (0, 0.0))

    def levels(self) -> list[tuple[int, float]]:
        """The median loss of each WINDOW updates at the full learning rate, by the step that the window ends with."""
        top, rate = self.peak
        full = [(step, loss) for step, loss, lr in self.train if step >= top and lr >= rate / 2 and loss is not None]
        windows = [full[end - WINDOW : end] for end in range(WINDOW, len(full) + 1, WINDOW)]
        return [(window[-1][0], statistics.median(loss for _, loss in window)) for window in windows]


def diagnose(
    events: Iterable[Mapping[str, Any]], *, train_tokens: int | None = None, unigram_entropy: float | None = None
) -> list[Finding]:
    """What is wrong with a training; nothing for one that goes well.

    `events` are those that count (`slm.events.after_resume`). `train_tokens` and `unigram_entropy` (nats a token) are
    the data set's; without them the rules that need them are silent.
    """
    log = _log(events)
    found = (
        _diverging(log),
        _rate_too_high(log, unigram_entropy),
        _rate_too_low(log, unigram_entropy),
        _overfitting(log),
        _data_too_small(log, train_tokens),
    )
    told = [finding for finding in found if finding is not None]
    return told[:1] if told and told[0].code == "diverging" else told  # the rest follows from it


def examine(run_dir: Path, data_dir: Path) -> list[Finding]:
    """diagnose, for a run folder; nothing for a model that came without its training."""
    record, manifest = read_object(run_dir / "run.json"), {}
    data = record.get("data")
    if isinstance(data, dict) and isinstance(data.get("name"), str):
        manifest = read_object(data_dir / data["name"] / "manifest.json")
        manifest = manifest if manifest.get("fingerprint") == data.get("fingerprint") else {}
    return diagnose(after_resume(read_events(run_dir)[0]), **known_of(manifest))


def known_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What diagnose wants to know of a data set, from its manifest; empty for an empty one."""
    train = manifest.get("train")
    tokens = train.get("tokens") if isinstance(train, Mapping) else None
    return {"train_tokens": tokens, "unigram_entropy": _finite(manifest.get("unigram_entropy"))}


def _log(events: Iterable[Mapping[str, Any]]) -> Log:
    log = Log()
    for event in events:
        kind, step = event.get("kind"), event.get("step")
        if not isinstance(step, int):
            continue
        if kind == "train":
            log.train.append((step, _finite(event.get("loss")), _finite(event.get("lr")) or 0.0))
            log.tokens = _finite(event.get("tokens")) or log.tokens
        elif kind == "eval" and (loss := _finite(event.get("val_loss"))) is not None:
            log.evals.append((step, loss))
        elif kind == "warning" and event.get("code") == "diverging":
            log.setbacks.append(step)
        elif kind == "end":
            log.diverged = event.get("reason") == "diverged"
        elif kind == "start":
            log.diverged = False
    return log


def _finite(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number else None


def _diverging(log: Log) -> Finding | None:
    rate = log.peak[1]
    lower = f"a tenth of the learning rate ({rate / 10:.1g} instead of {rate:.1g})" if rate else "a lower learning rate"
    if log.diverged:
        step = log.setbacks[-1] if log.setbacks else log.train[-1][0] if log.train else 0
        return Finding("diverging", step, "The loss ran away and did not come back.", f"Start a new run with {lower}.")
    if log.train and log.train[-1][1] is None:
        title = "The loss is no number any more."
        return Finding("diverging", log.train[-1][0], title, f"Stop, and start a new run with {lower}.")
    if log.setbacks:
        title = "The loss ran away once." if len(log.setbacks) == 1 else f"The loss ran away {len(log.setbacks)} times."
        advice = "It was set back and goes on with half the learning rate: nothing to do now."
        return Finding("diverging", log.setbacks[-1], title, advice)
    return None


def _rate_too_high(log: Log, unigram_entropy: float | None) -> Finding | None:
    levels, (_, rate) = log.levels(), log.peak
    if len(levels) * WINDOW < ENOUGH_UPDATES:
        return None
    lowest_step, lowest = min(levels, key=lambda level: level[1])
    risen = min(level for _, level in levels[-2:]) > lowest + RISE_NATS
    stuck = unigram_entropy is not None and lowest > unigram_entropy - NEAR_NATS and _fall(levels) < FALL_NATS
    if not risen and not stuck:
        return None
    how = "the training loss rises" if risen else "the loss stays where knowing the common words alone would bring it"
    title = f"The learning rate is too high: {how}."
    advice = f"Start a new run with a third of it ({rate / 3:.1g} instead of {rate:.1g}, under More settings)."
    return Finding("rate-too-high", lowest_step, title, advice)


def _rate_too_low(log: Log, unigram_entropy: float | None) -> Finding | None:
    levels, (top, rate) = log.levels(), log.peak
    if unigram_entropy is None or len(levels) * WINDOW < ENOUGH_UPDATES:
        return None
    if levels[-1][1] <= unigram_entropy or _fall(levels) < FALL_NATS:
        return None
    title = f"The learning rate is too low: at step {levels[-1][0]:,} it does not even know which words are common."
    advice = f"Start a new run with ten times as much ({rate * 10:.1g} instead of {rate:.1g}, under More settings)."
    return Finding("rate-too-low", top, title, advice)


def _fall(levels: Sequence[tuple[int, float]]) -> float:
    """How far the level fell from the last window but one to the last."""
    return levels[-2][1] - levels[-1][1]


def _overfitting(log: Log) -> Finding | None:
    if not log.evals:
        return None
    best_step, best = min(log.evals, key=lambda evaluated: evaluated[1])
    later = [loss for step, loss in log.evals if step > best_step]
    if len(later) < OVERFIT_EVALS or min(later[-OVERFIT_EVALS:]) < best + OVERFIT_NATS:
        return None
    before, now = _level_at(log, best_step), _level_at(log, log.evals[-1][0])
    if before is None or now is None or now >= before:
        return None
    title = f"Over-fitting since step {best_step:,}: it learns its stories by heart and gets worse on new ones."
    advice = f"Stop: the model of step {best_step:,} is kept as the best. More stories help, or a smaller model."
    return Finding("overfitting", best_step, title, advice)


def _data_too_small(log: Log, train_tokens: int | None) -> Finding | None:
    if not train_tokens or not log.evals or log.tokens < MANY_READINGS * train_tokens:
        return None
    step, val_loss = log.evals[-1]
    level = _level_at(log, step)
    if level is None or val_loss - level < WIDE_GAP_NATS:
        return None
    title = f"The data is too small: it has read each story {log.tokens / train_tokens:.0f} times."
    advice = "Prepare more stories in the Data tab, or train for a shorter time."
    return Finding("data-too-small", step, title, advice)


def _level_at(log: Log, step: int) -> float | None:
    """The median training loss of the updates before this step; None where there are too few."""
    window = [loss for s, loss in log.losses if s <= step][-WINDOW:]
    return statistics.median(window) if len(window) >= WINDOW // 5 else None
