"""A run's state in words: what it is doing, how far it is, how good it has become, and what to do next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.views.doctor import doctor_html
from demo.views.words import (
    BITS_PER_BYTE,
    NOTHING,
    TRAINING_LOSS,
    VALIDATION_LOSS,
    bar,
    compact,
    duration,
    escape,
    figure,
    finite,
    get,
    note,
    number,
    percent,
)
from slm.doctor import Finding

# For each state: its name, what to do next ({step} is the last one saved), and the look of the box.
STATES = {
    "starting": ("Starting", "The first numbers come in a few seconds."),
    "running": ("Learning", "You may close this page: the training goes on without it."),
    "finished": ("Finished", "The model is ready: try it in Write, or look into it in Inside."),
    "stopped": (
        "Stopped",
        "Everything up to step {step} is saved. Write uses it as it is; Resume goes on from there.",
    ),
    "lost": (
        "Interrupted",
        "The training process is gone (a crash, or the machine was restarted). Resume goes on from step {step}.",
    ),
    "error": (
        "Stopped by an error",
        "What was learnt up to step {step} is saved. Put right what the message says, then Resume.",
    ),
    "diverged": (
        "Went astray",
        "The loss rose and did not come back. Start anew with a lower learning rate (More settings), or Resume from "
        "step {step} with half of it.",
    ),
    "bundled": ("Ready", "This model came with the project. Try it in Write."),
    "none": ("No run yet", "Choose data, size and time, then press Start."),
}


def state_word(status: str) -> str:
    """A run's status as a word in a list: "learning", "interrupted"."""
    if status == "bundled":
        return "ready-made"
    return STATES[status][0].lower() if status in STATES else status


UNSAVED = "Nothing was saved yet, so start it anew."


@dataclass(frozen=True)
class Progress:
    """How far a run is. `share` is 0 to 1 of its budget; None where that is not known."""

    step: int
    share: float | None
    elapsed_s: float | None
    left_s: float | None
    saved_step: int


