"""A model that fails in the middle: what failed is told, the page's stories stay, and the next request begins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")
pytest.importorskip("torch")
import gradio as gr

from demo.session import Session
from demo.tabs import choosing, runs
from demo.written import Choice
from slm.generate import LanguageModel
from slm.runs import write_json
from tests.demo.test_safe import Request, told_on_the_write_tab

PAGE = "a-page"
NO_MEMORY = RuntimeError("DefaultCPUAllocator: can't allocate memory\nand more for those who build it")
QUOTA = gr.Error("You have exceeded your GPU quota. <a href='https://huggingface.co/join'>Create an account</a>")
GONE = FileNotFoundError(2, "No such file or directory", "model.safetensors")
FAILURES = [
    (NO_MEMORY, "The model could not write: DefaultCPUAllocator: can&#x27;t allocate memory."),
    (QUOTA, "You have exceeded your GPU quota. Create an account."),
    (GONE, "model.safetensors cannot be used (No such file or directory)."),
    (KeyError(), "The model could not write: KeyError."),
]


@pytest.fixture
def session(model_home: Path) -> Session:
    return Session(model_home, model_home)


def fail_after(monkeypatch: pytest.MonkeyPatch, tokens: int, error: Exception) -> None:
    """From now on a model fails when it has written so many tokens."""
    whole = LanguageModel.write_many

    def write_many(lm: LanguageModel, *args: Any, **options: Any) -> Iterator[Any]:
        stream = whole(lm, *args, **options)
        for _ in range(tokens):
            yield next(stream)
        raise error

    monkeypatch.setattr(LanguageModel, "write_many", write_many)


@pytest.mark.parametrize("tokens", [0, 3])
@pytest.mark.parametrize(("error", "says"), FAILURES, ids=["memory", "quota", "gone", "silent"])
def test_what_failed_stands_in_place_of_the_story(
    session: Session, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str, tokens: int
) -> None:
    with monkeypatch.context() as patch:
        fail_after(patch, tokens, error)
        *_, last = told_on_the_write_tab(session, "small")
    assert says in last and "slm-note-error" in last and "too many requests" not in last
    assert session.written.of(PAGE) == [] and session.stops.newest(PAGE) is None
    *_, last = told_on_the_write_tab(session, "small")
    assert "5 tokens" in last


@pytest.mark.parametrize(("error", "says"), FAILURES, ids=["memory", "quota", "gone", "silent"])
def test_a_story_stays_as_it_was_where_its_branch_failed(
    session: Session, monkeypatch: pytest.MonkeyPatch, told: list[str], error: Exception, says: str
) -> None:
    *_, before = told_on_the_write_tab(session, "small")
    (story,) = session.written.of(PAGE)
    session.written.ask(PAGE, Choice(0, 2, story.ids[2] + 1, story.name))
    name = session.stops.begin(PAGE).name
    with monkeypatch.context() as patch:
        fail_after(patch, 4, error)
        *_, last = choosing.write_branch(session, Request(PAGE), name)
    assert last == before and session.written.of(PAGE) == [story] and session.stops.newest(PAGE) is None
    assert len(told) == 1 and told[0].lower() == f"Not yet: {says}".lower()


def test_the_time_machine_tells_it_too(tmp_path: Path, model_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(model_home / "small", tmp_path / "run/snapshots/000005")
    write_json(tmp_path / "run/run.json", {"created": 1.0})
    fail_after(monkeypatch, 1, NO_MEMORY)
    *_, last = runs.tell(Session(tmp_path, tmp_path), "run", "Once", 7, 1, Request(PAGE))
    assert FAILURES[0][1] in last
