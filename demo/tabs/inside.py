"""Inside: how a model sees a sentence, at any stage of its training."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.guard import pace
from demo.inspecting import Stages, look, look_up
from demo.session import Session
from demo.tabs.wiring import ALWAYS_LAST, MODEL, QUICK, REREAD, TICK, bind, choose, filled_later, warned
from demo.views.inside import inside_js, panel_template, word_js

FIRST_TEXT = "Once upon a time, there was a little girl named Lily. She loved to"
TICK_S = 4.0
ASKED: dict[str, Any] = {**MODEL, **ALWAYS_LAST}
MOVED: dict[str, Any] = {**ASKED, "show_progress": "hidden"}


def layout(session: Session) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    with gr.Row(elem_classes="slm-bottom"):
        model = filled_later(gr.Dropdown([], label="Model", elem_id="inside-model", scale=3, min_width=280,
                                         info="Any model or run, one in training too."))
        text = gr.Textbox(FIRST_TEXT, label="Text", elem_id="inside-text", lines=1, max_lines=6, scale=4, min_width=280,
                          info="Any sentence; short ones show best.")
        go = gr.Button("Look inside", variant="primary", elem_id="inside-go", scale=1, min_width=130)
    place = filled_later(gr.Slider(
        1, 2, 1, step=1, label="Snapshot", elem_id="inside-stage", visible=False, interactive=False,
        info="Left: when it was saved first. Right: the newest; there the page follows a training.",
    ))
    with gr.Row(elem_classes="slm-split"):
        with gr.Column(scale=1, min_width=300):
            gr.Markdown("### The text as the model reads it")
            tokens = panel("tokens", "Type a sentence, and see it cut into tokens.", js=inside_js())
        with gr.Column(scale=1, min_width=300):
            gr.Markdown("### What may come next")
            panel("probs", "The likeliest next tokens appear here.")
    gr.Markdown("### What each layer would guess")
    panel("lens", "What each layer would guess appears here.")
    gr.Markdown("### Where the model looks back")
    panel("attention", "Where the model looks back appears here.")
    gr.Markdown("### Which tokens it holds alike")
    panel("near", "The tokens most like the chosen one appear here.")
    with gr.Row(elem_classes="slm-bottom"):
        word = gr.Textbox("", label="Any other word", elem_id="inside-word", max_lines=1, max_length=100, scale=3,
                          min_width=220, placeholder="dog", info="One that need not stand in the text.")
        find = gr.Button("Find its neighbours", elem_id="inside-find", scale=1, min_width=170)
    found = panel("found", "", js=word_js())
    stages = gr.Textbox("", visible=False)  # what the slider's places mean, as Stages writes it
    newest = gr.Textbox("", visible="hidden", elem_id="inside-newest")  # changes when the page follows a training
    timer = gr.Timer(TICK_S, active=False)
    which = [model, stages, place]
    chosen = model.input(bind(choose_model, session), [model], [stages, place], **QUICK, **ALWAYS_LAST)
    for looking in (chosen.then, go.click, text.submit):
        looking(bind(look_inside, session), [*which, text], [tokens], **ASKED)
    gr.on([place.input, newest.change], bind(look_inside, session), [*which, text], [tokens], **MOVED)
    gr.on([find.click, word.submit], bind(find_word, session), [*which, word], [found], **MOVED)
    model.focus(bind(refresh_models, session), [model], [model], **REREAD)
    timer.tick(bind(follow, session), which, [stages, place, newest], **TICK)
    return {"which": which, "text": text, "tokens": tokens, "timer": timer}


def wire(session: Session, page: gr.Blocks, parts: dict[str, Any], tab: gr.Tab, others: list[gr.Tab]) -> None:
    """Read the models when the page or this tab is opened, look inside when the tab is, and follow a training there."""
    which, timer = parts["which"], parts["timer"]
    page.load(bind(refresh, session), which, which, **REREAD)
    opened = tab.select(bind(refresh, session), which, which, **REREAD)
    opened.then(bind(look_inside, session), [*which, parts["text"]], [parts["tokens"]], **ASKED)
    tab.select(lambda: gr.Timer(active=True), None, [timer], **QUICK)
    gr.on([other.select for other in others], lambda: gr.Timer(active=False), None, [timer], **QUICK)


def panel(name: str, empty: str, *, js: str | None = None) -> gr.HTML:
    """A place that the tokens' script draws in; the one with a script is given its value."""
    return gr.HTML(value={} if js else None, html_template=panel_template(name, empty), js_on_load=js,
                   elem_id=f"inside-{name}", apply_default_css=False)


def refresh_models(session: Session, model: str | None) -> Any:
    """The models and runs there are; at which snapshot is for the slider to say."""
    choices = [(label, name) for label, name in session.model_choices() if "@" not in name]
    return choose(choices, model, (session.default_model() or "").partition("@")[0])


def refresh(session: Session, model: str | None, stages: str | None, place: float | None) -> tuple[Any, Any, Any]:
    """The models there are, and the slider over the snapshots of the one that is chosen."""
    models = refresh_models(session, model)
    meant = models.get("value", model)
    return models, *_slider(session, meant, Stages.read(stages), place)


def choose_model(session: Session, model: str) -> tuple[str, Any]:
    """Another model, as it is now."""
    return _slider(session, model, Stages("", ()), None)


def _slider(session: Session, model: str | None, before: Stages, place: float | None) -> tuple[str, Any]:
    """The slider over a model's snapshots: on its step where the model is the same, else at the newest."""
    try:
        now = Stages.now(session, model or "")
    except ValueError:  # it was deleted: whoever looks inside it is told
        now = Stages("", ())
    step = before.step_at(place) if before.model == now.model else None
    count = len(now.steps)
    slider = gr.update(maximum=max(2, count), value=now.place_of(step), interactive=count > 1, visible=count > 0)
    return str(now), slider


@warned
def look_inside(
    session: Session, request: gr.Request, model: str, stages: str, place: float, text: str
) -> Any:
    """Everything the page shows of a text; nothing where it has asked for something else by then."""
    pace(session, request, "view")
    page = f"inside {request.session_hash}"
    asked = session.stops.begin(page)
    try:
        seen = look(session, model, Stages.read(stages), place, text)
        return seen if session.stops.newest(page) is asked else gr.skip()
    finally:
        session.stops.end(page, asked)


@warned
def find_word(
    session: Session, request: gr.Request, model: str, stages: str, place: float, word: str
) -> dict[str, Any]:
    """The neighbours of a word."""
    pace(session, request, "view")
    return look_up(session, model, Stages.read(stages), place, word)


def follow(session: Session, model: str | None, stages: str, place: float) -> tuple[Any, Any, Any]:
    """The slider when the snapshots have changed; the third value is new when the page is to show the newest."""
    before = Stages.read(stages)
    text, slider = _slider(session, model, before, place)
    # Of a run that was deleted or is another one by now, nothing is new.
    if Stages.read(text).model != before.model or text == stages:
        return gr.skip(), gr.skip(), gr.skip()
    return text, slider, text if before.step_at(place) is None else gr.skip()
