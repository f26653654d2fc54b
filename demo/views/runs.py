"""All runs as a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from demo.views.status import state_word
from demo.views.words import BITS_PER_BYTE, VALIDATION_LOSS, compact, duration, finite, get, megabytes, number

# A phone shows the first few; the others are a swipe away.
HEADERS = [
    "name",
    "state",
    VALIDATION_LOSS,
    BITS_PER_BYTE,
    "preset",
    "data",
    "step",
    "parameters",
    "tokens",
    "time",
    "size",
    "started",
]


def runs_rows(summaries: Iterable[Any]) -> tuple[list[str], list[list[str]]]:
    """Headers and rows of text for a table of runs, the newest first. Cells are plain text, not HTML."""
    rows = [_row(summary) for summary in sorted(summaries, key=_created, reverse=True)]
    return list(HEADERS), rows


def _row(run: Any) -> list[str]:
    return [
        str(get(run, "name", "")),
        state_word(str(get(run, "status", ""))),
        number(get(run, "val_loss"), 3),
        number(get(run, "val_bpb"), 3),
        str(get(run, "preset", "\u2013")),
        str(get(run, "data", "\u2013")),
        number(get(run, "step")),
        compact(get(run, "n_params")),
        compact(get(run, "tokens")),
        duration(get(run, "elapsed_s")),
        megabytes(get(run, "size_mb")),
        _date(_created(run)),
    ]


def _created(run: Any) -> float:
    created = get(run, "created", 0.0)
    if isinstance(created, str):
        try:
            return datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()
        except ValueError:
            return 0.0
    return finite(created) or 0.0


def _date(created: float) -> str:
    """Short, so that the table fits: the time of day where that was today, the day where it was this year."""
    if not created:
        return "\u2013"
    when, now = datetime.fromtimestamp(created), datetime.now()
    return when.strftime("%H:%M" if when.date() == now.date() else "%b %d" if when.year == now.year else "%Y-%m-%d")
