"""The Hub as people use it: its own libraries, over HTTP, with a stand-in that speaks its protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from slm.checkpoint import save
from slm.data.starter import stories
from slm.tokenizer import load_tokenizer
from tests.engine import random_lm
from tests.hub_server import HubServer

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
TOLD = list(stories(3, 60))
TRAIN, HELD_OUT = TOLD[:53], TOLD[53:]
CLEAN = TOLD[:43]


def write_parquet(path: Path, texts: list[str]) -> None:
    from datasets import Dataset

    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict({"text": texts}).to_parquet(path)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """TinyStories with what lies beside its parquet files, the clean edition, which is train alone, and a model."""
    home = tmp_path_factory.mktemp("hub")
    half = len(TRAIN) // 2
    write_parquet(home / "stories/data/train-00000-of-00002-2d5a1467fff1081b.parquet", TRAIN[:half])
    write_parquet(home / "stories/data/train-00001-of-00002-5852b56a2bd28fd9.parquet", TRAIN[half:])
    write_parquet(home / "stories/data/validation-00000-of-00001-869c898b519ad725.parquet", HELD_OUT)
    (home / "stories/README.md").write_text("---\nlicense: cdla-sharing-1.0\n---\n# TinyStories\n")
    (home / "stories/TinyStories-train.txt").write_text("The other form of the stories, which nobody is to read.\n")
    write_parquet(home / "clean/data/train-00000-of-00001.parquet", CLEAN)
    lm = random_lm("nanochat", seed=2)
    save(home / "model", lm.model, lm.tokenizer, about={"run": "theirs"})
    server = HubServer({
        ("datasets", "roneneldan/TinyStories"): home / "stories",
        ("datasets", "karpathy/tinystories-gpt4-clean"): home / "clean",
        ("models", "somebody/theirs"): home / "model",
    })  # fmt: skip
    yield server
    server.close()


def slm(hub: HubServer, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m slm` with a network of one Hub, its cache and its folders in `home`."""
    online = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home / "cache"), "HF_TOKEN": "hf_of_a_test", "HF_HUB_OFFLINE": "0",
              "SLM_DATA": str(home / "data"), "SLM_CHECKPOINTS": str(home / "checkpoints")}  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")} | online
    return subprocess.run(
        [sys.executable, "-m", "slm", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def prepared(home: Path, name: str) -> tuple[dict, list[str]]:
    """A data set's manifest, and its training stories read back."""
    folder = home / "data" / name
    ids = np.fromfile(folder / "train.bin", dtype=np.uint16)
    tokenizer = load_tokenizer(folder)
    texts = [tokenizer.decode(part.tolist()) for part in np.split(ids, np.flatnonzero(ids == tokenizer.eot_id) + 1)]
    return json.loads((folder / "manifest.json").read_text()), [t.removesuffix("<|endoftext|>") for t in texts if t]


def test_tinystories_comes_from_the_hub_and_is_kept(hub: HubServer, tmp_path: Path) -> None:
    words = ("prepare", "--source", "tinystories", "--name", "real", "--vocab", "512", "--json")
    done = slm(hub, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    manifest, texts = prepared(tmp_path, "real")
    assert "roneneldan/TinyStories" in manifest["description"]
    assert texts == TRAIN and manifest["validation"]["stories"] == len(HELD_OUT)
    fetched = [name for name in hub.fetched if name.endswith((".parquet", ".txt"))]
    assert len(fetched) == 3 and all("TinyStories-train" not in name for name in fetched)

    again = slm(hub, tmp_path, *words, "--name", "again")
    assert again.returncode == 0, again.stderr
    assert prepared(tmp_path, "again")[1] == TRAIN
    assert [name for name in hub.fetched if name.endswith(".parquet")] == fetched  # out of the cache


def test_the_clean_edition_is_split_here(hub: HubServer, tmp_path: Path) -> None:
    done = slm(hub, tmp_path, "prepare", "--source", "tinystories-clean", "--name", "clean", "--vocab", "512")
    assert done.returncode == 0, done.stderr
    manifest, texts = prepared(tmp_path, "clean")
    held_out = manifest["validation"]["stories"]
    assert held_out >= 1 and len(texts) == len(CLEAN) - held_out and set(texts) <= set(CLEAN)


def test_a_data_set_that_the_hub_has_not_is_told(hub: HubServer, tmp_path: Path) -> None:
    done = slm(hub, tmp_path, "prepare", "--source", "nobody/nothing", "--name", "x")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "nobody/nothing could not be loaded from the Hugging Face Hub" in done.stderr


def test_a_model_of_the_hub_writes_and_one_is_sent_there(hub: HubServer, tmp_path: Path) -> None:
    done = slm(hub, tmp_path, "generate", "--checkpoint", "somebody/theirs", "--prompt", "Once", "--max-new-tokens",
               "3", "--precision", "float32")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Once" in done.stdout
    words = ("export", "--checkpoint", "somebody/theirs", "--to", "hub", "somebody/mine", "--dry-run", "--json")
    dry = slm(hub, tmp_path, *words)
    assert dry.returncode == 0, dry.stderr
    assert "model.safetensors" in json.loads(dry.stdout.splitlines()[-1])["files_mb"] and hub.received == {}
    theirs = hub.repositories["models", "somebody/theirs"]
    sent = slm(hub, tmp_path, "export", "--checkpoint", str(theirs), "--to", "hub", "somebody/mine")
    assert sent.returncode == 0, sent.stderr
    received = hub.received["somebody/mine"]
    assert received["model.safetensors"] == (theirs / "model.safetensors").read_bytes()
    assert {"config.json", "tokenizer.json", "README.md"} <= set(received)
