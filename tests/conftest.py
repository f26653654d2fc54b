"""What tests share: places of their own, a small data set, and a machine that is shared with others."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from slm.job import TrainJob
    from slm.tokenizer import Tokenizer

# Before torch or huggingface_hub are imported, here and in every process that a test starts.
os.environ["HF_HUB_OFFLINE"] = "1"
# Where pytest-xdist runs several test files at once, threads of one would wait for those of another.
if "PYTEST_XDIST_WORKER" in os.environ:  # which has its environment from the process that started it
    os.environ["OMP_NUM_THREADS"] = "1"
for place in ("SLM_CHECKPOINTS", "SLM_DATA"):
    os.environ.pop(place, None)

ROOT = Path(__file__).resolve().parent.parent
ON_A_GPU = "gpu"  # the marker of what needs one; everything else computes on the CPU, so that it holds on any machine


def pytest_configure(config: pytest.Config) -> None:
    """Hide the GPUs, before torch looks for them, from everything but `pytest -m gpu`."""
    if config.option.markexpr != ON_A_GPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker(ON_A_GPU) and not _has_gpu(config):
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU, and `pytest -m gpu`"))


def _has_gpu(config: pytest.Config) -> bool:
    if config.option.markexpr != ON_A_GPU:
        return False
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def random_numbers_begin_anew() -> None:
    """Torch's are the same in a test whatever ran before it; where nothing has imported torch, nothing does so here."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(7)


@pytest.fixture
def torch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stories are written as where there is no C compiler."""
    for module in ("slm.compiled_step", "slm.int8"):
        monkeypatch.setattr(f"{module}.library", lambda: None)


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


@pytest.fixture
def places(tmp_places: SimpleNamespace, starter_data: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Empty checkpoints and the small data set `starter`."""
    monkeypatch.setenv("SLM_DATA", str(starter_data))
    return tmp_places


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line: its exit code, what it printed, and its complaints."""
    from slm import cli

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[TrainJob]:
    """Trainings asked for; each ends at once."""
    import slm.train
    from slm import runs

    asked = []

    def train(job: TrainJob) -> Iterator[dict[str, Any]]:
        asked.append(job)
        runs.write_json(job.run_dir / "run.json", {"preset": job.preset, "data": {"name": job.data.name}})
        with runs.EventLog(job.run_dir / "events.jsonl") as log:
            yield log.append("start", 0, n_params=1, device="cpu", dtype="float32", max_steps=None, budget_s=60)
            yield log.append("end", 0, reason="finished", message="done")

    monkeypatch.setattr(slm.train, "train", train)
    return asked


@pytest.fixture(scope="session")
def gpt2() -> Tokenizer:
    """All of GPT-2's vocabulary."""
    from slm.tokenizer import load_gpt2

    return load_gpt2()


@pytest.fixture(scope="session")
def trimmed(gpt2: Tokenizer) -> Tokenizer:
    """1,031 ids of GPT-2: a story's words, and tokens of every sort and length at random."""
    from slm.tokenizer import trim
    from tests.vocabularies import STORY

    counts = [random.Random(id).choice([0, 0, 0, 2]) for id in range(gpt2.vocab_size)]
    for id in gpt2.encode(STORY):
        counts[id] += 5
    return trim(gpt2, counts, vocab_size=1031)


@pytest.fixture(scope="module", params=["gpt2", "trimmed"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Each of the two in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def tokenizer_folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tokenizer is saved."""
    path = tmp_path_factory.mktemp(tokenizer.name)
    tokenizer.save(path)
    return path
