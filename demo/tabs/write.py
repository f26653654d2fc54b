"""Write: a story from a model, as it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.events import Dependency

from demo.branching import next_words
from demo.copying import check
from demo.guard import pace
from demo.session import Session, sentence
from demo.stories import COMPARED, sample_settings, write
from demo.tabs import asking, choosing, sampling
from demo.tabs.asking import begun, given_up, painted, still_stand
from demo.tabs.sampling import AFTER_STORY, SETTINGS
from demo.tabs.wiring import (
    ALWAYS_LAST,
    MODEL,
    PRIVATE,
    QUICK,
    REREAD,
    TOLD,
    bind,
    failed,
    filled_later,
    html,
    offer,
    take_offer,
    unseen,
)
from demo.views.alternatives import alternatives_js
from demo.views.next_words import no_words
from demo.views.story import story_html, story_js
from demo.views.words import note

EXAMPLES = [
    "Once upon a time, there was a little dog who wanted to",
    "Lily found a shiny red ball in the garden.",
    "\"Can cows fly?\", Alice asked her mother.",
    "One rainy day, Tom and his sister could not go out.",
    "The old boat was sad because",
]
NO_ROOM = (
    "This story could not begin; the notice says why. Where too many requests wait for their turn, press Write "
    "again in a minute."
)
NO_MODEL = "There is no model to write with yet: press Start in the Train tab, and come back in a minute or two."
# A look at one token takes a forward pass; it need not wait until others have told their stories.
LOOK: dict[str, Any] = {**PRIVATE, "concurrency_id": "look", "concurrency_limit": 2, "show_progress": "hidden"}
SURPRISE_JS = "(by) => { document.getElementById('write-story').dataset.surprise = by; }"


def layout(session: Session) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    with gr.Row(elem_classes="slm-split slm-write"):
        with gr.Column(scale=5, min_width=300):
            model = filled_later(gr.Dropdown([], label="Model", elem_id="write-model", info="Who writes the story."))
            prompt = gr.Textbox(
                EXAMPLES[0], label="How the story begins", lines=2, max_lines=8, elem_id="write-prompt",
                info="Leave it empty, and the model begins by itself.",
            )
            gr.Examples([[text] for text in EXAMPLES], [prompt], label="Or take one of these", api_visibility="private")
            with gr.Row():
                go = gr.Button("Write", variant="primary", elem_id="write-go", scale=2, min_width=120)
                stop = gr.Button("Stop", variant="stop", elem_id="write-stop", interactive=False, min_width=80)
            story = html(story_html("", ""), elem_id="write-story", js=story_js())
            with gr.Row(elem_classes="slm-bottom"):
                surprise = gr.Radio(
                    [("Off", "off"), ("By guess", "rank"), ("By probability", "prob")], value="off", scale=3,
                    label="Mark what surprised the model", elem_id="write-surprise", min_width=260,
                    info="Choose a word of the story to see what else it could have been.",
                )
                ask = gr.Button("Did it copy?", size="md", scale=0, elem_id="write-did-it-copy", min_width=150)
            copied = html("", elem_id="write-copied")
        with gr.Column(scale=3, min_width=280):
            panel = html("", elem_id="write-else", js=alternatives_js())
            settings, after, bars = sampling.layout(session, model)
            with gr.Accordion("Several stories, or two side by side", open=False, elem_id="write-several"):
                count, other, others = sampling.comparison()
    name = gr.Textbox("", visible=False)  # of the newest request, as Stops gave it
    cleared = [panel, copied, go, stop, name]
    asked = gr.on([go.click, prompt.submit], bind(begin, session), [prompt], [story, *cleared], **QUICK)
    # Shift and Enter ask for a story while one is written: that one stops, and the new one is not left out.
    told = asked.then(
        bind(write_stories, session), [name, model, other, prompt, count, *settings.values(), *others], [story],
        **{**MODEL, "trigger_mode": "multiple"},
    )
    chosen = panel.click(bind(choosing.begin_branch, session), None, cleared, **TOLD)
    branched = chosen.then(bind(choosing.write_branch, session), [name], [story], **MODEL)
    looks = [after, model, prompt]
    # Where a handler failed, gradio calls what follows a failure and nothing else.
    told.failure(bind(no_room, session), None, [story, go, stop], **QUICK)
    branched.failure(bind(choosing.no_room, session), None, [story, copied, go, stop], **QUICK)
    for written in (told, branched):
        ended = written.then(bind(asking.finish, session), None, [go, stop], **QUICK)
        ended.then(bind(look_ahead_of_story, session), looks, [bars], **LOOK)
    gr.on([story.click, panel.select], bind(choosing.look_at, session), None, [panel], **LOOK)
    story.select(bind(choosing.show_version, session), None, [story, panel, copied], **TOLD)
    ask.click(bind(did_it_copy, session), None, [copied], **PRIVATE)
    stop.click(bind(asking.stop_writing, session), None, None, **QUICK)
    surprise.change(None, [surprise], None, js=SURPRISE_JS, **PRIVATE)
    # What the page was offered last: it is offered the newest again while nobody has chosen a model themselves.
    models, offered = [model, other, suggested := unseen()], [unseen(), unseen()]
    model.input(None, None, [suggested], js="() => ''", **QUICK)
    known = gr.on([model.focus, other.focus], bind(refresh, session), models[:2], [*models, *offered], **REREAD)
    take_models(known, models, offered)
    gr.on([prompt.change, model.input, after.input], bind(look_ahead, session), looks, [bars],
          **LOOK, **ALWAYS_LAST)
    return {"models": models, "offered": offered, "looks": looks, "bars": bars}


def refresh(
    session: Session, model: str | None, other: str | None, suggested: str = ""
) -> tuple[Any, Any, Any, str, str]:
    """What there is to write with, read from the disk again; an offer for each list whose choice is not there.

    In a class a page that still has what was `suggested` to it is offered what a new page would be.
    """
    choices, default = session.model_choices(), session.default_model()
    others = [("nobody", ""), *choices]
    mine, my_offer = offer(choices, model, default)
    if session.rights.public and model and model == suggested:
        my_offer = json.dumps([model, default])
    second, other_offer = offer(others, other, "")
    value = json.loads(my_offer)[1]
    return mine, second, gr.skip() if value == model else value, my_offer, other_offer


def take_models(after: Dependency, models: list[Any], offered: list[gr.Textbox]) -> Dependency:
    """Let both lists take what `refresh` offered; the event after which that is done."""
    for dropdown, place in zip(models, offered, strict=False):
        after = take_offer(after, place, dropdown)
    return after


def look_ahead(session: Session, request: gr.Request, after: str, model: str, prompt: str) -> Any:
    """The next-word chart: after the prompt, or after the story as it is now; in its place why there is none.

    It is asked for while somebody types, so a notice each time would be one for each letter.
    """
    if not model:
        return gr.skip()
    try:
        pace(session, request, "word")
        return next_words(session, request.session_hash or "", model, prompt, after_story=after == AFTER_STORY)
    except ValueError as error:
        return no_words(sentence(error))


def look_ahead_of_story(session: Session, request: gr.Request, after: str, model: str, prompt: str) -> Any:
    """The chart again where it follows the story, which has just grown."""
    return look_ahead(session, request, after, model, prompt) if after == AFTER_STORY else gr.skip()


def begin(session: Session, prompt: str, request: gr.Request) -> tuple[Any, ...]:
    """Show at once that something happens, forget what stood there, and from now on listen to Stop."""
    session.written.keep(request.session_hash or "", [])
    shown = prompt if len(prompt or "") <= session.limits.prompt_characters else ""
    return story_html(shown or "", "", note="waiting for the model", writing=True), *begun(session, request)


def write_stories(
    session: Session, request: gr.Request, name: str, model: str, other: str, prompt: str, count: int, *values: Any
) -> Iterator[str]:
    """Stream the stories into the page; `values` are those of SETTINGS, then of the comparison."""
    page = request.session_hash or ""
    stop = session.stops.of(page, name)
    mine, (unlike, *second) = values[: len(SETTINGS)], values[len(SETTINGS) :] or (False,)
    try:
        if session.stops.newest(page) is not stop:
            return
        pace(session, request, "story")
        if not model:
            raise ValueError(NO_MODEL)
        given = dict(zip(SETTINGS, mine, strict=True))
        settings = sample_settings(given, most_tokens=session.most_tokens)
        others = {**given, **dict(zip(COMPARED, second, strict=False))}
        other_settings = sample_settings(others, most_tokens=session.most_tokens) if unlike else None
        models = [model, other] if other and other != model else [model]
        writing = write(session, models, prompt=prompt, count=int(count), settings=settings, stop=stop,
                        other_settings=other_settings)
        session.written.keep(page, next(writing))
        yield from painted(session, page, writing, stop)
    except Exception as error:
        if session.stops.newest(page) is stop:
            session.written.keep(page, [])
            yield note(sentence(failed(error)), kind="error")
    finally:
        session.stops.end(page, stop)


def no_room(session: Session, request: gr.Request) -> tuple[Any, ...]:
    """Why there is no story, and the buttons to ask for it again."""
    return note(NO_ROOM, kind="warning"), *given_up(session, request)


def did_it_copy(session: Session, request: gr.Request) -> Any:
    """This page's stories with what stands in the training stories underlined; nothing where others stand by now."""
    page = request.session_hash or ""
    before = session.written.of(page)
    try:
        pace(session, request, "view")
    except ValueError as error:
        return note(sentence(error), kind="warning")
    found = check(session, page)
    return found if still_stand(session, page, before) else gr.skip()


