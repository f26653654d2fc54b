"""The words of a story that is written: what else one could have been, and the story that takes another way there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demo.branching import look
from demo.guard import pace
from demo.session import Session
from demo.stories import branch, grow_branch
from demo.tabs.asking import begun, check_all_stand, given_up, painted, still_stand
from demo.tabs.wiring import failed, warn, warned
from demo.telling import columns_html
from demo.views.words import note
from demo.written import Choice

NO_ROOM = (
    "This story could not go on; the notice says why. Where too many requests wait for their turn, choose the word "
    "again in a minute."
)


@warned
def look_at(session: Session, request: gr.Request, event: gr.EventData) -> Any:
    """What else a token of the story could have been; nothing where another story stands there by then."""
    pace(session, request, "word")
    page = request.session_hash or ""
    before = session.written.of(page)
    panel = look(session, page, _whole(event, "column"), _whole(event, "place"))
    return panel if still_stand(session, page, before) else gr.skip()


@warned
def begin_branch(session: Session, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
    """Note which token was chosen, and from now on listen to Stop."""
    page = request.session_hash or ""
    check_all_stand(session, page)
    choice = Choice(_whole(event, "column"), _whole(event, "place"), _whole(event, "token"), _text(event, "story"))
    session.written.ask(page, choice)
    return begun(session, request)


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
        yield from painted(session, page, grow_branch(story, stream, stop=stop), stop)
    except Exception as error:
        warn(failed(error), "Not yet")
        if old and story:
            session.written.give_up(page, story, old)
        yield columns_html(session.written.columns(page)) if story else gr.skip()
    finally:
        if stop:
            session.stops.end(page, stop)


def no_room(session: Session, request: gr.Request) -> tuple[Any, ...]:
    """The story as it was before it should branch, why it does not, and the buttons."""
    page = request.session_hash or ""
    session.written.asked(page)
    why = note(NO_ROOM, kind="warning")
    return columns_html(session.written.columns(page)), why, *given_up(session, request)


@warned
def show_version(session: Session, request: gr.Request, event: gr.EventData) -> tuple[str, str, str]:
    """Go back, or forward, to another version of a story."""
    page = request.session_hash or ""
    check_all_stand(session, page)
    session.written.show(page, _whole(event, "column"), _whole(event, "version"))
    return columns_html(session.written.columns(page)), "", ""


def _whole(event: gr.EventData, name: str) -> int:
    """A number that the page's script sent with an event; ValueError where it is none."""
    value = (event._data or {}).get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("this word is not there any more; choose another")
    return value


def _text(event: gr.EventData, name: str) -> str:
    """A word that the page's script sent with an event, empty where it is none."""
    value = (event._data or {}).get(name)
    return value if isinstance(value, str) else ""
