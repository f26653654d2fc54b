"""What a model wrote while it learnt, side by side: the same beginning, told after more and more steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from demo.views.words import VALIDATION_LOSS, escape, finite, note, number

SIDE_BY_SIDE = 4
MOST_IN_LIST = 50


def samples_html(events: Sequence[Mapping[str, Any]]) -> str:
    """A few stories from the first to the newest side by side, and all of them, the newest first, folded below."""
    losses = {e.get("step"): finite(e.get("val_loss")) for e in events if e.get("kind") == "eval"}
    # The last look of a training may be at the step of the one before: the same story once more.
    samples = list({e.get("step"): e for e in events if e.get("kind") == "sample"}.values())
    if not samples:
        hint = "Here you will read what the model writes while it learns: first noise, then words, then sentences."
        return f'<section class="slm slm-samples">{note(hint)}</section>'

    def cards(chosen: Sequence[Mapping[str, Any]]) -> str:
        return "".join(_card(event, losses.get(event.get("step"))) for event in chosen)

    told = f'<div class="slm-cards slm-milestones">{cards(milestones(samples))}</div>'
    if len(samples) > SIDE_BY_SIDE:
        newest = list(reversed(samples))[:MOST_IN_LIST]
        told += (
            f'<details class="slm-all-samples"><summary>All {len(samples):,} stories, the newest first</summary>'
            f'<div class="slm-cards">{cards(newest)}</div></details>'
        )
    lead = "<h3 class=\"slm-minor\">The same beginning, told as it learns</h3>"
    return f'<section class="slm slm-samples" aria-label="Stories by step">{lead}{told}</section>'


def milestones(samples: Sequence[Mapping[str, Any]], most: int = SIDE_BY_SIDE) -> list[Mapping[str, Any]]:
    """At most `most` samples, the first and the newest among them, each about as many times as far as the one before.

    A model learns by ratios: as much between steps 10 and 100 as between 100 and 1,000.
    """
    if len(samples) <= most:
        return list(samples)
    steps = [max(1.0, finite(sample.get("step")) or 0.0) for sample in samples]
    chosen = [0]
    for k in range(1, most - 1):
        wanted = steps[0] * (steps[-1] / steps[0]) ** (k / (most - 1))
        free = range(chosen[-1] + 1, len(samples) - (most - 1 - k))
        chosen.append(min(free, key=lambda i: abs(steps[i] - wanted)))
    return [samples[i] for i in [*chosen, len(samples) - 1]]


def _card(event: Mapping[str, Any], val_loss: float | None) -> str:
    prompt, text = str(event.get("prompt") or ""), str(event.get("text") or "")
    step = finite(event.get("step"))
    shown = f'<span title="lower is better">{VALIDATION_LOSS} {number(val_loss, 2)}</span>'
    loss = "" if val_loss is None else shown
    return (
        f'<article class="slm-card"><header><b>step {number(step)}</b>{loss}</header>'
        f'<p class="slm-prose" tabindex="0"><span class="slm-prompt">{escape(prompt)}</span>{escape(text)}</p>'
        "</article>"
    )
