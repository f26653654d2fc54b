"""The model that a training begins with: drawn anew, or the weights of another model, in that model's shape."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from slm.checkpoint import about_folder, load_folder
from slm.config import ModelConfig
from slm.data.batches import Corpus
from slm.hub import model_folder
from slm.job import TrainJob
from slm.model import GPT, initialise


def shape_of(place: str) -> ModelConfig:
    """The shape of the model in a checkpoint folder, a run or a Hub id; ValueError where there is none."""
    return load_folder(model_folder(place))[0].config


def trainings_before(place: str | None) -> list[dict[str, Any]]:
    """The trainings that made the model at `place`, the oldest first, as its slm.json tells; none where it has none."""
    about = {} if place is None else about_folder(model_folder(place))
    told = ("run", "step", "tokens", "elapsed_s", "seed", "val_loss", "val_bpb", "command")
    return [*about.get("begun_from", []), {name: about.get(name) for name in told}] if about else []


def first_model(job: TrainJob, corpus: Corpus) -> GPT:
    """The model before its first update.

    Raises ValueError where `job.init_from` has another shape than the job or other tokens than the data set.
    """
    if job.init_from is None:
        model = GPT(job.model)
        initialise(model, job.train.seed)
        return model
    other, tokenizer, _ = load_folder(model_folder(job.init_from))
    if tokenizer != corpus.tokenizer:
        raise ValueError(
            f"the model {job.init_from} knows {tokenizer.vocab_size:,} tokens and data set {job.data.name} has "
            f"{corpus.tokenizer.vocab_size:,}, not the same ones: take a data set of the model's own vocabulary "
            "(--vocab gpt2 where it has 50,257), or leave out --init-from"
        )
    ours, theirs = (
        vars(dataclasses.replace(config, dropout=0.0, norm_eps=config.eps)) for config in (job.model, other.config)
    )
    if differing := [f"{name} {theirs[name]} (wanted: {ours[name]})" for name in ours if ours[name] != theirs[name]]:
        raise ValueError(f"the model {job.init_from} has another shape: {', '.join(differing)}")
    model = GPT(job.model)
    with torch.no_grad():
        model.load_state_dict(other.state_dict())
    return model
