"""What pages that watch are told: only what is new, made once for all of them, and not too often."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("gradio")
from starlette.applications import Starlette
from starlette.testclient import TestClient

from demo import live
from demo.comparing import Seen, seen_now
from demo.live import Audience, good_for_s, paint, parse_seen, routes
from demo.rights import Rights
from demo.session import Session
from demo.watching import watch
from slm.runs import EventLog, write_json


def make_run(session: Session, name: str, steps: int = 3) -> Path:
    run = session.checkpoints / name
    run.mkdir(parents=True)
    write_json(run / "run.json", {"name": name, "created": 1.0})
    with EventLog(run / "events.jsonl") as log:
        for step in range(1, steps + 1):
            log.append("train", step, loss=5.0 / step, tokens=7 * step, elapsed_s=0.5 * step, tok_per_s=14.0)
    return run


def add(run: Path, step: int) -> None:
    with EventLog(run / "events.jsonl") as log:
        log.append("train", step, loss=1.0, tokens=7 * step, elapsed_s=0.5 * step, tok_per_s=14.0)


def test_a_page_is_sent_the_picture_then_only_what_is_new(session: Session, client: TestClient) -> None:
    run = make_run(session, "one")
    seen = live.seen_of(watch(session, "latest"), "latest")
    assert client.get("/slm/watch", params={"seen": seen}).status_code == 204
    add(run, 4)
    answer = client.get("/slm/watch", params={"seen": seen})
    news = answer.json()
    assert set(news["parts"]) == {"train-status", "train-chart", "train-samples"}
    assert [point[0] for point in news["parts"]["train-chart"]["runs"][0]["train"]] == [1, 2, 3, 4]
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("/slm/watch", params={"seen": seen}, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.json() == news
    assert client.get("/slm/watch", params={"seen": news["seen"]}).status_code == 204


def test_gradio_paints_where_buttons_or_lists_change(session: Session, client: TestClient) -> None:
    make_run(session, "one")
    seen = live.seen_of(watch(session, "latest"), "latest")
    make_run(session, "two")
    assert client.get("/slm/watch", params={"seen": seen}).json() == {"repaint": True}
    for nonsense in ("", "{", "[1, 2, 3]", '["latest"]'):
        assert client.get("/slm/watch", params={"seen": nonsense}).json() == {"repaint": True}


def test_each_page_watches_the_run_that_it_chose(session: Session, client: TestClient) -> None:
    runs = [make_run(session, name) for name in ("one", "two")]
    seen = {name: live.seen_of(watch(session, name), name) for name in ("one", "two")}
    add(runs[0], 9)
    assert client.get("/slm/watch", params={"seen": seen["two"]}).status_code == 204
    assert (
        client.get("/slm/watch", params={"seen": seen["one"]}).json()["parts"]["train-chart"]["runs"][0]["name"]
        == "one"
    )


def test_thirty_pages_cost_one_picture(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(session, "one")
    made = []
    monkeypatch.setattr(live, "good_for_s", lambda cost_s: 3600.0)
    monkeypatch.setattr(live, "watch", lambda *args, **more: made.append(1) or watch(*args, **more))
    asking = TestClient(Starlette(routes=routes(session)))
    seen = live.seen_of(watch(session, "latest"), "latest")
    for i in range(30):
        assert asking.get("/slm/watch", params={"seen": seen, "page": str(i)}).status_code == 204
    assert len(made) == 1


def test_an_unchanged_run_is_not_drawn_again(session: Session) -> None:
    run = make_run(session, "one")
    first = paint(session, "latest")
    assert paint(session, "latest", first) is first
    add(run, 4)
    assert paint(session, "latest", first).seen != first.seen


def test_the_shape_is_that_of_buttons_and_lists(session: Session) -> None:
    run = make_run(session, "one")
    before = watch(session, "latest")
    add(run, 4)
    after = watch(session, "latest")
    assert before.shape == after.shape and before.version != after.version
    chosen, shape = parse_seen(live.seen_of(after, None))
    assert chosen == "latest" and shape == parse_seen(live.seen_of(before, None))[1]


def test_who_may_change_things_sees_the_same_shape(tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights("a-code"))
    make_run(session, "one")
    key = session.rights.unlock("a-code", "teacher")
    teacher, pupil = watch(session, "latest", key=key), watch(session, "latest")
    assert teacher.version != pupil.version
    assert teacher.shape == pupil.shape  # or a teacher's page would be painted again and again


def test_many_pages_ask_less_often() -> None:
    audience = Audience()
    assert audience.wait_s("first", 0.0) == live.SHORTEST_S
    waits = [audience.wait_s(str(i), 1.0) for i in range(40)]
    assert waits == sorted(waits) and waits[-1] == 41 / live.PAGES_A_SECOND
    assert max(audience.wait_s(str(i), 2.0) for i in range(500)) == live.LONGEST_S
    assert audience.wait_s("last", 2.0 + 2 * live.REMEMBERED_S) == live.SHORTEST_S  # all others are gone


def test_a_picture_that_took_long_is_kept_longer() -> None:
    assert good_for_s(0.001) == 1.0
    assert good_for_s(0.03) == pytest.approx(3.0)
    assert good_for_s(0.5) == live.OLDEST_S


def test_the_data_tab_is_told_when_a_preparation_moves(session: Session, client: TestClient) -> None:
    seen = live.preparing_version(session)
    assert client.get("/slm/preparing", params={"seen": seen}).status_code == 204
    folder = session.data / "tiny"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"fingerprint": "f"}))
    assert client.get("/slm/preparing", params={"seen": seen}).json() == {"repaint": True}


def test_made_up_names_have_no_pictures_made_for_them(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(session, "one")
    made = []
    monkeypatch.setattr(live, "good_for_s", lambda cost_s: 3600.0)
    monkeypatch.setattr(live, "watch", lambda *args, **more: made.append(args[1]) or watch(*args, **more))
    asking = TestClient(Starlette(routes=routes(session)))
    for name in ("latest", "../one", "", "nobody", *map(str, range(20))):
        seen = live.seen_of(watch(session, name), name)
        assert asking.get("/slm/watch", params={"seen": seen}).status_code in (200, 204)
    asking.get("/slm/watch", params={"seen": live.seen_of(watch(session, "one"), "one")})
    assert made == ["latest", "one"]


def test_one_address_of_a_class_has_so_many_pictures_made_and_sees_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "NEW_PICTURES", 3)
    monkeypatch.setattr(live, "good_for_s", lambda cost_s: 0.0)
    monkeypatch.setenv("SPACE_ID", "somebody/slm")  # where the proxy tells the address
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights("code"))
    names = ["one", "two", "three"]
    for name in names:
        make_run(session, name)
    asking = TestClient(Starlette(routes=routes(session)))

    def ask(place: str, seen: str, address: str) -> int:
        answer = asking.get(f"/slm/{place}", params={"seen": seen}, headers={"x-forwarded-for": address})
        assert answer.status_code != 429 or float(answer.headers["slm-next-s"]) == live.LONGEST_S
        return answer.status_code

    curves = [str(seen_now(session, chosen)) for chosen in (["one"], ["two"], ["one", "two"], names)]
    assert [ask("curves", seen, "10.0.0.1") for seen in curves] == [204, 204, 204, 429]
    assert ask("watch", live.seen_of(watch(session, "two"), "two"), "10.0.0.1") == 429, "they are counted together"
    for _ in range(5):
        assert ask("curves", curves[0], "10.0.0.1") == 204, "one that is kept"
    assert ask("curves", curves[3], "10.0.0.2") == 204, "another address"
    assert ask("curves", curves[3], "10.0.0.1") == 204, "it is kept by now"


def test_ones_own_page_has_any_number_of_pictures(
    session: Session, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"run-{i}" for i in range(live.NEW_PICTURES + 2)]
    monkeypatch.setattr(live, "has_run", lambda session, name: True)
    monkeypatch.setattr(live, "curves_chart", lambda *_: {})
    assert {client.get("/slm/curves", params={"seen": str(Seen((name,)))}).status_code for name in names} == {200}
