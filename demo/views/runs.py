"""All runs as a table, and where a model's size and memory go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from demo.views.words import compact, duration, escape, finite, get, megabytes, number, percent

HEADERS = [
    "name",
    "state",
    "preset",
    "data",
    "step",
    "parameters",
    "val loss",
    "bits per byte",
    "tokens",
    "time",
    "size",
    "started",
]
PARTS = {
    "embedding": "a row of numbers for each token of the vocabulary",
    "positions": "a row of numbers for each place in the text",
    "attention": "where to look back",
    "mlp": "what to make of it",
    "norms": "keeps the numbers in range",
}


def runs_rows(summaries: Iterable[Any]) -> tuple[list[str], list[list[str]]]:
    """Headers and rows of text for a table of runs, the newest first. Cells are plain text, not HTML."""
    rows = [_row(summary) for summary in sorted(summaries, key=_created, reverse=True)]
    return list(HEADERS), rows


def _row(run: Any) -> list[str]:
    return [
        str(get(run, "name", "")),
        str(get(run, "status", "")),
        str(get(run, "preset", "\u2013")),
        str(get(run, "data", "\u2013")),
        number(get(run, "step")),
        compact(get(run, "n_params")),
        number(get(run, "val_loss"), 3),
        number(get(run, "val_bpb"), 3),
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
    return datetime.fromtimestamp(created).strftime("%Y-%m-%d %H:%M") if created else "\u2013"


def size_html(
    parts: Mapping[str, int],
    *,
    memory_mb: Mapping[str, float] | float | None = None,
    note: str = "",
) -> str:
    """A model's parameters by part as a stacked bar, and the memory that training takes (one sum, or by part)."""
    counted = {name: int(count) for name, count in parts.items() if count > 0}
    total = sum(counted.values())
    if not total:
        return ""
    bars = _stack(
        counted, {name: f"{compact(count)} ({percent(count / total)})" for name, count in counted.items()}
    )
    memory = dict(memory_mb) if isinstance(memory_mb, Mapping) else {}
    sum_mb = sum(memory.values()) if memory else finite(memory_mb)
    extra = ""
    if sum_mb:
        extra = f'<p class="slm-lead">Training it takes about <b>{megabytes(sum_mb)}</b> of memory.</p>'
        if len(memory) > 1:
            extra += _stack(memory, {name: megabytes(size) for name, size in memory.items()})
    tail = f'<p class="slm-small">{escape(note)}</p>' if note else ""
    lead = f"<b>{compact(total)} parameters</b>: numbers that training adjusts."
    return f'<section class="slm slm-size"><p class="slm-lead">{lead}</p>{bars}{extra}{tail}</section>'


def _stack(sizes: Mapping[str, float], labels: Mapping[str, str]) -> str:
    total = sum(sizes.values())
    blocks = legend = ""
    for i, (name, size) in enumerate(sizes.items()):
        label = escape(labels[name] + (f": {PARTS[name]}" if name in PARTS else ""))
        colour = f'class="slm-part-{i % 6}"'
        blocks += f'<i {colour} style="width:{100 * size / total:.2f}%" title="{escape(name)} {label}"></i>'
        legend += f"<li><i {colour}></i>{escape(name)} <small>{label}</small></li>"
    said = escape(", ".join(f"{name} {labels[name]}" for name in sizes))
    return f'<div class="slm-stack" role="img" aria-label="{said}">{blocks}</div><ul class="slm-legend">{legend}</ul>'
