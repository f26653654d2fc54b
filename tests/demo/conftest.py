"""A page's session without a server, and what its own routes answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def session(tmp_path: Path) -> Any:
    from demo.session import Session

    return Session(tmp_path / "checkpoints", tmp_path / "data")


@pytest.fixture
def client(session: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's routes, whose pictures are made anew for each question."""
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from demo import live

    monkeypatch.setattr(live, "good_for_s", lambda cost_s: 0.0)
    return TestClient(Starlette(routes=live.routes(session)))
