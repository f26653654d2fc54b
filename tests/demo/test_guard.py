"""Every handler of the page is counted, needs a key or is cheap, and a new one says which; what the door lets in."""

from __future__ import annotations

import asyncio
import html
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")
pytest.importorskip("torch")

from demo import session as session_module
from demo.guard import MOST_BODY_BYTES, NO_FILE, TOO_MANY_WAIT, Guard, names_a_file, pace, waiting
from demo.page import build, launch_options
from demo.rights import CLASS_PAGE, OWN_PAGE, WORK, Rights
from demo.session import Session
from slm.runs import EventLog, write_json
from tests.demo.test_rights import CODE, call, changing_handlers, handler_of, inputs_of
from tests.waiting import PATIENCE_S

HERE = "127.0.0.1"
MOST = 3
REFUSED = "within a minute; wait"

# Handlers that make a model or the disk work, and the kind of work that each is counted as.
COUNTED = {
    "write.write_stories": "story",
    "choosing.write_branch": "story",
    "runs.tell": "story",
    "endpoints.generate": "story",
    "inside.look_inside": "view",
    "inside.find_word": "view",
    "write.did_it_copy": "view",
    "runs.paint": "view",
    "runs.choose_row": "view",
    "runs.choose_run": "view",
    "runs.compare_runs": "view",
    "endpoints.metrics": "view",
    "choosing.look_at": "word",
    "write.look_ahead": "word",
    "write.look_ahead_of_story": "word",
    "runs.export_run": "file",
}
# Handlers that do work only for who holds a key; tests/demo/test_rights.py asks each of them without one.
KEYED = {
    "train.start_training", "train.stop_training", "train.finish_training", "train.resume_training", "train.look_ahead",
    "data.start_preparing", "data.cancel_preparing", "report.begin", "runs.rename_chosen", "runs.delete_chosen",
    "runs.bring_in", "rights.unlock", "data.delete_set",
}  # fmt: skip
NO_WORK, NAMES, ONE_FILE, PICTURE = (
    "touches neither a model nor the disk",
    "lists the runs, models or data sets, whose summaries are kept: milliseconds",
    "reads a small file or two",
    "shows the run that all watch, whose events are kept and read on: no dearer than opening the page",
)
CHEAP = {
    "write.begin": NO_WORK, "asking.finish": NO_WORK, "asking.stop_writing": NO_WORK, "choosing.begin_branch": NO_WORK,
    "choosing.show_version": NO_WORK, "write.no_room": NO_WORK, "choosing.no_room": NO_WORK,
    "helpers.load_example": NO_WORK, "helpers.skip": NO_WORK,
    "inside.<lambda>": NO_WORK, "runs.forget_row": NO_WORK, "runs.forget_told": NO_WORK,
    "train.take_preset": NO_WORK, "presets.measured_html": NO_WORK, "data.choose_source": NO_WORK,
    "rights.lock": NO_WORK, "rights.show": NO_WORK,
    "write.refresh": NAMES, "inside.refresh": NAMES, "inside.refresh_models": NAMES, "inside.choose_model": NAMES,
    "inside.follow": NAMES, "train.refresh_data": NAMES, "data.paint": NAMES, "data.tick": NAMES,
    "endpoints.runs": NAMES, "train.explain": NAMES,
    "data.show": ONE_FILE, "report.show": ONE_FILE, "sampling.own_settings": ONE_FILE,
    "train.paint": PICTURE, "runs.tick": NAMES,
}  # fmt: skip


def name_of(fn: Any) -> str:
    """The module and name of a handler: "choosing.look_at"."""
    handler = handler_of(fn)
    handler = getattr(handler, "func", handler)  # of a partial, what it calls
    handler = getattr(handler, "__func__", handler)
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__qualname__.rpartition('.')[2]}"


def handlers(page: Any) -> list[tuple[str, Any]]:
    """What the page's server does, by name; events that only run in the browser are none of it."""
    return [(name_of(fn), fn) for fn in page.fns.values() if fn.fn is not None and not fn.js]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Any, Session, str]]:
    """A class's page on a port of its own, with one model and one run."""
    from slm.checkpoint import save
    from tests.engine import random_lm

    lm = random_lm("gpt2")
    save(tmp_path / "checkpoints/whole", lm.model, lm.tokenizer, about={"step": 5})
    run = tmp_path / "checkpoints/still"
    write_json(run / "run.json", {"run": "still", "created": 1.0, "train": {}, "model": {}, "data": {"name": "none"}})
    with EventLog(run / "events.jsonl") as log:
        log.append("train", 1, loss=2.0)
        log.append("end", 1, reason="stopped", message="")
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights(CODE))
    page = build(session)
    page.launch(prevent_thread_lock=True, quiet=True, server_name=HERE, **launch_options(session))
    yield page, session, page.local_url
    page.close()


