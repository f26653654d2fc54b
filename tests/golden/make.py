"""Make the golden model and texts anew: python tests/golden/make.py

Needed only when a change is meant to alter what a model writes; the texts then change in the same commit.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from slm.checkpoint import load_folder, save  # noqa: E402
from slm.config import PrepareConfig, TrainConfig, preset  # noqa: E402
from slm.data.prepare import prepare  # noqa: E402
from slm.files import write_json  # noqa: E402
from slm.generate import load  # noqa: E402
from slm.job import TrainJob  # noqa: E402
from slm.runs import resolve  # noqa: E402
from slm.train import train  # noqa: E402

CASES: list[dict] = [
    {"prompt": "Once upon a time", "max_new_tokens": 80, "temperature": 0.0},
    {"prompt": "", "max_new_tokens": 120, "temperature": 0.8, "top_p": 0.9, "seed": 7},
    {"prompt": 'The little owl said, "', "max_new_tokens": 60, "temperature": 1.0, "top_k": 5, "seed": 11},
    {"prompt": "Mia", "max_new_tokens": 150, "temperature": 0.7, "repetition_penalty": 1.2, "seed": 13},
]


def main() -> None:
    golden = preset("golden")
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        for _ in prepare(PrepareConfig(source="starter", name="starter-512", limit=8000, vocab="512"), data):
            pass
        settings = {**vars(golden.train), "steps": 1500, "threads": 1}
        job = TrainJob(
            run="golden",
            checkpoints=Path(place),
            data=data / "starter-512",
            preset="golden",
            model=golden.model,
            train=TrainConfig(**settings),
        )
        for event in train(job):
            if event["kind"] == "eval":
                print(f"step {event['step']}: val_bpb {event['val_bpb']:.3f}")
        model, tokenizer, about = load_folder(resolve(job.run_dir))
        shutil.rmtree(HERE / "model", ignore_errors=True)
        kept = {key: about[key] for key in ("run", "preset", "data", "step", "tokens", "val_loss", "val_bpb")}
        save(HERE / "model", model, tokenizer, about=kept, dtype=torch.bfloat16)
    write_stories()


def write_stories() -> None:
    """What the golden model writes in each case."""
    lm = load(HERE / "model", device="cpu")
    write_json(HERE / "stories.json", [{**case, "story": lm.generate(**case)} for case in CASES])


if __name__ == "__main__":
    main()
    print(json.dumps(json.loads((HERE / "stories.json").read_text()), indent=1, ensure_ascii=False)[:2000])
