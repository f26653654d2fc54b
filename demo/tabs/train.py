"""Train: a model from nothing, watched while it learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demo import training
from demo.forms import (
    DEFAULT_MINUTES,
    STARTER,
    FormField,
    TrainForm,
    data_choices,
    field_groups,
    form_fields,
    preset_choices,
    preset_values,
    spec,
    suggest_name,
)
from demo.live import seen_of
from demo.outlook import forecast, size
from demo.rights import SWITCHED_OFF
from demo.session import MISTAKES, Session, sentence
from demo.tabs.wiring import (
    ALWAYS_LAST,
    PRIVATE,
    QUICK,
    REREAD,
    TOLD,
    bind,
    chart,
    choose,
    filled_later,
    html,
    inform,
    live,
    part,
    warn,
    warned,
)
from demo.views.chart import static_text
from demo.views.presets import measured_html
from demo.views.samples import samples_html
from demo.views.size import MEASURING, NOT_MEASURED, waiting_html
from demo.views.status import status_html
from demo.views.words import duration, note
from demo.watching import LATEST, RunView, shown_run, watch
from slm import launch
from slm.data.prepare import list_datasets
from slm.gpus import usual_preset

FINISHING = "its learning rate falls quickly, which makes a better model than Stop; then it ends"
FINISHING_LEVEL = "it makes some more steps and ends; its learning rate stays, since its settings let it never fall"
MEASURE: dict[str, Any] = {**PRIVATE, "show_progress": "hidden", "concurrency_id": "measure", "concurrency_limit": 1,
                           **ALWAYS_LAST}


def layout(session: Session, key: gr.BrowserState) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    with gr.Row(elem_classes="slm-split slm-train"):
        with gr.Column(elem_classes="slm-train-form"):
            data = filled_later(gr.Dropdown([], label="Data", elem_id="train-data", info="The stories it learns from."))
            chosen_preset = gr.Dropdown(preset_choices(), value=usual_preset(), label="Size", elem_id="train-preset",
                                        info="Larger models write better, and learn more slowly.")
            minutes = gr.Number(DEFAULT_MINUTES, label="Minutes", elem_id="train-minutes",
                                info="The training ends by itself after this time; the model is saved along the way. "
                                     "Resume gives a run that has finished as much time once more.")
            with gr.Row():
                start = gr.Button("Start", variant="primary", elem_id="train-start", min_width=110,
                                  interactive=not session.rights.public)
            with gr.Row():
                finish = gr.Button("Finish now", elem_id="train-finish", interactive=False, min_width=136)
                stop = gr.Button("Stop", variant="stop", elem_id="train-stop", interactive=False, min_width=80)
                resume = gr.Button("Resume", elem_id="train-resume", interactive=False, min_width=90)
            came_to = html(measured_html(usual_preset()), elem_id="train-measured")
            costs = html(elem_id="train-size")
            outlook = html(elem_id="train-forecast")
        with gr.Column(elem_classes="slm-train-more"):
            run, more, mistake, command = further_settings()
        with gr.Column(elem_classes="slm-train-watch"):
            chosen = filled_later(gr.Dropdown([("The latest", LATEST)], value=LATEST, label="Run",
                                              elem_id="train-shown", info="Whose training is shown below."))
            status = part(status_html(None, [], now=0.0), elem_id="train-status")
            curve = chart("train-chart")
    samples = part(samples_html([]), elem_id="train-samples", js=static_text("samples.js"))
    seen = live("slm/watch")
    form = [data, chosen_preset, minutes, run, *more]
    view = [seen, chosen, status, curve, samples, stop, finish, resume]
    explained = [costs, outlook, mistake, command, run]
    chosen_preset.change(measured_html, [chosen_preset], [came_to], **QUICK)
    filled = chosen_preset.input(take_preset, [chosen_preset], more, **QUICK).then
    explains = [filled(bind(explain, session), form, explained, **QUICK, **ALWAYS_LAST)]
    edits = [data.input, minutes.change, *(c.blur if isinstance(c, gr.Textbox) else c.input for c in (run, *more))]
    explains.append(gr.on(edits, bind(explain, session), form, explained, **QUICK, **ALWAYS_LAST))
    begun = start.click(bind(start_training, session), [*form, key], [status, data, chosen], **TOLD)
    stop.click(bind(stop_training, session), [chosen, key], [stop], **TOLD)
    finish.click(bind(finish_training, session), [chosen, key], [finish], **TOLD)
    resumed = resume.click(bind(resume_training, session), [chosen, minutes, key], [status], **TOLD)
    for explaining in explains:
        explaining.then(bind(look_ahead, session), [*form, key], explained, **MEASURE)
    for painted_after in (begun.then, resumed.then):
        painted_after(bind(paint, session), [chosen, key], view, **REREAD, **ALWAYS_LAST)
    data.focus(bind(refresh_data, session), [data], [data], **REREAD)
    # One after another: what is new of one run never comes after another that was chosen meanwhile.
    gr.on([seen.tick, chosen.input], bind(paint, session), [chosen, key], view, **REREAD, **ALWAYS_LAST)
    return {"data": data, "chosen": chosen, "view": view, "form": form, "explained": explained,
            "guarded": [start]}


def further_settings() -> tuple[gr.Textbox, list[Any], gr.HTML, gr.Code]:
    """What few need: the run's name, the fields of form_fields, what is wrong with them, the command line."""
    with gr.Accordion("More settings", open=False):
        run = gr.Textbox("", label="Name of the run", max_lines=1, elem_id="train-run",
                         info="Empty takes the next free name.")
        more = grouped_fields()
        mistake = html(elem_id="train-mistake")
    with gr.Accordion("The same from the command line", open=False):
        command = gr.Code(elem_id="train-command", show_label=False, interactive=False, lines=1, wrap_lines=True,
                          show_line_numbers=False, buttons=["copy"])
    return run, more, mistake, command


