"""Answers about a story in whose place another one stands by then: they are not shown, and nothing comes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio")
pytest.importorskip("torch")
import gradio as gr

from demo.session import Session
from demo.tabs import choosing, write
from tests.demo.test_safe import Request, told_on_the_write_tab

PAGE = "a-page"
REQUEST = Request(PAGE)


@pytest.fixture
def session(model_home: Path) -> Session:
    return Session(model_home, model_home)


def look_at(session: Session) -> Any:
    return choosing.look_at(session, REQUEST, SimpleNamespace(_data={"column": 0, "place": 2}))


def did_it_copy(session: Session) -> Any:
    return write.did_it_copy(session, REQUEST)


ANSWERS = [(choosing, "look", look_at), (write, "check", did_it_copy)]


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, happens: Callable[[], Any]) -> None:
    """This happens while the function makes its answer."""
    whole = getattr(module, name)

    def slow(*args: Any) -> Any:
        answer = whole(*args)
        happens()
        return answer

    monkeypatch.setattr(module, name, slow)


@pytest.mark.parametrize(("module", "name", "answer"), ANSWERS, ids=["look", "copy"])
def test_an_answer_is_shown_while_its_story_stands(session: Session, module: Any, name: str, answer: Any) -> None:
    list(told_on_the_write_tab(session, "small"))
    assert "<" in answer(session)


@pytest.mark.parametrize(("module", "name", "answer"), ANSWERS, ids=["look", "copy"])
def test_an_answer_is_left_out_once_another_story_was_asked_for(
    session: Session, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, answer: Any
) -> None:
    list(told_on_the_write_tab(session, "small"))
    with monkeypatch.context() as patch:
        meanwhile(patch, module, name, lambda: list(told_on_the_write_tab(session, "small")))
        assert answer(session) == gr.skip()
    with monkeypatch.context() as patch:
        meanwhile(patch, module, name, lambda: write.begin(session, "Once", REQUEST))
        assert answer(session) == gr.skip()


def test_a_word_of_a_story_that_is_gone_makes_no_branch(session: Session, told: list[str]) -> None:
    list(told_on_the_write_tab(session, "small"))
    (old,) = session.written.of(PAGE)
    list(told_on_the_write_tab(session, "small"))
    sent = {"column": 0, "place": 2, "token": 5}
    for data in ({**sent, "story": old.name}, sent, {**sent, "story": 7}):
        assert choosing.begin_branch(session, REQUEST, SimpleNamespace(_data=data)) == gr.skip()
    assert told == ["Not yet: another story stands here now; choose a word of it."] * 3
    assert session.written.asked(PAGE) is None and session.stops.newest(PAGE) is None
    (new,) = session.written.of(PAGE)
    choosing.begin_branch(session, REQUEST, SimpleNamespace(_data={**sent, "story": new.name}))
    assert session.written.asked(PAGE).token == 5
