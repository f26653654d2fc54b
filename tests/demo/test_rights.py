"""Who may change things on a class's page: the code, its keys, and every handler asked over HTTP without one."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

import app
from demo.guard import keys_in
from demo.page import build, launch_options
from demo.rights import KEY_LIFE_S, Pace, Rights
from demo.session import Session
from demo.tabs import runs
from slm.runs import EventLog, write_json
from tests.waiting import PATIENCE_S

CODE = "maple-é"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ones_own_page_asks_nobody() -> None:
    rights = Rights()
    assert not rights.public and rights.holds(None) and rights.holds("")


def test_a_key_comes_of_the_right_code_alone_and_ends() -> None:
    rights = Rights(CODE, clock=(clock := Clock()))
    for wrong in (None, "", "maple", "MAPLE-é"):
        with pytest.raises(ValueError, match="not the teacher's code"):
            rights.unlock(wrong, "a")
    key, other = rights.unlock(f" {CODE} ", "a"), rights.unlock(CODE, "b")
    assert key != other and rights.holds(key) and rights.holds(other)
    assert not any(rights.holds(word) for word in (None, "", CODE, key[:-1], 7, [key]))
    rights.lock(key)
    assert not rights.holds(key) and rights.holds(other)
    clock.now += KEY_LIFE_S
    assert not rights.holds(other)


def test_a_key_means_nothing_to_another_server() -> None:
    assert not Rights(CODE).holds(Rights(CODE).unlock(CODE, "a"))


def test_who_guesses_waits_and_others_do_not() -> None:
    rights = Rights(CODE, clock=(clock := Clock()))
    for _ in range(5):
        with pytest.raises(ValueError, match="not the teacher's"):
            rights.unlock("x", "guesser")
    with pytest.raises(ValueError, match="wait 60 seconds"):
        rights.unlock(CODE, "guesser")  # not even looked at
    assert rights.holds(rights.unlock(CODE, "teacher"))
    clock.now += 60
    assert rights.holds(rights.unlock(CODE, "guesser"))


def test_many_who_guess_are_slowed_together() -> None:
    rights = Rights(CODE, clock=Clock())
    for i in range(30):
        with pytest.raises(ValueError, match="not the teacher's"):
            rights.unlock("x", f"guesser {i}")
    with pytest.raises(ValueError, match="wait"):
        rights.unlock("x", "one more")


def test_switched_off_nobody_may() -> None:
    rights = Rights(switched_off=True)
    assert rights.public and not rights.has_code and not rights.holds("") and not rights.holds(None)
    with pytest.raises(ValueError, match="switched off"):
        rights.unlock("", "a")


def test_a_pace_is_each_visitors_own() -> None:
    pace = Pace(2, clock=(clock := Clock()))
    pace.count("a")
    clock.now += 20
    pace.count("a")
    assert (pace.wait_s("a"), pace.wait_s("b")) == (40.0, 0.0)
    clock.now += 40
    assert pace.wait_s("a") == 0.0
    clock.now += 60
    assert pace.wait_s("a") == 0.0


@pytest.mark.parametrize(
    ("header", "keys"),
    [(b"", [""]), (b"a=1; slm-key-7860=abc%20d; slm-key-1=e", ["", "abc d", "e"]), (b"\xff=;;=", [""])],
)
def test_keys_are_read_from_cookies(header: bytes, keys: list[str]) -> None:
    assert keys_in(header) == keys


def test_the_code_stands_nowhere() -> None:
    rights = Rights("geheim-7")
    session = Session(Path("a"), Path("b"), rights)
    assert "geheim-7" not in f"{session!r} {vars(rights)!r} {json.dumps(build(session).get_config_file(), default=str)}"


# --- app.py -----------------------------------------------------------------------------------------------------------


def rights_of(words: list[str], monkeypatch: pytest.MonkeyPatch, **environment: str) -> Rights:
    for name in ("SPACE_ID", app.CODE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return app.rights(app.parse_args(words))


def test_the_code_comes_by_flag_or_environment_and_goes_to_no_child(monkeypatch, capsys) -> None:
    for words, environment in ((["--teacher-code", CODE], {}), ([], {"SLM_TEACHER_CODE": CODE})):
        rights = rights_of(words, monkeypatch, **environment)
        assert rights.holds(rights.unlock(CODE, "a"))
    both = rights_of(["--teacher-code", "other"], monkeypatch, SLM_TEACHER_CODE=CODE)
    assert both.unlock("other", "a")
    child = subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"], capture_output=True, text=True)
    assert CODE not in child.stdout and "SLM_TEACHER_CODE" not in os.environ
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("given", [f"{CODE}\n", f" {CODE}\t", f"\r\n{CODE}\r\n"])
def test_spaces_around_the_code_are_none_of_it(monkeypatch, given: str) -> None:
    for words, environment in ((["--teacher-code", given], {}), ([], {"SLM_TEACHER_CODE": given})):
        rights = rights_of(words, monkeypatch, **environment)
        assert rights.holds(rights.unlock(CODE, "a")) and rights.holds(rights.unlock(given, "a"))


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_code_opens_the_page_to_nobody(monkeypatch, empty: str) -> None:
    for words, environment in (
        (["--teacher-code", empty, "--host", "0.0.0.0"], {}),
        (["--host", "0.0.0.0"], {"SLM_TEACHER_CODE": empty}),
        (["--teacher-code", empty], {"SLM_TEACHER_CODE": CODE}),
    ):
        with pytest.raises(SystemExit, match="code is empty"):
            rights_of(words, monkeypatch, **environment)


def test_a_page_that_is_opened_warns_or_asks(monkeypatch, capsys) -> None:
    assert not rights_of([], monkeypatch).public
    assert capsys.readouterr().out == ""
    assert not rights_of(["--host", "0.0.0.0"], monkeypatch).public
    assert "--teacher-code" in capsys.readouterr().out
    shared = rights_of(["--share"], monkeypatch)
    told = capsys.readouterr().out.strip().rpartition(" ")[2]
    assert shared.holds(shared.unlock(told, "a"))
    assert rights_of([], monkeypatch, SPACE_ID="me/slm").switched_off
    assert rights_of([], monkeypatch, SPACE_ID="me/slm", SLM_TEACHER_CODE=CODE).has_code


def test_it_listens_to_this_machine_alone_but_on_a_space(monkeypatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert app.parse_args([]).host == "127.0.0.1"
    monkeypatch.setenv("SPACE_ID", "me/slm")
    assert app.parse_args([]).host == "0.0.0.0"


# --- every handler over HTTP ------------------------------------------------------------------------------------------

# What a handler must not reach without the key, and those that only look with them.
CHANGING = {"launch", "training", "preparing", "delete_run", "delete_dataset", "rename_run", "unpack"}
LOOKING = {"explain", "tick"}


def handler_of(fn: Any) -> Any:
    """The function of a tab's module behind what gradio calls."""
    function = fn.fn
    while inner := getattr(function, "__func__", None) or getattr(function, "__wrapped__", None):
        function = inner
    return function


