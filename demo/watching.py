"""What the page shows of the runs, made from the disk alone, so that every page and every server shows the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from demo.session import Session
from demo.views.chart import Curve, chart_value, curve_from_events
from demo.views.data import progress_html
from demo.views.landmarks import Landmark, earlier_runs, landmarks_for
from demo.views.samples import samples_html
from demo.views.status import status_html
from demo.views.words import note
from slm.doctor import Finding, diagnose, known_of
from slm.runs import RunSummary, finish_requested, summarize

LATEST = "latest"
RESUMABLE = ("stopped", "lost", "error", "finished", "diverged")


@dataclass(frozen=True)
class RunView:
    """All that the Train tab shows of one run. `version` changes when anything of it does, `shape` when the lists and
    buttons do that the tab has, whoever looks at it."""

    version: str
    shape: str
    choices: list[tuple[str, str]]
    status: str
    chart: dict[str, Any]
    samples: str
    can_stop: bool
    can_finish: bool
    can_resume: bool


def shown_run(session: Session, chosen: str | None) -> RunSummary | None:
    """The run that is meant: the one chosen, else the one that trains now, else the newest."""
    runs = [run for run in session.runs() if run.status != "bundled"]
    if named := [run for run in runs if run.name == chosen]:
        return named[0]
    return next((run for run in runs if run.status == "running"), runs[0] if runs else None)


def watch(session: Session, chosen: str | None, *, key: str | None = None, seen: str | None = None) -> RunView | None:
    """The Train tab's picture of a run for who holds this key, or None when it is still the one that was `seen`."""
    names = [run.name for run in session.runs() if run.status != "bundled"]
    run = shown_run(session, chosen)
    remark = session.notices.get("train", "")
    events, offset = session.events.read(run.path) if run else ([], 0)
    if run:
        run = summarize(run.path)  # after the events, so that an end in between is seen in both
    may = session.rights.holds(key)
    version = " ".join([*([run.name, run.status] if run else []), str(offset), *names, remark, "may" * may])
    if version == seen:
        return None
    finishing = bool(run and finish_requested(run.path))
    return RunView(
        version=version,
        shape=" ".join([*([run.name, run.status, str(bool(run.snapshots)), str(finishing)] if run else []), *names]),
        choices=[("The latest", LATEST), *((name, name) for name in names)],
        status=remark + status_html(run, events, now=time.time(), findings=findings(session, run, events)),
        chart=run_chart(session, run, events),
        samples=samples_html(events),
        can_stop=bool(may and run and run.status == "running"),
        can_finish=bool(may and run and run.status == "running" and not finishing),
        can_resume=bool(may and run and run.status in RESUMABLE and run.snapshots),
    )


def findings(session: Session, run: RunSummary | None, events: Sequence[dict[str, Any]]) -> list[Finding]:
    """What the doctor finds in a run."""
    return diagnose(events, **known_of(manifest_of(session, run))) if run else []


def run_chart(session: Session, run: RunSummary | None, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The loss chart of one run."""
    if run is None:
        return chart_value([])
    marks = [*landmarks(session, run), *earlier_runs(session.runs(), run)]
    return chart_value([curve_from_events(run.name, events)], landmarks=marks, budget=run.budget)


def landmarks(session: Session, run: RunSummary) -> list[Landmark]:
    """Losses that mean something for the data set of this run; none where it is gone."""
    return landmarks_for(manifest_of(session, run))


def manifest_of(session: Session, run: RunSummary) -> dict[str, Any]:
    """What is known of the data set of this run; empty where it is gone."""
    try:
        return session.manifest(run.data)
    except ValueError:
        return {}


def compare_chart(session: Session, names: Sequence[str]) -> dict[str, Any]:
    """The curves of several runs over each other; names that are gone are left out."""
    runs = [run for run in session.runs() if run.name in names and run.status != "bundled"]
    curves: list[Curve] = [curve_from_events(run.name, session.events.read(run.path)[0]) for run in runs]
    return chart_value(curves, landmarks=landmarks(session, runs[0]) if len({run.data for run in runs}) == 1 else [])


def preparing_remark(progress: dict[str, Any] | None) -> str:
    """What stands above the run's state while the data for the next one is made."""
    return progress_html(progress) + note("The training begins by itself when the stories are ready.")
