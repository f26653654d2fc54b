"""What a model costs before it is trained: its size by part, the memory and arithmetic it takes, and a forecast."""

from __future__ import annotations

from collections.abc import Mapping

from demo.views.words import (
    BITS_PER_BYTE,
    VALIDATION_LOSS,
    compact,
    duration,
    escape,
    finite,
    megabytes,
    number,
    percent,
    plural,
)
from slm.forecast import Forecast

PARTS = {
    "embedding": "a row of numbers for each token of the vocabulary",
    "positions": "a row of numbers for each place in the text",
    "attention": "where to look back",
    "mlp": "what to make of it",
    "norms": "keeps the numbers in range",
    "output": "a score for each next token",
    "weights": "the parameters themselves",
    "gradients": "which way each should move",
    "optimizer": "how each moved before",
    "activations": "what the layers hand on",
}
SHOWN = {"mlp": "MLP"}
MEASURING = "Measuring this machine for three seconds \u2026"
NOT_MEASURED = "How long this takes here is not known yet: the teacher's page measures this machine."
JUST_NOW_S = 60.0


def size_html(
    parts: Mapping[str, int],
    *,
    memory_mb: Mapping[str, float] | float | None = None,
    flops_per_token: float | None = None,
    note: str = "",
) -> str:
    """A model's parameters by part as a stacked bar, the memory that training takes (one sum, or by part), and work."""
    counted = {name: int(count) for name, count in parts.items() if count > 0}
    total = sum(counted.values())
    if not total:
        return ""
    bars = _stack(counted, {name: f"{compact(count)} ({percent(count / total)})" for name, count in counted.items()})
    memory = dict(memory_mb) if isinstance(memory_mb, Mapping) else {}
    sum_mb = sum(memory.values()) if memory else finite(memory_mb)
    extra = ""
    if sum_mb:
        extra = f'<p class="slm-lead">Training it takes about <b>{megabytes(sum_mb)}</b> of memory.</p>'
        if len(memory) > 1:
            extra += _stack(memory, {name: megabytes(size) for name, size in memory.items()})
    if flops_per_token:
        work = f"Each token it learns from takes <b>{compact(flops_per_token)}</b> multiplications and additions."
        extra += f'<p class="slm-lead">{work}</p>'
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
        legend += f"<li><i {colour}></i>{escape(SHOWN.get(name, name))} <small>{label}</small></li>"
    said = escape(", ".join(f"{name} {labels[name]}" for name in sizes))
    return f'<div class="slm-stack" role="img" aria-label="{said}">{blocks}</div><ul class="slm-legend">{legend}</ul>'


def forecast_html(
    told: Forecast, *, of: str, tok_per_s: float, device: str, measured_s_ago: float = 0.0,
    nats_per_bpb: float | None = None,
) -> str:
    """A forecast of a preset as three figures a beginner can check afterwards, and what they rest on.

    `nats_per_bpb` turns bits per byte into nats a token of this data set.
    """
    readings = told.readings
    often = ""
    if readings is not None:
        often = f"each story {number(readings, 1)} times" if readings >= 1 else f"{percent(readings)} of the stories"
    rows = [("it reads", f"{compact(told.tokens)} tokens", often), ("it takes", duration(told.seconds), _steps(told))]
    if told.bpb:
        low, high = told.bpb
        nats = f" ({nats_per_bpb * low:.2f} to {nats_per_bpb * high:.2f} nats a token)" if nats_per_bpb else ""
        unit = f"{BITS_PER_BYTE}{nats}; lower is better"
        rows.append((f"{VALIDATION_LOSS} at the end", f"{low:.2f} to {high:.2f}", unit))
    figures = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(unit)}</small></dd></div>"
        for name, value, unit in rows
    )
    when = "just now" if measured_s_ago < JUST_NOW_S else f"{duration(measured_s_ago)} ago"
    speed = f"Measured on this machine {when}: {compact(tok_per_s)} tokens a second ({device})."
    why = f"{speed} {told.silence}".strip()
    return (
        f'<section class="slm slm-forecast" aria-label="Forecast">'
        f'<h3 class="slm-minor">Forecast for {escape(of)}</h3><dl>{figures}</dl>'
        f'<p class="slm-small">{escape(why)}</p></section>'
    )


def _steps(told: Forecast) -> str:
    return f"about {plural(told.steps, 'step')}"


def waiting_html(text: str) -> str:
    """The forecast's place while there is none."""
    title = '<h3 class="slm-minor">Forecast</h3>'
    return f'<section class="slm slm-forecast">{title}<p class="slm-small">{escape(text)}</p></section>'