def changing_handlers(page: Any) -> dict[str, Any]:
    """The handlers that start, stop, make, rename or delete something, by name."""
    found = {}
    for fn in page.fns.values():
        names = set(getattr(getattr(handler_of(fn), "__code__", None), "co_names", ()))
        if names & CHANGING and fn.name not in LOOKING:
            found[fn.name] = fn
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Any, Session, str]]:
    """A class's page on a port of its own, with one run that was stopped and one that seems to train."""
    for name, ended in (("still", True), ("busy", False)):
        run = tmp_path / "checkpoints" / name
        write_json(run / "run.json", {"run": name, "created": 1.0, "train": {}, "model": {}, "data": {"name": "none"}})
        with EventLog(run / "events.jsonl") as log:
            log.append("train", 1, loss=2.0)
            if ended:
                log.append("end", 1, reason="stopped", message="")
    (tmp_path / "data").mkdir()
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights(CODE))
    page = build(session)
    page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **launch_options(session))
    yield page, session, page.local_url
    page.close()


def ask(url: str, path: str, body: dict[str, Any] | bytes, **headers: str) -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}gradio_api/{path}", data, {"content-type": "application/json", **headers})
    return urllib.request.urlopen(request, timeout=PATIENCE_S).read().decode()


def call(url: str, fn: Any, data: list[Any], event_data: Any = None) -> str:
    """Everything that the page's server answers to one event of a page."""
    body = {"data": data, "fn_index": fn._id, "session_hash": "x", "event_data": event_data, "trigger_id": None}
    if not fn.queue:
        try:
            return ask(url, "run/predict", body)
        except urllib.error.HTTPError as error:
            return error.read().decode()
    ask(url, "queue/join", body)
    answer = ""
    with urllib.request.urlopen(f"{url}gradio_api/queue/data?session_hash=x", timeout=PATIENCE_S) as stream:
        for line in stream:
            answer += line.decode()
            if "process_completed" in answer or "close_stream" in answer:
                return answer
    return answer


