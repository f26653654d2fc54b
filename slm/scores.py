"""What the measures of single stories come to over many of them, and how far that is from people's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from slm.measures import MEASURES, Known, Story

LEAST_DEVIATION = 0.05  # of a share that is nearly the same in all stories by people


@dataclass(frozen=True)
class Score:
    """A measure over several stories: the mean of those that have a value, its standard error, the spread, the count.

    `deviation` is that of single stories; all but `count` are None where no story has a value.
    """

    mean: float | None
    stderr: float | None
    deviation: float | None
    count: int


def score(values: Iterable[float | None]) -> Score:
    """The score of one measure's values, story by story."""
    kept = [value for value in values if value is not None]
    if not kept:
        return Score(None, None, None, 0)
    mean = sum(kept) / len(kept)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in kept) / max(1, len(kept) - 1))
    return Score(mean, deviation / math.sqrt(len(kept)), deviation, len(kept))


def scores(stories: Sequence[Story], known: Known) -> dict[str, Score]:
    """Every measure over these stories, by its key in MEASURES."""
    return {key: score(measure.of(story, known) for story in stories) for key, measure in MEASURES.items()}


def distance(found: Mapping[str, Score], human: Mapping[str, Score]) -> float:
    """How far a model's scores are from people's: the mean over the measures of the difference in standard deviations.

    Cohen's d (Cohen 1988, section 2.2) with the deviation of single stories by people, LEAST_DEVIATION at least; what
    either side has no value for is left out.
    """
    pairs = [(found[key], human[key]) for key in MEASURES]
    sizes = [
        abs(ours.mean - theirs.mean) / max(theirs.deviation or 0.0, LEAST_DEVIATION)
        for ours, theirs in pairs
        if ours.mean is not None and theirs.mean is not None
    ]
    return sum(sizes) / len(sizes)