def grouped_fields() -> list[Any]:
    """The fields of form_fields, each group under a small heading."""
    usual = dict(zip((f.name for f in form_fields()), preset_values(usual_preset()), strict=True))
    fields: list[Any] = []
    with gr.Column(elem_classes="slm-groups"):
        for title, group in field_groups().items():
            with gr.Column(elem_classes="slm-group"):
                html(f'<div class="slm"><h3 class="slm-minor">{title}</h3></div>')
                fields += [form_component(f, usual[f.name]) for f in group]
    return fields


def form_component(f: FormField, value: Any) -> gr.components.Component:
    """The field of the form that suits a setting's type."""
    label, elem_id = f.name.replace("_", " "), f"train-{f.name.replace('_', '-')}"
    if f.choices:
        return gr.Dropdown(list(f.choices), value=value, label=label, info=f.doc, elem_id=elem_id)
    if f.is_switch:
        return gr.Checkbox(value, label=label, info=f.doc, elem_id=elem_id)
    off = "none" if f.optional else None
    return gr.Textbox(value, label=label, info=f.doc, elem_id=elem_id, max_lines=1, placeholder=off)


def take_preset(name: str) -> list[Any]:
    """Fill the form with a preset's settings."""
    return preset_values(name)


def refresh_data(session: Session, data: str | None) -> Any:
    """The data sets there are."""
    choices = data_choices(list_datasets(session.data))
    return choose(choices, data, choices[0][1])


def explain(
    session: Session, data: str, preset: str, minutes: float | None, run: str, *more: Any
) -> tuple[str, str, str, str, Any]:
    """What the form means: the model's size, what is foretold, a mistake, the command line, a free name for the run."""
    try:
        form = TrainForm.from_values(data, preset, minutes, run, more)
        return _explained(session, form, forecast(session, form))
    except ValueError as error:
        return _mistaken(error)


def look_ahead(
    session: Session, data: str, preset: str, minutes: float | None, run: str, *more_and_key: Any
) -> tuple[str, str, str, str, Any]:
    """`explain` after this machine was measured, where who asks may train on it; a known speed is for all.

    All is said again, since answers of `explain` to an older form may have come after those to this one.
    """
    *more, key = more_and_key
    try:
        spec(session, form := TrainForm.from_values(data, preset, minutes, run, more))
        return _explained(session, form, _foretold(session, form, may=session.rights.holds(key)))
    except ValueError as error:
        return _mistaken(error)


