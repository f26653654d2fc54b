"""Runs: everything that was trained, compared, looked back on, taken away and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from demo import reporting
from demo.comparing import Seen, curves_chart, seen_now, trained
from demo.exporting import FORMATS
from demo.guard import pace
from demo.session import MISTAKES, Session, sentence
from demo.stories import sample_settings, write
from demo.tabs import report
from demo.tabs.question import ask_before
from demo.tabs.wiring import (
    ALWAYS_LAST,
    MODEL,
    PRIVATE,
    QUICK,
    REREAD,
    TICK,
    TOLD,
    bind,
    chart,
    choose,
    failed,
    filled_later,
    html,
    inform,
    live,
    take_offer,
    unseen,
    warn,
    warned,
)
from demo.telling import stories_html
from demo.views.differences import differences_html
from demo.views.runs import runs_rows
from demo.views.words import note
from slm.housekeeping import delete_run, rename_run
from slm.pack import unpack
from slm.runs import find_snapshots

TIME_MACHINE = "The same words and the same seed, given to the model at each stage of its training."
NOTHING_TOLD = "Choose a run with snapshots, then press Tell or move the slider."
TIME_MACHINE_TOKENS = 120
TIME_MACHINE_SETTINGS = {"temperature": 0.8, "top_p": 0.95, "max_new_tokens": TIME_MACHINE_TOKENS}


def layout(session: Session, key: gr.BrowserState) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    headers, _ = runs_rows([])
    table = gr.Dataframe(
        headers=headers, column_count=len(headers), elem_id="runs-table", interactive=False, show_label=False,
        max_height=360, buttons=[],
    )
    gr.Markdown("Choose a row to work with that run below.", elem_classes="slm-hint")
    with gr.Row():
        run = filled_later(gr.Dropdown([], label="Run", elem_id="runs-run", min_width=260,
                                       info="The one that is looked back on, exported, renamed or deleted."))
        compare = filled_later(gr.Dropdown([], label="Curves", elem_id="runs-compare", multiselect=True, min_width=260,
                                           info="Choose several, and they are drawn over each other."))
    curve = chart("runs-chart")
    differ = html(differences_html([], []), elem_id="runs-differences")
    card = report.layout(session, key, run)
    with gr.Column(elem_id="runs-time-machine"):
        gr.Markdown(f"### Time machine\n{TIME_MACHINE}")
        with gr.Row(elem_classes="slm-bottom"):
            prompt = gr.Textbox("Once upon a time", label="How the story begins", max_lines=1, elem_id="runs-prompt",
                                scale=3, min_width=240)
            seed = gr.Number(7, label="Seed", precision=0, elem_id="runs-seed", min_width=90)
            again = gr.Button("Tell", elem_id="runs-tell", min_width=90, scale=1)
        stage = filled_later(gr.Slider(1, 2, 1, step=1, label="Snapshot", elem_id="runs-stage", interactive=False,
                                       info="From the first saved step to the last."))
        told = html(note(NOTHING_TOLD), elem_id="runs-story")
    gr.Markdown("### Export, rename, delete")
    with gr.Row(elem_classes="slm-bottom"):
        target = gr.Dropdown(list(FORMATS.items()), value=next(iter(FORMATS.values())), label="Format",
                             elem_id="runs-format", info="What goes into the file.", min_width=240)
        take = gr.Button("Export", elem_id="runs-export", min_width=110)
    file = gr.File(label="Exported file", visible=False, interactive=False, elem_id="runs-file")
    with gr.Row(elem_classes="slm-bottom"):
        new_name = gr.Textbox("", label="New name", max_lines=1, elem_id="runs-new-name", min_width=240,
                              placeholder="letters, digits, - and _", info="What the run is to be called.")
        rename = gr.Button("Rename", elem_id="runs-rename", min_width=100)
        delete = gr.Button("Delete \u2026", variant="stop", elem_id="runs-delete", min_width=100)
    words = "Delete {name} with all its snapshots, for good?"
    question = ask_before(delete, run, words, elem_id="runs-delete", closing=(table.select,))
    gr.Markdown("### A run from another machine")
    gr.Markdown("Export a run there, bring its .zip in here: it shows its curve and its stories without training "
                "again, and writes where its weights came along.", elem_classes="slm-hint")
    with gr.Row():
        bring = gr.UploadButton("Bring in a .zip", file_types=[".zip"], elem_id="runs-import", scale=0,
                                min_width=200)
    seen = live("slm/curves")
    view = [seen, table, run, compare, curve, differ, stage]
    of_run = [seen, compare, curve, differ, stage]
    table.select(bind(choose_row, session), [seen], [run, *of_run], **QUICK)
    run.input(bind(choose_run, session), [run, seen], of_run, **QUICK, **ALWAYS_LAST)
    compare.input(bind(compare_runs, session), [compare, seen], [seen, curve, differ], **QUICK, **ALWAYS_LAST)
    offered = unseen()
    take_offer(seen.tick(bind(tick, session), [run, compare, seen, stage],
                         [offered, table, run, compare, differ, stage], **TICK), offered, seen)
    gr.on([stage.input, again.click, prompt.submit, seed.submit], bind(tell, session), [run, prompt, seed, stage],
          [told], **{**MODEL, **ALWAYS_LAST, "show_progress": "hidden"})
    gr.on([run.input, bring.upload], bind(forget_told, session), [run], [told], **QUICK)
    table.select(bind(forget_row, session), None, [told], **QUICK)
    take.click(bind(export_run, session), [run, target], [file], **PRIVATE)
    question.yes.click(bind(delete_chosen, session), [question.name, key], [question.panel], **TOLD).then(
        bind(paint, session), [run, compare], view, **REREAD)
    gr.on([rename.click, new_name.submit], bind(rename_chosen, session), [run, new_name, key], [run, new_name],
          **TOLD).then(bind(paint, session), [run, compare], view, **REREAD)
    bring.upload(bind(bring_in, session), [bring, key], [bring, run], **PRIVATE).then(
        bind(paint, session), [run, compare], view, **REREAD).then(
        bind(choose_run, session), [run, seen], of_run, **QUICK)
    return {"chosen": [run, compare], "view": view, "guarded": [rename, delete, bring, *card["guarded"]],
            "report": card}


def paint(session: Session, request: gr.Request, run: str | None, compare: list[str] | None) -> tuple[Any, ...]:
    """The table, and what is chosen from it, read from the disk."""
    try:
        pace(session, request, "view")
    except ValueError as error:
        return *[gr.skip()] * 5, _no_curves(error), gr.skip()
    runs = session.runs()
    headers, rows = runs_rows(runs)
    names = [(r.name, r.name) for r in runs]
    known = [name for name, _ in names]
    asked, run = run, run if run in known else next(iter(known), None)
    could = [r.name for r in trained(runs)]
    compared = [name for name in compare or [] if name in could] or [name for name in [run] if name in could]
    compared = compared[: session.limits.curves]
    seen = seen_now(session, compared).choosing(compared)
    return (
        str(seen), gr.update(value=rows, headers=headers), choose(names, asked, run),
        gr.update(choices=could, value=compared), *curves(session, compared), stages(session, run),
    )


def tick(session: Session, run: str | None, compare: list[str] | None, seen: str, place: float) -> Any:
    """What is new in the table and the lists; the curves come by demo.live, and what a person chose stays.

    What the page has seen with it comes as an offer: curves that were chosen meanwhile are told to the page already.
    """
    shown, now = Seen.parse(seen), seen_now(session, compare or [])
    if now.table == shown.table:
        return gr.skip()
    runs = session.runs()
    headers, rows = runs_rows(runs)
    names, could = [(r.name, r.name) for r in runs], [r.name for r in trained(runs)]
    lists = [gr.skip(), gr.skip()]
    if now.lists != shown.lists:
        gone = set(compare or []) - set(could)
        curved = gr.update(choices=could, value=list(now.names)) if gone else gr.update(choices=could)
        lists = [choose(names, run, next((name for name, _ in names), None)), curved]
    there = any(name == run for name, _ in names)
    return (
        json.dumps([seen, str(replace(now, curves=shown.curves))]), gr.update(value=rows, headers=headers), *lists,
        differences(session, now.names), further_stages(session, run, place) if there else gr.skip(),
    )


def stages(session: Session, run: str | None) -> Any:
    """The slider over a run's snapshots, set to the last."""
    count = len(find_snapshots(session.run_dir(run))) if run else 0
    return gr.update(maximum=max(2, count), value=max(1, count), interactive=count > 1)


