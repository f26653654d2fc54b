"""What a server keeps in memory has an end; tests/demo/test_session.py tells what it is kept for."""

from __future__ import annotations

from demo.memory import Stops


def test_pages_that_never_come_back_are_forgotten() -> None:
    stops = Stops(most=3)
    first = stops.begin("first")
    for page in map(str, range(1000)):
        stops.stop(page)  # of a page that asked for nothing, nothing is kept
    assert stops.current("first") is first and not first.is_set()
    for page in "abc":
        stops.begin(page)
    assert stops.current("c") is stops.current("c")
    assert stops.current("first") is not first


def test_a_page_that_goes_on_asking_is_kept() -> None:
    stops = Stops(most=2)
    stops.begin("mine")
    stops.begin("other")
    last = stops.begin("mine")
    stops.begin("another")
    assert stops.current("mine") is last
