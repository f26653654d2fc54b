"""Whether the Hub answers is known in a moment, and what is not reachable is not waited for."""

from __future__ import annotations

import http.server
import threading

import pytest

from slm.network import hub_is_reachable, offline_unless_reachable
from tests.waiting import PATIENCE_S


class Answers(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def point_at(address):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)

    return point_at


def test_any_answer_counts(online, monkeypatch):
    monkeypatch.setattr("slm.network.REACH_TIMEOUT_S", PATIENCE_S)  # a busy machine answers itself late
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        online(f"http://127.0.0.1:{server.server_port}")
        assert hub_is_reachable()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://nowhere.invalid", "nonsense"])
def test_no_answer_is_none(online, address):
    online(address)
    assert not hub_is_reachable()


class Waits:
    """Takes the place of what does not answer: whoever calls it waits until the test is over."""

    def __init__(self) -> None:
        self.asked, self.over, self.answered = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, *_, **__):
        self.asked.set()
        self.over.wait(PATIENCE_S)
        self.answered.set()
        raise OSError("no such place")


@pytest.mark.parametrize("part", ["socket.getaddrinfo", "urllib.request.urlopen"])
def test_neither_a_name_nor_an_answer_is_waited_for(online, monkeypatch, part):
    monkeypatch.setattr("slm.network.REACH_TIMEOUT_S", 1.0)
    monkeypatch.setattr(part, waits := Waits())
    online("http://nowhere.invalid")
    assert not hub_is_reachable()
    assert not waits.answered.is_set()
    assert waits.asked.wait(PATIENCE_S)
    waits.over.set()


def test_what_a_library_raises_while_the_hub_does_not_answer_is_told_as_that(online):
    online("http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match=r"^it did not answer within 5 s$"), offline_unless_reachable():
        raise ValueError("offline mode is enabled")


def test_offline_mode_asks_nobody(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("somebody was asked"))
    assert not hub_is_reachable()


def test_the_libraries_are_offline_only_while_the_block_runs(online):
    import datasets
    from huggingface_hub import constants

    online("http://127.0.0.1:9")
    before = datasets.config.HF_HUB_OFFLINE
    with offline_unless_reachable():
        assert constants.HF_HUB_OFFLINE and datasets.config.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE and before == datasets.config.HF_HUB_OFFLINE