def further_stages(session: Session, run: str | None, place: float) -> Any:
    """The slider over a run's snapshots as they are now, left where it was put.

    A training puts old ones away: where there are fewer than that by now, it goes to the last.
    """
    count = len(find_snapshots(session.run_dir(run)))
    moved = {"value": max(1, count)} if place > max(1, count) else {}
    return gr.update(maximum=max(2, count), interactive=count > 1, **moved)


def choose_row(session: Session, request: gr.Request, seen: str, event: gr.SelectData) -> tuple[Any, ...]:
    """Work with the run of the row that was clicked."""
    name = str(event.row_value[0])
    return name, *choose_run(session, request, name, seen)


def choose_run(session: Session, request: gr.Request, run: str, seen: str) -> tuple[Any, ...]:
    """Show another run's curve, and its snapshots on the slider."""
    try:
        pace(session, request, "view")
        could = [r.name for r in trained(session.runs())]
        names = [run] if run in could else []
        return (
            str(Seen.parse(seen).choosing(names)), gr.update(choices=could, value=names), *curves(session, names),
            stages(session, run),
        )
    except ValueError as error:
        return gr.skip(), gr.skip(), gr.skip(), _no_curves(error), gr.skip()


def compare_runs(session: Session, request: gr.Request, names: list[str] | None, seen: str) -> tuple[Any, Any, str]:
    """The curves of several runs, and what differs between them."""
    most = session.limits.curves
    try:
        if most is not None and len(names or []) > most:
            raise ValueError(f"{len(names or [])} curves at once are too many here; choose {most}")
        pace(session, request, "view")
        return str(Seen.parse(seen).choosing(names or [])), *curves(session, names or [])
    except ValueError as error:
        return gr.skip(), gr.skip(), _no_curves(error)


