"""One training as it was asked for, what makes it impossible, and the record of it in run.json."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import slm
from slm.config import ModelConfig, TrainConfig, parameter_count
from slm.data.batches import Corpus, check_fits
from slm.folders import check_name, is_run, refuse_if_there


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """One training: what is trained, how, on which data set folder, and where it is kept.

    `init_from` is a checkpoint folder, a run or a Hub id whose weights it begins with; None draws new ones. Without a
    budget it is DEFAULT_MINUTES. With `lease_s` it saves and ends after about so many seconds, its run going on in the
    next stretch, which is `handed_on` to it (slm.leases).
    """

    run: str
    checkpoints: Path
    data: Path
    preset: str
    model: ModelConfig
    train: TrainConfig
    resume: bool = False
    init_from: str | None = None
    command: list[str] = field(default_factory=list)
    lease_s: float | None = None
    handed_on: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "train", self.train.with_budget())

    @property
    def run_dir(self) -> Path:
        """The folder of the run; ValueError for a name that no folder can have."""
        return self.checkpoints / check_name(self.run)


def check(job: TrainJob, corpus: Corpus) -> None:
    """Raise ValueError where job and data set do not fit each other."""
    check_fits(corpus, job.model.block_size)
    if job.model.vocab_size != corpus.tokenizer.vocab_size:
        raise ValueError(
            f"the model has {job.model.vocab_size} tokens, data set {job.data.name} has "
            f"{corpus.tokenizer.vocab_size}: they must be the same"
        )


def check_folder(job: TrainJob) -> None:
    """Raise ValueError where the run is to be new and is there already, or to be resumed and is not there."""
    if not job.resume:
        refuse_if_there(job.run_dir)
    elif not is_run(job.run_dir):
        raise ValueError(f"there is no run {job.run!r} in {job.checkpoints} to resume")


def check_data_unchanged(job: TrainJob, corpus: Corpus, fingerprint: str) -> None:
    """Raise ValueError where the data set is not the one with this fingerprint, on which the run was trained."""
    if fingerprint != corpus.fingerprint:
        raise ValueError(
            f"run {job.run!r} was trained on other data: the data set {job.data.name} has changed since; "
            "prepare it again as it was, or start a new run"
        )


def description(job: TrainJob, corpus: Corpus) -> dict[str, Any]:
    """run.json: everything needed to start the run again."""
    manifest = corpus.manifest
    return {
        "run": job.run,
        "preset": job.preset,
        "data": {k: manifest.get(k) for k in ("name", "source", "description", "fingerprint", "vocab")},
        "model": asdict(job.model),
        "train": asdict(job.train),
        "seed": job.train.seed,
        "init_from": job.init_from,
        "command": job.command,
        "n_params": parameter_count(job.model),
        "created": time.time(),
        "slm_version": slm.__version__,
    }