def last(events: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    """The newest event of a kind, or an empty one."""
    return next((event for event in reversed(events) if event.get("kind") == kind), {})


def progress(summary: Any, events: Sequence[Mapping[str, Any]], *, now: float) -> Progress:
    """Where a run stands in its budget, be that seconds, steps or tokens, and how long the rest will take."""
    start, train = last(events, "start"), last(events, "train")
    budget = _quick_end(events) or _budget(summary, start)
    step = int(max(finite(train.get("step")) or 0, finite(get(summary, "step")) or 0))
    elapsed = finite(train.get("elapsed_s"))
    elapsed = finite(get(summary, "elapsed_s")) if elapsed is None else elapsed
    running = get(summary, "status") == "running"
    begun, moved = finite(start.get("t")) or 0.0, finite(train.get("t"))
    # A resumed process has not moved yet: what passed while nothing ran is no training time.
    since = max(0.0, now - moved) if running and moved is not None and moved >= begun else 0.0
    share = left = None
    if "seconds" in budget:
        done = min(budget["seconds"], (elapsed or 0.0) + since)
        share, left = done / budget["seconds"], budget["seconds"] - done
    elif "steps" in budget or "tokens" in budget:
        unit = next(iter(budget))
        seen = finite(train.get("tokens")) or finite(get(summary, "tokens")) or 0.0
        done = step if unit == "steps" else seen
        share = min(1.0, done / budget[unit])
        rate = _rate(events, "step" if unit == "steps" else "tokens")
        left = max(0.0, (budget[unit] - done) / rate - since) if rate else None
    saved = [finite(event.get("step")) or 0 for event in events if event.get("kind") == "checkpoint"]
    return Progress(step, share, elapsed, left, int(saved[-1]) if saved else step if not events else 0)


def _budget(summary: Any, start: Mapping[str, Any]) -> dict[str, float]:
    """The budget as one entry: seconds, steps or tokens; the newest start event has the last word."""
    given = get(summary, "budget", {})
    minutes = finite(get(given, "minutes"))
    found = (
        ("seconds", finite(start.get("budget_s"))),
        ("steps", finite(start.get("max_steps"))),
        ("seconds", minutes and 60 * minutes),
        ("steps", finite(get(given, "steps"))),
        ("tokens", finite(get(given, "tokens"))),
    )
    return next(({unit: value} for unit, value in found if value), {})


def _quick_end(events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The budget of a training that was asked to finish: the steps up to its last; empty where it was not."""
    for event in reversed(events):
        if event.get("kind") == "start":
            break
        if event.get("code") == "finishing" and (last_step := finite(event.get("last_step"))):
            return {"steps": last_step}
    return {}


def _rate(events: Sequence[Mapping[str, Any]], field: str) -> float | None:
    """Units of `field` a second over the last train events since the process was started; None before two of them."""
    points: list[tuple[float, float]] = []
    for event in reversed(events):
        if event.get("kind") == "start" or len(points) >= 20:
            break
        x, y = finite(event.get("elapsed_s")), finite(event.get(field))
        if event.get("kind") == "train" and x is not None and y is not None:
            points.append((x, y))
    if len(points) < 2 or points[0][0] <= points[-1][0] or points[0][1] <= points[-1][1]:
        return None
    return (points[0][1] - points[-1][1]) / (points[0][0] - points[-1][0])


def state_of(summary: Any, events: Sequence[Mapping[str, Any]]) -> str:
    """One of STATES: the run's status, with `starting` before its first step and `none` without a run."""
    if summary is None:
        return "none"
    status = str(get(summary, "status", "running"))
    if status == "running" and not last(events, "train"):
        return "starting"
    return status if status in STATES else "error"


def headline(state: str, done: Progress) -> str:
    """The one sentence a beginner needs: "Learning: step 420, 38 s left"."""
    name = STATES[state][0]
    if state == "running":
        soon = done.left_s is not None and done.left_s < 1
        left = "the end is near" if soon else f"{duration(done.left_s)} left"
        return f"{name}: step {done.step:,}" + (f", {left}" if done.left_s is not None else "")
    if state in ("finished", "stopped", "diverged", "error", "lost") and done.step:
        after = f" after {duration(done.elapsed_s)}" if done.elapsed_s else ""
        return f"{name} at step {done.step:,}{after}"
    return name


def status_html(
    summary: Any, events: Sequence[Mapping[str, Any]], *, now: float, findings: Sequence[Finding] = ()
) -> str:
    """A run's state, progress, numbers, what the doctor found and warnings.

    `summary` is a RunSummary or a dict with its fields, or None.
    """
    state, events = state_of(summary, events), list(events)
    done = progress(summary, events, now=now)
    advice = STATES[state][1].format(step=f"{done.saved_step:,}")
    if state in ("stopped", "lost", "error", "diverged") and not done.saved_step:
        advice = UNSAVED
    name = get(summary, "name", "")
    title = f'<span class="slm-run">{escape(name)}</span>' if name else ""
    parts = [f"<header><h3>{escape(headline(state, done))}</h3>{title}</header>"]
    if state not in ("none", "bundled"):
        label = f"{percent(done.share)} of the training" if done.share is not None else "training progress"
        share = {"finished": 1.0, "starting": done.share or 0.0}.get(state, done.share)
        parts.append(bar(share, label, state=state))
    parts.append(f'<p class="slm-advice">{escape(advice)}</p>')
    message = last(events, "end").get("message") or get(summary, "message", "")
    if message and state in ("error", "diverged"):
        parts.append(note(str(message), kind="error"))
    parts.append(_figures(summary, events, done))
    parts.append(doctor_html(findings, running=state == "running" and bool(last(events, "eval"))))
    parts += _warnings(events, told={finding.code for finding in findings})
    return f'<section class="slm slm-status slm-is-{state}" aria-label="Training status">{"".join(parts)}</section>'


def _figures(summary: Any, events: Sequence[Mapping[str, Any]], done: Progress) -> str:
    train, evaluation = last(events, "train"), last(events, "eval")

    def newest(event: Mapping[str, Any], name: str) -> float | None:
        value = finite(event.get(name))
        return finite(get(summary, name)) if value is None else value

    loss, val_loss = finite(train.get("loss")), newest(evaluation, "val_loss")
    size = newest(last(events, "start"), "n_params")
    shown = (
        (
            "steps",
            number(done.step or None),
            "",
            "One step: read a batch of stories, then correct every weight a little.",
        ),
        (TRAINING_LOSS, number(loss, 3), "nats/token", _loss_doc(loss, "stories it is learning from")),
        (
            VALIDATION_LOSS,
            number(val_loss, 3),
            "nats/token",
            _loss_doc(val_loss, "stories it has never seen"),
        ),
        (
            BITS_PER_BYTE,
            number(newest(evaluation, "val_bpb"), 3),
            "",
            f"The {VALIDATION_LOSS} made the same for every vocabulary, so that models compare. Lower is better.",
        ),
        (
            "speed",
            compact(train.get("tok_per_s")),
            "tokens/s",
            "How many tokens (pieces of words) it learns from a second.",
        ),
        (
            "seen",
            compact(newest(train, "tokens")),
            "tokens",
            "How much it has read; a token is about four letters.",
        ),
        ("time", duration(done.elapsed_s), "", "Time spent on training."),
        (
            "size",
            compact(size),
            "parameters",
            "Parameters: the numbers inside the model that training adjusts.",
        ),
    )
    rows = [figure(label, value, doc, unit) for label, value, unit, doc in shown if value != NOTHING]
    return f'<dl class="slm-figures">{"".join(rows)}</dl>' if rows else ""


def _loss_doc(loss: float | None, where: str) -> str:
    if loss is None:
        return ""
    choices = f"as if it chose among {compact(math.exp(min(loss, 50.0)))} tokens"
    return f"How surprised the model is by the next token of {where}: {choices}. Lower is better."


def _warnings(events: Iterable[Mapping[str, Any]], *, told: Collection[str]) -> list[str]:
    """Each warning once, the newest last; none that the doctor told already, and none of what is over."""
    events = list(events)
    over = _over(events)
    seen = {str(e.get("code") or e.get("message")): e for e in events if e.get("kind") == "warning"}
    seen = {code: event for code, event in seen.items() if code not in over}
    new = [event for code, event in seen.items() if code not in told][-5:]
    return [note(str(event.get("message") or event.get("code") or ""), kind="warning") for event in new]


def _over(events: Sequence[Mapping[str, Any]]) -> set[str]:
    """Codes of warnings that told what was about to come, and by now has come."""
    since = list(itertools.takewhile(lambda event: event.get("kind") != "start", reversed(events)))
    kinds, codes = ({event.get(name) for event in since} for name in ("kind", "code"))
    compiling = "compiling" in codes and not kinds & {"train", "end"}
    finishing = "finishing" in codes and "end" not in kinds
    return {code for code, current in (("compiling", compiling), ("finishing", finishing)) if not current}
