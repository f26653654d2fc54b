"""What an open Runs tab is sent: curves as they grow, the table when it changes, nothing that a person chose."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gradio")
from httpx import Response
from starlette.applications import Starlette
from starlette.testclient import TestClient

from demo import live
from demo.comparing import NO_CURVE, Seen, curves_chart, seen_now
from demo.rights import Rights
from demo.session import Session
from slm.runs import EventLog, write_json


def make_run(session: Session, name: str) -> Path:
    run = session.checkpoints / name
    write_json(run / "run.json", {"name": name, "created": 1.0})
    add(run, "train", 1, loss=3.0)
    return run


def add(run: Path, kind: str, step: int, **fields: float) -> None:
    with EventLog(run / "events.jsonl") as log:
        log.append(kind, step, **fields)


def ask(client: TestClient, seen: object) -> Response:
    return client.get("/slm/curves", params={"seen": str(seen)})


def test_a_page_is_sent_the_curves_as_they_grow(session: Session, client: TestClient) -> None:
    runs = [make_run(session, name) for name in ("one", "two", "three")]
    seen = seen_now(session, ["two", "one"])
    assert ask(client, seen).status_code == 204
    add(runs[2], "train", 2, loss=2.0)
    assert ask(client, seen).status_code == 204  # another run's
    add(runs[0], "train", 2, loss=2.0)
    news = ask(client, seen).json()
    drawn = {run["name"]: [point[0] for point in run["train"]] for run in news["parts"]["runs-chart"]["runs"]}
    assert drawn == {"one": [1, 2], "two": [1]}
    assert ask(client, news["seen"]).status_code == 204


def test_the_table_is_painted_when_a_run_comes_goes_saves_or_is_measured(session: Session, client: TestClient) -> None:
    run = make_run(session, "one")

    def is_painted() -> bool:
        nonlocal seen
        answer, before = ask(client, seen), seen
        seen = seen_now(session, ["one"])
        return answer.status_code == 200 and answer.json() == {"repaint": True} and seen.table != before.table

    seen = seen_now(session, ["one"])
    assert not is_painted()
    add(run, "eval", 2, val_loss=2.5, val_bpb=0.9)
    assert is_painted()
    write_json(run / "snapshots/000002/config.json", {})
    (run / "snapshots/000002/model.safetensors").touch()
    assert is_painted()
    make_run(session, "two")
    assert is_painted() and not is_painted()


def test_what_was_chosen_is_sent_once_more_without_painting_the_table(session: Session, client: TestClient) -> None:
    make_run(session, "one")
    make_run(session, "two")
    news = ask(client, seen_now(session, ["one"]).choosing(["two", "one"])).json()
    assert [run["name"] for run in news["parts"]["runs-chart"]["runs"]] == ["one", "two"]
    assert Seen.parse(news["seen"]) == seen_now(session, ["one", "two"])


NONSENSE = ["", None, "{", "7", "[1]", "[1, 2, 3, 4]", '[["a"], "b", "c"]', '[[1], "a", "b", "c"]']


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_a_page_that_shows_nothing(client: TestClient, text: str | None) -> None:
    assert Seen.parse(text) == Seen()
    assert ask(client, text or "").json() == {"repaint": True}


def test_what_a_page_shows_can_be_read_back(session: Session) -> None:
    make_run(session, "one")
    seen = seen_now(session, ["one", "gone"])
    assert seen.names == ("one",) and Seen.parse(str(seen)) == seen


def test_made_up_names_and_other_orders_have_no_pictures_of_their_own(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(session, "one")
    make_run(session, "two")
    made = []
    monkeypatch.setattr(live, "good_for_s", lambda cost_s: 3600.0)
    monkeypatch.setattr(live, "seen_now", lambda session, names: made.append(names) or seen_now(session, names))
    asking = TestClient(Starlette(routes=live.routes(session)))
    for names in (["one", "two"], ["two", "one"], ["two", "one", "nobody", ".."], ["one", "one", "two"]):
        ask(asking, Seen(tuple(names)))
    assert made == [["one", "two"]]


def test_a_class_compares_so_many_at_most(tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights("code"))
    names = [f"run-{i}" for i in range(12)]
    for name in names:
        make_run(session, name)
    assert len(seen_now(session, names).names) == session.limits.curves == 8


def test_no_curve_is_said_of_what_has_none(session: Session) -> None:
    assert curves_chart(session, [])["nothing"] == NO_CURVE
    run = session.checkpoints / "new"
    write_json(run / "run.json", {"name": "new", "created": 1.0})
    assert curves_chart(session, ["new"])["nothing"] is None  # its first step is awaited
