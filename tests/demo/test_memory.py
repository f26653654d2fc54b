"""What a server keeps in memory, and that it has an end."""

from __future__ import annotations

from pathlib import Path

from demo.memory import EventCache, ModelCache, Stops
from demo.session import Session
from slm.runs import EventLog
from tests.demo.making import make_run


def test_pages_that_never_come_back_are_forgotten() -> None:
    stops = Stops(most=3)
    first = stops.begin("first")
    for page in map(str, range(1000)):
        stops.stop(page)  # of a page that asked for nothing, nothing is kept
    assert stops.newest("first") is first and not first.is_set()
    for page in "abc":
        stops.begin(page)
    assert stops.newest("c") is not None and stops.newest("first") is None


def test_a_page_that_goes_on_asking_is_kept() -> None:
    stops = Stops(most=2)
    stops.begin("mine")
    stops.begin("other")
    last = stops.begin("mine")
    stops.begin("another")
    assert stops.newest("mine") is last


def test_a_newer_request_takes_the_older_ones_place_for_good() -> None:
    stops = Stops()
    old = stops.begin("page")
    new = stops.begin("page")
    assert old.is_set() and stops.of("page", new.name) is new and not new.is_set()
    assert stops.of("page", old.name).is_set(), "a request that waited meanwhile ends before it begins"
    stops.end("page", old)
    assert stops.newest("page") is new, "Stop still reaches the newer one"
    stops.end("page", new)
    assert stops.newest("page") is None


def test_a_request_that_nobody_knows_can_be_stopped_too() -> None:
    stops = Stops()
    unknown = stops.of("page", "")
    stops.stop("page")
    assert unknown.is_set() and stops.newest("page") is unknown


def test_stop_reaches_its_own_page_only() -> None:
    stops = Stops()
    mine, theirs = stops.begin("mine"), stops.begin("theirs")
    stops.stop("mine")
    assert mine.is_set() and not theirs.is_set()
    again = stops.begin("mine")
    assert not again.is_set() and stops.newest("mine") is again


def test_a_new_request_ends_the_pages_older_one() -> None:
    stops = Stops()
    old = stops.begin("page")
    stops.begin("page")
    assert old.is_set()


def test_events_are_read_on_and_a_new_run_of_the_same_name_is_noticed(session: Session) -> None:
    cache = EventCache()
    run = make_run(session, "one", "start", "train")
    assert [e["kind"] for e in cache.read(run)[0]] == ["start", "train"]
    with EventLog(run / "events.jsonl") as log:
        log.append("train", 2, loss=2.0)
    assert [e["step"] for e in cache.read(run)[0]] == [0, 1, 2]
    (run / "events.jsonl").rename(run / "old.jsonl")
    make_run(session, "one", "train", "train", "train", "train")
    assert [e["step"] for e in cache.read(run)[0]] == [0, 1, 2, 3]


def test_a_model_is_kept_and_read_anew_when_it_changed(model_home: Path) -> None:
    models = ModelCache()
    first = models.get(model_home / "small")
    assert models.get(model_home / "small") is first
    weights = next((model_home / "small").glob("*.safetensors"))
    weights.touch()
    assert models.get(model_home / "small") is not first
