"""What a page holds may be gone by the time that it asks: whatever shows the present state goes on without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("gradio")
pytest.importorskip("torch")
import gradio as gr

from demo.page import build, launch_options
from demo.session import Session
from tests.demo.test_guard import name_of
from tests.demo.test_rights import ask

GONE = "gone-001"
SHOWING = {"data.paint", "data.show", "data.tick", "inside.follow", "inside.refresh", "inside.refresh_models",
           "report.show", "runs.paint", "runs.tick", "sampling.own_settings", "train.paint", "train.refresh_data",
           "write.refresh"}  # fmt: skip
# They judge what was chosen themselves: a server that was started anew has not painted the lists of the pages.
JUDGING = {"inside.choose_model", "runs.choose_run", "runs.compare_runs", "train.explain"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of one's own with nothing but what comes with the project."""
    home = tmp_path_factory.mktemp("home")
    session = Session(home / "checkpoints", home / "data")
    page = build(session)
    page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **launch_options(session))
    yield page
    page.close()


def held(field: Any) -> Any:
    """What a page sends of a field: of a list a name that is gone, of anything else what it began with."""
    if isinstance(field, gr.Dropdown) and len(field.choices) < 2:
        return [GONE] if field.multiselect else GONE
    return getattr(field, "value", None)


@pytest.mark.parametrize("name", sorted(SHOWING | JUDGING))
def test_what_shows_the_present_state_takes_a_name_that_is_gone(served: Any, name: str) -> None:
    events = [fn for fn in served.fns.values() if fn.fn is not None and not fn.js and name_of(fn) == name]
    assert events and any(isinstance(field, gr.Dropdown) for field in events[0].inputs)
    for fn in events:
        body = {"data": [held(field) for field in fn.inputs], "fn_index": fn._id, "session_hash": name}
        assert "data" in json.loads(ask(served.local_url, "run/predict", body))  # any failure is an HTTPError
