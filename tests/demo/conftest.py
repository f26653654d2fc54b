"""What tests of the page share: a session without a server, a small model, and a server with a browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.demo.browsing import Server, Watched


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser on a busy machine may miss a moment: its tests get a second try, which the summary names."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def session(tmp_path: Path) -> Any:
    from demo.session import Session

    return Session(tmp_path / "checkpoints", tmp_path / "data")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pops up on the page."""
    import gradio as gr

    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", told.append)
    monkeypatch.setattr(gr, "Info", told.append)
    return told


@pytest.fixture
def client(session: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's routes, whose pictures are made anew for each question."""
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from demo import live

    monkeypatch.setattr(live, "good_for_s", lambda cost_s: 0.0)
    return TestClient(Starlette(routes=live.routes(session)))


@pytest.fixture(scope="module")
def model_home(tmp_path_factory: pytest.TempPathFactory, starter_data: Path) -> Path:
    """A checkpoints folder with one small, untrained model in it."""
    torch = pytest.importorskip("torch")
    from slm.checkpoint import save
    from slm.config import ModelConfig
    from slm.model import GPT, initialise
    from slm.tokenizer import load_tokenizer

    torch.set_num_threads(1)
    tokenizer = load_tokenizer(starter_data / "starter")
    model = GPT(ModelConfig(n_layer=2, n_head=2, n_embd=14 * 2, block_size=37, vocab_size=tokenizer.vocab_size))
    initialise(model, 3)
    home = tmp_path_factory.mktemp("checkpoints")
    save(home / "small", model, tokenizer, about={"step": 5})
    return home


@pytest.fixture(scope="session")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints and a data folder, with one small data set and one barely trained model, the same everywhere."""
    from slm.config import PrepareConfig
    from slm.data.prepare import prepare
    from tests.demo.browsing import PROJECT, environment

    folder = tmp_path_factory.mktemp("first-home")
    list(prepare(PrepareConfig(source="starter", name="tiny", vocab="512", limit=300, workers=1), folder / "data"))
    words = ["train", "--run", "first", "--data", "tiny", "--preset", "golden", "--steps", "5", "--eval-windows", "4",
             "--threads", "1", "--dtype", "float32"]  # fmt: skip
    subprocess.run([sys.executable, "-m", "slm", *words], cwd=PROJECT, env=environment(folder), check=True)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, first_home: Path) -> Iterator[Path]:
    """A copy of the first home, in which the tests of a file may do what they like."""
    from tests.demo.browsing import end_trainings

    folder = tmp_path_factory.mktemp("homes") / "home"
    shutil.copytree(first_home, folder)
    yield folder
    end_trainings(folder)


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """The page of that home."""
    from tests.demo.browsing import Server

    server = Server(home)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; skips where there is none."""
    from tests.demo.browsing import CHROMIUM  # skips where Playwright is not installed

    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as run:
        opened = run.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[Watched]:
    """The page in the browser; nothing may have gone wrong on it by the end of the test."""
    from tests.demo.browsing import Watched

    watched = Watched(browser, server.url)
    yield watched
    watched.page.close()
    assert watched.complaints == []