def _no_curves(error: ValueError) -> str:
    """Why the curves are as they were, where the page tells what differs between the runs."""
    return note(sentence(error), kind="warning")


def curves(session: Session, names: Sequence[str]) -> tuple[Any, str]:
    """The curves of these runs, and what differs between them."""
    return curves_chart(session, names), differences(session, names)


def differences(session: Session, names: Sequence[str]) -> str:
    """What differs between these runs; names that are gone are left out."""
    runs = {run.name: run for run in trained(session.runs())}
    chosen = [runs[name] for name in names if name in runs]
    return differences_html(chosen, [session.record(run.name) for run in chosen])


def tell(session: Session, run: str, prompt: str, seed: int | None, stage: int, request: gr.Request) -> Iterator[str]:
    """The story that the model of one snapshot tells."""
    try:
        pace(session, request, "story")
        snapshots = find_snapshots(session.run_dir(run))
        if not snapshots:
            raise ValueError("this model has no snapshots: it came as it is, without its training")
        folder = snapshots[min(max(int(stage), 1), len(snapshots)) - 1]
        settings = sample_settings({**TIME_MACHINE_SETTINGS, "seed": seed or 0}, most_tokens=session.most_tokens)
        stop = session.stops.begin(_time_machine(request), about=run)
        for stories in write(session, [f"{run}@{folder.name}"], prompt=prompt, count=1, settings=settings, stop=stop):
            if stop.is_set():
                return
            stories[0].remark = f"{run} as it was after step {int(folder.name):,}."
            yield stories_html(stories)
    except Exception as error:
        yield note(sentence(failed(error)), kind="warning")


def forget_told(session: Session, request: gr.Request, run: str | None) -> str:
    """This run was chosen: a story that is being told of another one ends."""
    session.stops.stop(_time_machine(request), but_about=run)
    return note(NOTHING_TOLD)


def forget_row(session: Session, request: gr.Request, event: gr.SelectData) -> str:
    """As `forget_told`, for the run of the row that was clicked."""
    return forget_told(session, request, str(event.row_value[0]))


def _time_machine(request: gr.Request) -> str:
    return f"time machine {request.session_hash}"


@warned
def export_run(session: Session, request: gr.Request, run: str, target: str) -> Any:
    """The run's best model as a file to download."""
    pace(session, request, "file")
    return gr.update(value=str(session.exports.get(session.run_dir(run), target)), visible=True)


@warned
def rename_chosen(session: Session, run: str, name: str, key: str) -> Any:
    """Give the run another name."""
    session.allow_change(key)
    if not (name := (name or "").strip()):
        raise ValueError("type the new name first")
    named = rename_run(session.run_dir(run), name, checkpoints=session.checkpoints).name
    reporting.forget(session, run)
    inform(f"{run} is called {named} now", "Renamed")
    names = [r.name for r in session.runs()]
    return gr.update(choices=names, value=named), ""


def bring_in(session: Session, file: str | None, key: str) -> Any:
    """Unpack a run that was exported elsewhere, and choose it."""
    try:
        session.allow_change(key)
        if not file:
            raise ValueError("no file has come")
        name = unpack(file, session.checkpoints).name
    except MISTAKES as error:
        warn(error, "Not brought in")
        return None, gr.skip()
    inform(f"{name} stands among the runs now", "Brought in")
    return None, gr.update(choices=[r.name for r in session.runs()], value=name)


@warned
def delete_chosen(session: Session, run: str, key: str) -> Any:
    """Delete the run that the question named, for good."""
    session.allow_change(key)
    delete_run(session.run_dir(run), checkpoints=session.checkpoints)
    reporting.forget(session, run)
    inform(f"{run} is gone", "Deleted")
    return gr.update(visible=False)
