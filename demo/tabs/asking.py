"""What a page asked the Write tab for: one request at a time, and the newest counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demo.memory import Stop
from demo.session import Session
from demo.stories import Story, score
from demo.telling import columns_html

STILL_WRITING = "a story is still being written; stop it first"


def begun(session: Session, request: gr.Request) -> tuple[Any, ...]:
    """What a new request of the page clears, its buttons, and its name."""
    stop = session.stops.begin(request.session_hash or "")
    return "", "", gr.update(interactive=False), gr.update(interactive=True), stop.name


def painted(session: Session, page: str, writing: Iterator[list[Story]], stop: Stop) -> Iterator[str]:
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


def check_all_stand(session: Session, page: str) -> None:
    """ValueError while one of the page's stories is being written."""
    if session.stops.newest(page) and any(story.state == "writing" for story in session.written.of(page)):
        raise ValueError(STILL_WRITING)


def still_stand(session: Session, page: str, before: list[Story]) -> bool:
    """Whether the page shows the very stories that it showed before: what was asked about them is worth an answer."""
    return [story.name for story in session.written.of(page)] == [story.name for story in before]


def stop_writing(session: Session, request: gr.Request) -> None:
    """End this page's story after the token that is being computed."""
    session.stops.stop(request.session_hash or "")


def finish(session: Session, request: gr.Request) -> tuple[Any, Any]:
    """Give the buttons back, unless a newer request of the page waits or writes."""
    if session.stops.newest(request.session_hash or ""):
        return gr.skip(), gr.skip()
    return gr.update(interactive=True), gr.update(interactive=False)


def given_up(session: Session, request: gr.Request) -> tuple[Any, Any]:
    """Forget the page's request, which nobody carries out, and give the buttons back."""
    page = request.session_hash or ""
    if stop := session.stops.newest(page):
        session.stops.end(page, stop)
    return finish(session, request)
