"""Write: a story from a model, as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demo.copying import check
from demo.session import Session, sentence
from demo.stories import MOST_STORIES, sample_settings, stories_html, write
from demo.tabs.wiring import MODEL, PRIVATE, QUICK, bind, choose, html, pace
from demo.views.story import story_html
from demo.views.words import note
from slm.config import SampleConfig, field_doc

EXAMPLES = [
    "Once upon a time, there was a little dog named Max.",
    "Lily found a shiny red ball in the garden.",
    "\"Can cows fly?\", Alice asked her mother.",
    "One rainy day, Tom and his sister could not go out.",
    "The old boat was sad because",
]
NO_MODEL = "There is no model to write with yet: press Start in the Train tab, and come back in a minute or two."


def layout(session: Session) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    with gr.Row(elem_classes="slm-split"):
        with gr.Column(scale=5, min_width=300):
            model = gr.Dropdown([], label="Model", elem_id="write-model", info="Who writes the story.")
            prompt = gr.Textbox(
                EXAMPLES[0], label="How the story begins", lines=2, max_lines=8, elem_id="write-prompt",
                info="Leave it empty, and the model begins by itself.",
            )
            gr.Examples([[text] for text in EXAMPLES], [prompt], label="Or take one of these", api_visibility="private")
            with gr.Row():
                go = gr.Button("Write", variant="primary", elem_id="write-go", scale=2, min_width=120)
                stop = gr.Button("Stop", variant="stop", elem_id="write-stop", interactive=False, min_width=80)
            story = html(story_html("", ""), elem_id="write-story")
            with gr.Row():
                ask = gr.Button("Did it copy?", size="md", scale=0, elem_id="write-did-it-copy", min_width=150)
            copied = html("", elem_id="write-copied")
        with gr.Column(scale=3, min_width=280):
            settings = _settings(session)
            with gr.Accordion("Several stories, or two models", open=False):
                count = gr.Slider(1, MOST_STORIES, 1, step=1, label="Stories", elem_id="write-count",
                                  info="Written side by side, each from its own seed.")
                other = gr.Dropdown([], label="Compare with", elem_id="write-other",
                                    info="A second model continues the same words with the same seed.")
    inputs = [model, other, prompt, count, *settings.values()]
    begun = gr.on([go.click, prompt.submit], bind(begin, session), [prompt], [story, go, stop], **QUICK)
    written = begun.then(bind(write_stories, session), inputs, [story], **{**MODEL, "show_progress": "hidden"})
    written.then(bind(finish, session), None, [go, stop], **QUICK)
    ask.click(bind(did_it_copy, session), None, [copied], **PRIVATE)
    gr.on([go.click, prompt.submit], lambda: "", None, [copied], **QUICK)
    stop.click(bind(stop_writing, session), None, None, **QUICK)
    gr.on([model.focus, other.focus], bind(refresh, session), [model, other], [model, other], **QUICK)
    return {"models": [model, other]}


def _settings(session: Session) -> dict[str, gr.components.Component]:
    """The sampling settings by field name, in the order that write_stories takes them."""
    usual = SampleConfig()

    def info(name: str) -> dict[str, Any]:
        return {"info": field_doc(SampleConfig, name), "elem_id": "write-" + SHORT.get(name, name).replace("_", "-")}

    fields: dict[str, gr.components.Component] = {
        "temperature": gr.Slider(0, 2, usual.temperature, step=0.05, label="Temperature", **info("temperature")),
        "top_k": gr.Slider(0, 200, usual.top_k or 0, step=1, label="Top-k (0 is off)", **info("top_k")),
        "top_p": gr.Slider(0, 1, usual.top_p or 1, step=0.01, label="Top-p (1 is off)", **info("top_p")),
        "max_new_tokens": gr.Slider(
            1, session.most_tokens, usual.max_new_tokens, step=1, label="Length", **info("max_new_tokens")
        ),
        "seed": gr.Textbox("", label="Seed", max_lines=1, placeholder="new each time", **info("seed")),
    }
    with gr.Accordion("More settings", open=False):
        fields["min_p"] = gr.Slider(0, 1, usual.min_p or 0, step=0.01, label="Min-p (0 is off)", **info("min_p"))
        fields["repetition_penalty"] = gr.Slider(
            0.5, 2, usual.repetition_penalty or 1, step=0.05, label="Repetition penalty (1 is off)",
            **info("repetition_penalty"),
        )
    return fields


SHORT = {"max_new_tokens": "max_tokens"}
SETTINGS = ("temperature", "top_k", "top_p", "max_new_tokens", "seed", "min_p", "repetition_penalty")


def refresh(session: Session, model: str | None, other: str | None) -> tuple[Any, Any]:
    """What there is to write with, read from the disk again."""
    choices = session.model_choices()
    return choose(choices, model, session.default_model()), choose([("nobody", ""), *choices], other, "")


def begin(session: Session, prompt: str, request: gr.Request) -> tuple[str, Any, Any]:
    """Show at once that something happens, and from now on listen to Stop."""
    session.stops.begin(request.session_hash or "")
    shown = prompt if len(prompt or "") <= session.limits.prompt_characters else ""
    return (
        story_html(shown or "", "", note="waiting for the model", writing=True),
        gr.update(interactive=False),
        gr.update(interactive=True),
    )


def write_stories(
    session: Session, request: gr.Request, model: str, other: str, prompt: str, count: int, *values: Any
) -> Iterator[str]:
    """Stream the stories into the page."""
    stop = session.stops.current(request.session_hash or "")
    try:
        if not model:
            raise ValueError(NO_MODEL)
        pace(session, request)
        settings = sample_settings(dict(zip(SETTINGS, values, strict=True)), most_tokens=session.most_tokens)
        models = [model, other] if other and other != model else [model]
        for stories in write(session, models, prompt=prompt, count=int(count), settings=settings, stop=stop):
            session.written.keep(request.session_hash or "", stories)
            yield stories_html(stories)
    except ValueError as error:
        yield note(sentence(error), kind="error")


def did_it_copy(session: Session, request: gr.Request) -> str:
    """This page's stories with what stands in the training stories underlined."""
    return check(session, request.session_hash or "")


def stop_writing(session: Session, request: gr.Request) -> None:
    """End this page's story after the token that is being computed."""
    session.stops.stop(request.session_hash or "")


def finish(session: Session, request: gr.Request) -> tuple[Any, Any]:
    """Give the buttons back."""
    session.stops.end(request.session_hash or "")
    return gr.update(interactive=True), gr.update(interactive=False)