def use_up(session: Session, work: str) -> None:
    for _ in range(session.limits.a_minute[work]):
        session.paces[work].count(HERE)


VALUES = {
    "write-model": "whole", "inside-model": "whole", "runs-run": "still", "runs-compare": ["still"],
    "runs-format": "run-none", "inside-word": "dog", "write-prompt": "Once", "write-next-after": "the story",
}  # fmt: skip
PROGRAMS: dict[str, list[Any]] = {
    "endpoints.generate": ["Once", "whole", 1, 1, None, None, 1], "endpoints.metrics": ["still", 0],
    "endpoints.runs": [],
}  # fmt: skip
ROW = {"index": [0, 0], "value": "still", "row_value": ["still"], "column": 0, "place": 0, "token": 1, "version": 0}


def answer(url: str, name: str, fn: Any) -> str:
    """What the server answers to this event, as a person reads it."""
    return html.unescape(call(url, fn, PROGRAMS[name] if name in PROGRAMS else inputs_of(fn, "", **VALUES), ROW))


def test_every_handler_is_counted_needs_a_key_or_is_cheap(tmp_path: Path) -> None:
    page = build(Session(tmp_path, tmp_path, Rights(CODE)))
    names = {name for name, _ in handlers(page)}
    assert names == {*COUNTED, *KEYED, *CHEAP}, "say of a new handler which of these it is"
    assert not set(COUNTED) & set(CHEAP) and not KEYED & {*COUNTED, *CHEAP}
    assert set(changing_handlers(page)) <= {name.partition(".")[2] for name in KEYED}
    assert set(COUNTED.values()) == set(WORK) == set(CLASS_PAGE.a_minute)


def test_who_asks_too_often_is_told_so_by_each_handler_and_cheap_ones_go_on(served, capfd) -> None:
    page, session, url = served
    known = handlers(page)
    for name, fn in known:
        if name in ("write.refresh", "inside.refresh", "runs.paint"):
            call(url, fn, inputs_of(fn, ""))  # as a page does when it is opened: now it knows what can be chosen
    capfd.readouterr()
    for name, fn in known:
        if name in COUNTED:
            use_up(session, COUNTED[name])  # each time: a busy machine may need more than a minute for all of them
            told = answer(url, name, fn)
            assert f"asked for {WORK[COUNTED[name]]}" in told and REFUSED in told, (name, told)
    assert "Traceback" not in capfd.readouterr().err
    for name, fn in known:
        if name in CHEAP:
            for work in WORK:
                use_up(session, work)
            assert REFUSED not in answer(url, name, fn), name


def test_the_kinds_of_work_are_counted_apart_and_visitors_too(served) -> None:
    _, session, _ = served
    use_up(session, "story")
    with pytest.raises(ValueError, match=r"you asked for stories 60 times within a minute; wait (60|[1-5]\d?) seconds"):
        session.allow_request(HERE, "story")
    session.allow_request(HERE, "view")
    session.allow_request("another", "story")


def test_ones_own_page_counts_nothing(tmp_path: Path) -> None:
    session = Session(tmp_path, tmp_path)
    for _ in range(2000):
        pace(session, None, "file")  # it does not even look who asks


# --- the door ---------------------------------------------------------------------------------------------------------


def post(
    url: str, headers: dict[str, str], body: bytes = b"", *, place: str = "queue/join"
) -> tuple[int, str]:
    """The answer to a POST that says these headers, whatever it sends."""
    connection = http.client.HTTPConnection(HERE, int(url.rstrip("/").rpartition(":")[2]), timeout=PATIENCE_S)
    connection.putrequest("POST", f"/gradio_api/{place}")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    said = reply.status, reply.read().decode()
    connection.close()
    return said