def _foretold(session: Session, form: TrainForm, *, may: bool) -> str:
    unknown = MEASURING if may else sentence(SWITCHED_OFF) if session.rights.switched_off else NOT_MEASURED
    try:
        return forecast(session, form, measure=may, unknown=unknown)
    except ValueError as error:
        return waiting_html(sentence(error))


def _explained(session: Session, form: TrainForm, outlook: str) -> tuple[str, str, str, str, Any]:
    words = launch.command_line(spec(session, form))
    return size(session, form), outlook, "", words, gr.update(placeholder=suggest_name(session, form))


def _mistaken(error: ValueError) -> tuple[str, str, str, str, Any]:
    wrong = note(sentence(error), kind="warning")
    return wrong, "", wrong, "", gr.skip()


def start_training(
    session: Session, data: str, preset: str, minutes: float | None, run: str, *more_and_key: Any
) -> Iterator[tuple[Any, Any, Any]]:
    """Start a run as the form says; the status says at once that it begins, or why it does not."""
    *more, key = more_and_key
    if not may_change(session, key):
        return
    try:
        wanted = spec(session, form := TrainForm.from_values(data, preset, minutes, run, more))
        yield note(f"Starting {wanted.run}: the first numbers come in a few seconds."), gr.skip(), gr.skip()
        training.start(session, wanted, make_data=form.data == STARTER)
    except MISTAKES as error:
        warn(error, "Not started")
    yield gr.skip(), refresh_data(session, data), LATEST


def may_change(session: Session, key: str) -> bool:
    """Whether who sends this key may train; who may not is told, and nobody else."""
    try:
        session.allow_change(key)
    except ValueError as error:
        warn(error, "Not yet")
        return False
    return True


@warned
def stop_training(session: Session, chosen: str, key: str) -> Any:
    """Ask the run to save and end."""
    session.allow_change(key)
    run = shown_run(session, chosen)
    if run is None or run.status != "running":
        raise ValueError("nothing is training now")
    launch.stop(run.path)
    inform("it saves what was learnt, then it ends within a few seconds", "Stopping")
    return gr.update(interactive=False)


@warned
def finish_training(session: Session, chosen: str, key: str) -> Any:
    """Ask the run to come to a good end soon."""
    session.allow_change(key)
    run = shown_run(session, chosen)
    if run is None or run.status != "running":
        raise ValueError("nothing is training now")
    launch.finish(run.path)
    inform(FINISHING if training.rate_falls(session.record(run.name)) else FINISHING_LEVEL, "Finishing")
    return gr.update(interactive=False)


def resume_training(session: Session, chosen: str, minutes: float | None, key: str) -> Iterator[Any]:
    """Go on with the run that is shown; one that has used its time up gets the form's minutes on top."""
    if not may_change(session, key):
        return
    try:
        run = shown_run(session, chosen)
        if run is None:
            raise ValueError("there is no run to go on with yet; press Start")
        session.notices.pop("train", None)
        further = (minutes or DEFAULT_MINUTES) if run.status == "finished" else None
        longer = None if further is None else (run.elapsed_s or 0) / 60 + further
        span = f" for {duration(60 * further)} more" if further else ""
        yield note(f"Going on with {run.name}{span}: the next numbers come in a few seconds.")
        training.resume(session, run.path, minutes=longer)
    except MISTAKES as error:
        warn(error, "Not resumed")
    yield gr.skip()


def paint(session: Session, chosen: str | None, key: str) -> tuple[Any, ...]:
    """Everything that is shown of a run."""
    view = watch(session, chosen, key=key)
    assert view is not None
    return _outputs(view, chosen)


def _outputs(view: RunView, chosen: str | None) -> tuple[Any, ...]:
    return (
        seen_of(view, chosen),
        choose(view.choices, chosen, LATEST),
        view.status,
        view.chart,
        view.samples,
        gr.update(interactive=view.can_stop),
        gr.update(interactive=view.can_finish),
        gr.update(interactive=view.can_resume),
    )
