"""Waiting for what other processes do, on a machine that may be slow and have other things to do."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 300.0  # only what hangs takes so long
QUICK_S = 30.0  # for what takes a moment where the machine has nothing else to do

Value = TypeVar("Value")


def wait_for(condition: Callable[[], Value]) -> Value:
    """What `condition` returns, as soon as that counts as true; AssertionError after PATIENCE_S in vain."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain"
        time.sleep(0.02)
    return value


def free_port() -> int:
    """A port of this machine that nobody has, and that stays free until a server takes it.

    Below those that systems give to outgoing connections: one of these would be taken by chance while a server starts.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port that was tried is taken")
