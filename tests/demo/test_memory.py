"""What a server keeps in memory has an end; tests/demo/test_session.py tells what it is kept for."""

from __future__ import annotations

from demo.memory import Stops


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
