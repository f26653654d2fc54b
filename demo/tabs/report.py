"""The report card in the Runs tab: shown where there is one, made in a process of its own when it is asked for."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo import reporting
from demo.live import has_run
from demo.session import Session
from demo.tabs.wiring import REREAD, TICK, TOLD, bind, html, warned
from demo.views.report import progress_html, report_html

TICK_S = 1.5
LEAD = (
    "### Report card\nHow good are the stories? The model writes to the same beginnings each time, and what it writes "
    "is measured; stories by people, cut in the same places, are measured in the same way."
)


def layout(session: Session, key: gr.BrowserState, run: gr.Dropdown) -> dict[str, Any]:
    """Lay out the card of the chosen run; what the page refreshes when the tab is opened."""
    gr.Markdown(LEAD)
    card = html(report_html(None), elem_id="runs-report")
    with gr.Row(elem_classes="slm-bottom"):
        make = gr.Button("Make the report card", elem_id="runs-report-make", min_width=250, scale=0)
    timer = gr.Timer(TICK_S, active=False)
    view = [card, timer]
    run.change(bind(show, session), [run], view, **REREAD)
    timer.tick(bind(show, session), [run], view, **TICK)
    make.click(bind(begin, session), [run, key], view, **TOLD)
    return {"run": run, "view": view, "guarded": [make]}


def show(session: Session, run: str | None) -> tuple[str, Any]:
    """The card of a run, or how far its making is; the timer goes on while it is made."""
    if not run or not has_run(session, run):  # it may have been deleted meanwhile
        return report_html(None), gr.Timer(active=False)
    stands = reporting.progress(session, run)
    if stands is None:
        return report_html(reporting.report(session, run)), gr.Timer(active=False)
    return progress_html(stands), gr.Timer(active=stands["stage"] != "error")


@warned
def begin(session: Session, run: str | None, key: str) -> tuple[str, Any]:
    """Begin to make the card of a run."""
    session.allow_change(key)
    reporting.start(session, run)
    return show(session, run)
