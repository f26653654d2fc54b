"""Where the page is reached: what a class types, and one sentence where nothing can listen."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo.address import address_of_class, why_not_here
from tests.waiting import PATIENCE_S, free_port

PROJECT = Path(__file__).resolve().parents[2]


def test_a_class_is_told_an_address_of_this_machine_where_all_are_listened_to() -> None:
    for host in ("127.0.0.1", "localhost", "192.168.1.5"):
        assert address_of_class(host, 7860) is None  # gradio prints that one itself
    address = address_of_class("0.0.0.0", 7860)
    assert address is None or re.fullmatch(r"http://[\d.]+:7860", address)


def test_a_machine_without_a_network_has_no_address_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert address_of_class("0.0.0.0", 7860) is None


def test_an_address_of_another_machine_is_told() -> None:
    assert "cannot listen on 203.0.113.7, port" in why_not_here("203.0.113.7", free_port())


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        port = other.getsockname()[1]
        words = ["app.py", "--port", str(port), "--checkpoints", str(tmp_path), "--data-dir", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, *words], cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE_S
        )
    assert done.returncode == 1
    assert f"Port {port} is taken already" in done.stderr and "Traceback" not in done.stderr
