"""A report card: each measure as a bar, with a mark where stories by people stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo.views.words import bar, escape, note
from slm.measures import MEASURES, Measure
from slm.report import cell, how, value

NO_REPORT = (
    "This model has no report card yet. Making it takes a minute or two on a quiet computer, and longer where the data "
    "set is large: all of its stories are read."
)
STAGES = {
    "begin": "The model is loaded",
    "loss": "The model reads stories that it has not seen",
    "write": "The model writes",
    "training stories": "Its words are looked for in the training stories",
    "copies": "Its longest copies are looked for",
}


def report_html(report: Mapping[str, Any] | None) -> str:
    """The card, or what to do where there is none."""
    if report is None:
        return note(NO_REPORT)
    head = (
        "<thead><tr><th scope='col'>Measure</th><th scope='col'>Model <i class='slm-key-model'></i> and people "
        "<i class='slm-key-people'></i></th><th scope='col'>Model</th><th scope='col'>Always the likeliest word</th>"
        "<th scope='col'>People</th></tr></thead>"
    )
    body = "".join(_row(report, key, measure) for key, measure in MEASURES.items())
    table = f"<table class='slm-table slm-report'>{head}<tbody>{body}</tbody></table>"
    stories = "".join(_story(story) for story in report["stories"])
    return (
        f"<section class='slm slm-report-card'><div class='slm-scroll' tabindex='0'>{table}</div>"
        f"<p class='slm-report-how'>{escape(how(report))}</p>"
        f"<details><summary>{len(report['stories'])} of its stories, not selected</summary>"
        f"<div class='slm-cards'>{stories}</div></details></section>"
    )


def _row(report: Mapping[str, Any], key: str, measure: Measure) -> str:
    sides = {side: value(report, key, side) for side in ("sampled", "greedy", "human")}
    most = 1.0 if measure.is_share else 1.25 * max(1.0, *(v for v in sides.values() if v is not None), 0.0)
    cells = "".join(f"<td>{escape(cell(report, key, side))}</td>" for side in sides)
    drawing = _bar(measure, sides["sampled"], sides["human"], most)
    wish = " Less is better." if measure.low_is_good else ""
    return (
        f"<tr><th scope='row'>{escape(measure.title)}<small>{escape(measure.meaning + wish)}</small></th>"
        f"<td class='slm-report-bar'>{drawing}</td>{cells}</tr>"
    )


def _bar(measure: Measure, model: float | None, people: float | None, most: float) -> str:
    def place(number: float) -> str:
        return f"{100 * min(1.0, max(0.0, number / most)):.1f}%"

    label = f"{measure.title}: model {measure.words(model)}, people {measure.words(people)}"
    filled = "" if model is None else f"<i style='width:{place(model)}'></i>"
    mark = "" if people is None else f"<b style='left:{place(people)}'></b>"
    return f"<div class='slm-against' role='img' aria-label='{escape(label)}'>{filled}{mark}</div>"


def _story(story: Mapping[str, Any]) -> str:
    end = "" if story["ended"] else " \u00b7 cut, it did not come to its end"
    return (
        f"<article class='slm-card'><header>seed {escape(story['seed'])}{end}</header><p class='slm-prose'>"
        f"<b>{escape(story['prompt'])}</b>{escape(story['text'])}</p></article>"
    )


def progress_html(progress: Mapping[str, Any]) -> str:
    """How far the making of a report card is, or why it came to nothing."""
    if progress["stage"] == "error":
        return note(progress["message"], kind="warning")
    total = progress.get("total") or 0
    share = progress["done"] / total if total else None
    words = STAGES.get(progress["stage"], "Nearly done")
    return f"<div class='slm'><p>{escape(words)} \u2026</p>{bar(share, words)}</div>"
