"""Write: a story from a model, as it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.events import Dependency

from demo.branching import look, next_words
from demo.copying import check
from demo.guard import pace
from demo.memory import Stop
from demo.session import Session, sentence
from demo.stories import COMPARED, Story, branch, grow_branch, sample_settings, score, write
from demo.tabs import sampling
from demo.tabs.sampling import AFTER_STORY, SETTINGS
from demo.tabs.wiring import (
    MODEL,
    PRIVATE,
    QUICK,
    REREAD,
    TOLD,
    bind,
    failed,
    html,
    offer,
    take_offer,
    unseen,
    warn,
    warned,
)
from demo.telling import columns_html
from demo.views.alternatives import alternatives_js
from demo.views.next_words import no_words
from demo.views.story import story_html, story_js
from demo.views.words import note
from demo.written import Choice

EXAMPLES = [
    "Once upon a time, there was a little dog who wanted to",
    "Lily found a shiny red ball in the garden.",
    "\"Can cows fly?\", Alice asked her mother.",
    "One rainy day, Tom and his sister could not go out.",
    "The old boat was sad because",
]
NO_ROOM = "This story could not begin: too many requests wait for their turn. Press Write again in a minute."
NO_ROOM_TO_BRANCH = (
    "This story could not go on: too many requests wait for their turn. Choose the word again in a minute."
)
STILL_WRITING = "a story is still being written; stop it first"
NO_MODEL = "There is no model to write with yet: press Start in the Train tab, and come back in a minute or two."


# A look at one token takes a forward pass; it need not wait until others have told their stories.
LOOK: dict[str, Any] = {**PRIVATE, "concurrency_id": "look", "concurrency_limit": 2, "show_progress": "hidden"}
SURPRISE_JS = "(by) => { document.getElementById('write-story').dataset.surprise = by; }"


def layout(session: Session) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    with gr.Row(elem_classes="slm-split slm-write"):
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
    begun = [panel, copied, go, stop, name]
    asked = gr.on([go.click, prompt.submit], bind(begin, session), [prompt], [story, *begun], **QUICK)
    # Shift and Enter ask for a story while one is written: that one stops, and the new one is not left out.
    told = asked.then(
        bind(write_stories, session), [name, model, other, prompt, count, *settings.values(), *others], [story],
        **{**MODEL, "trigger_mode": "multiple"},
    )
    chosen = panel.click(bind(begin_branch, session), None, begun, **TOLD)
    branched = chosen.then(bind(write_branch, session), [name], [story], **MODEL)
    looks = [after, model, prompt]
    # Where a handler failed, gradio calls what follows a failure and nothing else.
    told.failure(bind(no_room, session), None, [story, go, stop], **QUICK)
    branched.failure(bind(no_room_to_branch, session), None, [story, copied, go, stop], **QUICK)
    for written in (told, branched):
        ended = written.then(bind(finish, session), None, [go, stop], **QUICK)
        ended.then(bind(look_ahead_of_story, session), looks, [bars], **LOOK)
    gr.on([story.click, panel.select], bind(look_at, session), None, [panel], **LOOK)
    story.select(bind(show_version, session), None, [story, panel, copied], **TOLD)
    ask.click(bind(did_it_copy, session), None, [copied], **PRIVATE)
    stop.click(bind(stop_writing, session), None, None, **QUICK)
    surprise.change(None, [surprise], None, js=SURPRISE_JS, **PRIVATE)
    # What the page was offered last: it is offered the newest again while nobody has chosen a model themselves.
    models, offered = [model, other, suggested := unseen()], [unseen(), unseen()]
    model.input(None, None, [suggested], js="() => ''", **QUICK)
    known = gr.on([model.focus, other.focus], bind(refresh, session), models[:2], [*models, *offered], **REREAD)
    take_models(known, models, offered)
    gr.on([prompt.change, model.input, after.input], bind(look_ahead, session), looks, [bars],
          **{**LOOK, "trigger_mode": "always_last"})
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
    """Show at once that something happens, and from now on listen to Stop."""
    shown = prompt if len(prompt or "") <= session.limits.prompt_characters else ""
    return story_html(shown or "", "", note="waiting for the model", writing=True), *_begun(session, request)


def _begun(session: Session, request: gr.Request) -> tuple[Any, ...]:
    """What a new request of the page clears, its buttons, and its name."""
    stop = session.stops.begin(request.session_hash or "")
    return "", "", gr.update(interactive=False), gr.update(interactive=True), stop.name


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
        yield from _painted(session, page, writing, stop)
    except Exception as error:
        if session.stops.newest(page) is stop:
            session.written.keep(page, [])
            yield note(sentence(failed(error)), kind="error")
    finally:
        session.stops.end(page, stop)


@warned
def begin_branch(session: Session, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
    """Note which token was chosen, and from now on listen to Stop."""
    page = request.session_hash or ""
    _check_all_stand(session, page)
    session.written.ask(page, Choice(_whole(event, "column"), _whole(event, "place"), _whole(event, "token")))
    return _begun(session, request)


def write_branch(session: Session, request: gr.Request, name: str) -> Iterator[Any]:
    """Stream the story on from the token that was chosen, as a new version of it."""
    page = request.session_hash or ""
    choice = session.written.asked(page)
    # Where nothing was chosen, `name` may be that of a story that is being written.
    stop = session.stops.of(page, name) if choice else None
    old = story = None
    try:
        pace(session, request, "story")
        if choice is None or stop is None:
            return
        old = session.written.column(page, choice.column).story
        story, stream = branch(session, old, choice.place, choice.token)
        session.written.branch(page, choice.column, story)
        yield from _painted(session, page, grow_branch(story, stream, stop=stop), stop)
    except Exception as error:
        warn(failed(error), "Not yet")
        if old and story:
            session.written.give_up(page, story, old)
        yield columns_html(session.written.columns(page)) if story else gr.skip()
    finally:
        if stop:
            session.stops.end(page, stop)


def no_room(session: Session, request: gr.Request) -> tuple[Any, ...]:
    """Why there is no story, and the buttons to ask for it again."""
    return note(NO_ROOM, kind="warning"), *_given_up(session, request)


def no_room_to_branch(session: Session, request: gr.Request) -> tuple[Any, ...]:
    """The story as it was before it should branch, why it does not, and the buttons."""
    page = request.session_hash or ""
    session.written.asked(page)
    why = note(NO_ROOM_TO_BRANCH, kind="warning")
    return columns_html(session.written.columns(page)), why, *_given_up(session, request)


def _given_up(session: Session, request: gr.Request) -> tuple[Any, Any]:
    """Forget the page's request, which nobody carries out, and give the buttons back."""
    page = request.session_hash or ""
    if stop := session.stops.newest(page):
        session.stops.end(page, stop)
    return finish(session, request)


