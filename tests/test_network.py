"""Whether the Hub answers is known in a moment, and what is not reachable is not waited for."""

from __future__ import annotations

import http.server
import threading
import time

import pytest

from slm.network import REACH_TIMEOUT_S, hub_is_reachable, offline_unless_reachable


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


def test_any_answer_counts(online):
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        online(f"http://127.0.0.1:{server.server_port}")
        assert hub_is_reachable()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://nowhere.invalid", "nonsense"])
def test_no_answer_is_known_in_time(online, address):
    online(address)
    begin = time.perf_counter()
    assert not hub_is_reachable()
    assert time.perf_counter() - begin < REACH_TIMEOUT_S + 0.4


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