def test_what_is_sent_without_a_key_has_a_length_and_an_end(served) -> None:
    _, session, url = served
    kind = {"content-type": "application/json"}
    for headers in ({"content-length": str(MOST_BODY_BYTES + 1)}, {"transfer-encoding": "chunked"}):
        status, says = post(url, {**kind, **headers})
        assert (status, json.loads(says)["detail"]) == (413, "What was sent is larger than 1 MB; send less.")
    body = json.dumps({"data": ["a" * MOST_BODY_BYTES], "fn_index": 0, "session_hash": "x"}).encode()
    cookie = {"cookie": f"slm-key-1={session.rights.unlock(CODE, HERE)}"}
    assert post(url, {**kind, **cookie, "content-length": str(len(body))}, body)[0] == 200


@pytest.mark.parametrize("name", ["write.begin", "train.take_preset", "data.start_preparing"])
def test_a_file_that_is_named_by_its_address_needs_a_key(served, name: str) -> None:
    """Gradio would fetch it before the handler runs, into memory and onto the disk."""
    page, session, url = served
    fn = next(fn for known, fn in handlers(page) if known == name)
    file = {"path": "http://example.invalid/large", "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [[{"deep": file}]], "fn_index": fn._id, "session_hash": "x"}).encode()
    kind = {"content-type": "application/json", "content-length": str(len(body))}
    status, says = post(url, kind, body)
    assert (status, json.loads(says)["detail"]) == (403, NO_FILE)
    for place in ("run/predict", "api/begin", "call/generate"):
        assert post(url, kind, body, place=place)[0] == 403
    cookie = {"cookie": f"slm-key-1={session.rights.unlock(CODE, HERE)}"}
    assert post(url, {**kind, **cookie}, body)[0] != 403


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"path": "x", "meta": {"_type": "gradio.File\\u0044ata"}}', True),
        (json.dumps([{"meta": {"_type": "gradio.FileData"}}]).encode("utf-16"), True),
        (b"[" * 200_000 + b"]" * 200_000, True),
        (json.dumps([json.dumps({"meta": {"_type": "gradio.FileData"}}), {"meta": "a word"}]).encode(), False),
        (b"no JSON", False),
        (b"", False),
    ],
)
def test_a_file_is_seen_however_it_is_written(body: bytes, named: bool) -> None:
    assert names_a_file(body) is named


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Session, str]]:
    """A class's page where three requests of one address may wait, and nobody's turn ever comes."""
    monkeypatch.setattr(session_module, "CLASS_PAGE", replace(CLASS_PAGE, waiting=MOST))
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights(CODE))
    page = build(session)
    page.launch(prevent_thread_lock=True, quiet=True, server_name=HERE, **launch_options(session))
    monkeypatch.setattr(page._queue, "get_events", lambda: None)
    yield page, session, page.local_url
    page.close()


def ask_for_a_story(full: tuple[Any, Session, str], **headers: str) -> tuple[int, str]:
    page, _, url = full
    fn = next(fn for name, fn in handlers(page) if name == "write.did_it_copy")
    body = json.dumps({"data": [], "fn_index": fn._id, "session_hash": "x"}).encode()
    return post(url, {"content-type": "application/json", "content-length": str(len(body)), **headers}, body)


def test_one_address_cannot_fill_the_queue(full, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [ask_for_a_story(full)[0] for _ in range(MOST)] == [200] * MOST
    status, says = ask_for_a_story(full)
    assert (status, json.loads(says)["detail"]) == (429, TOO_MANY_WAIT.format(most=MOST))
    cookie = f"slm-key-1={full[1].rights.unlock(CODE, HERE)}"
    assert ask_for_a_story(full, cookie=cookie)[0] == 200, "who holds the code is let in"
    monkeypatch.setenv("SPACE_ID", "somebody/slm")  # where the proxy tells the address
    assert ask_for_a_story(full, **{"x-forwarded-for": "10.0.0.2"})[0] == 200, "others still get in"
    assert waiting(full[0], HERE) == MOST + 1 and waiting(full[0], "10.0.0.2") == 1


def test_many_that_come_at_once_are_counted_too(full) -> None:
    with ThreadPoolExecutor(12) as pool:
        told = [status for status, _ in pool.map(lambda _: ask_for_a_story(full), range(12))]
    assert set(told) <= {200, 429} and 1 <= told.count(200) <= MOST


def test_the_limit_for_one_address_leaves_room_for_others() -> None:
    assert CLASS_PAGE.waiting is not None and CLASS_PAGE.queue is not None
    assert CLASS_PAGE.waiting < CLASS_PAGE.queue and OWN_PAGE.waiting is None


def test_what_is_no_request_passes() -> None:
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["type"])

    asyncio.run(Guard(app, Rights(CODE))({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