def inputs_of(fn: Any, key: str, **values: Any) -> list[Any]:
    """What a page would send: the value of each field, a run's name where one is chosen, the key where it is taken."""
    return [
        key if type(field).__name__ == "BrowserState" else values.get(field.elem_id, getattr(field, "value", None))
        for field in fn.inputs
    ]


def tree(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in sorted(folder.rglob("*"))}


VALUES = {"runs-run": "still", "runs-new-name": "renamed"}


def test_every_changing_handler_refuses_who_has_no_key(served, tmp_path: Path) -> None:
    page, session, url = served
    handlers = changing_handlers(page)
    assert set(handlers) == {
        "start_training", "stop_training", "finish_training", "resume_training", "start_preparing", "cancel_preparing",
        "rename_chosen", "delete_chosen", "bring_in", "delete_set",
    }  # fmt: skip
    opening = next(fn for fn in page.fns.values() if handler_of(fn) is runs.paint)
    call(url, opening, [None, []])  # as a page does when it is opened: now it knows the runs' names
    before = tree(tmp_path)
    for name, fn in handlers.items():
        for key in ("", CODE, "x" * 32):
            answer = call(url, fn, inputs_of(fn, key, **VALUES))
            assert "teacher's code" in html.unescape(answer), (name, answer)
    assert tree(tmp_path) == before
    assert session.notices == {}

    key = session.rights.unlock(CODE, "a")
    call(url, handlers["rename_chosen"], inputs_of(handlers["rename_chosen"], key, **VALUES))
    assert (tmp_path / "checkpoints/renamed").is_dir() and not (tmp_path / "checkpoints/still").exists()


def test_an_upload_needs_the_key(served) -> None:
    _, session, url = served
    boundary = "b0und"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}--\r\n"
    ).encode()
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    for cookie in ({}, {"cookie": "slm-key-7860=guess"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, "upload", body, **headers, **cookie)
        assert refused.value.code == 403 and "teacher's code" in refused.value.read().decode()
    key = session.rights.unlock(CODE, "a")
    assert "a.txt" in ask(url, "upload", body, **headers, cookie=f"slm-key-7860={key}")
    with pytest.raises(urllib.error.HTTPError) as too_large:
        large = body.replace(b"hello", b"x" * (session.limits.upload_mb * 1_048_576 + 1))
        ask(url, "upload", large, **headers, cookie=f"slm-key-7860={key}")
    assert too_large.value.code == 413


def test_a_class_page_has_limits(served) -> None:
    page, session, _ = served
    assert page._queue.max_size == session.limits.queue
    with pytest.raises(ValueError, match="most possible is 4,000"):
        session.check_prompt("a" * 4001)
    *_, says = runs.compare_runs(session, None, ["still"] * 9, "")
    assert "9 curves at once are too many here; choose 8." in says