def _painted(session: Session, page: str, writing: Iterator[list[Story]], stop: Stop) -> Iterator[str]:
    """The page's stories as HTML while those of `writing` grow; when they are whole, with scores.

    Nothing more is painted once a newer request of the page has taken this one's place.
    """
    columns = session.written.columns(page)
    yield columns_html(columns)
    writers = [versions.story.writer() for versions in columns]  # held, so that the very models score what they wrote
    stories: list[Story] = []
    for stories in writing:  # noqa: B007
        if session.stops.newest(page) is stop:
            yield columns_html(columns)
    score(session, stories)
    del writers
    if session.stops.newest(page) is stop:
        yield columns_html(columns)


def _check_all_stand(session: Session, page: str) -> None:
    """ValueError while one of the page's stories is being written."""
    if session.stops.newest(page) and any(story.state == "writing" for story in session.written.of(page)):
        raise ValueError(STILL_WRITING)


@warned
def look_at(session: Session, request: gr.Request, event: gr.EventData) -> str:
    """What else a token of the story could have been."""
    pace(session, request, "word")
    return look(session, request.session_hash or "", _whole(event, "column"), _whole(event, "place"))


@warned
def show_version(session: Session, request: gr.Request, event: gr.EventData) -> tuple[str, str, str]:
    """Go back, or forward, to another version of a story."""
    page = request.session_hash or ""
    _check_all_stand(session, page)
    session.written.show(page, _whole(event, "column"), _whole(event, "version"))
    return columns_html(session.written.columns(page)), "", ""


def _whole(event: gr.EventData, name: str) -> int:
    """A number that the page's script sent with an event; ValueError where it is none."""
    value = (event._data or {}).get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("this word is not there any more; choose another")
    return value


def did_it_copy(session: Session, request: gr.Request) -> str:
    """This page's stories with what stands in the training stories underlined."""
    try:
        pace(session, request, "view")
    except ValueError as error:
        return note(sentence(error), kind="warning")
    return check(session, request.session_hash or "")


def stop_writing(session: Session, request: gr.Request) -> None:
    """End this page's story after the token that is being computed."""
    session.stops.stop(request.session_hash or "")


def finish(session: Session, request: gr.Request) -> tuple[Any, Any]:
    """Give the buttons back, unless a newer request of the page waits or writes."""
    if session.stops.newest(request.session_hash or ""):
        return gr.skip(), gr.skip()
    return gr.update(interactive=True), gr.update(interactive=False)
