"""What tests share: places of their own, a small data set, and a machine that is shared with others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

# Before torch or huggingface_hub are imported, here and in every process that a test starts.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "2")
for place in ("SLM_CHECKPOINTS", "SLM_DATA"):
    os.environ.pop(place, None)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def random_numbers_begin_anew() -> None:
    """Torch's are the same in a test whatever ran before it; where nothing has imported torch, nothing does so here."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(7)


@pytest.fixture
def tinystories_folder() -> Path:
    """Real stories in the layout of a Hub data set, for tests that ask for them."""
    folder = ROOT.parent / "shared" / "data" / "TinyStories"
    if not folder.is_dir():
        pytest.skip(f"needs the TinyStories sample in {folder}")
    return folder


@pytest.fixture
def tmp_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Empty `checkpoints` and `data` folders that SLM_CHECKPOINTS and SLM_DATA name."""
    places = SimpleNamespace(checkpoints=tmp_path / "checkpoints", data=tmp_path / "data")
    for folder in vars(places).values():
        folder.mkdir()
    monkeypatch.setenv("SLM_CHECKPOINTS", str(places.checkpoints))
    monkeypatch.setenv("SLM_DATA", str(places.data))
    return places


@pytest.fixture(scope="session")
def starter_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with one small prepared set, `starter`: 300 starter stories in 512 tokens."""
    from slm.config import PrepareConfig
    from slm.data.prepare import prepare

    folder = tmp_path_factory.mktemp("data")
    for _ in prepare(PrepareConfig(source="starter", name="starter", limit=300, vocab="512", workers=1), folder):
        pass
    yield folder
