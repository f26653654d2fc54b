"""Training that begins with the weights of another model."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from slm.beginning import first_model, shape_of, trainings_before
from slm.checkpoint import load_folder, save
from slm.cli import main
from slm.config import PRESETS, ModelConfig, TrainConfig
from slm.data.batches import Corpus
from slm.job import TrainJob
from slm.runs import read_events, read_json, write_json
from slm.tokenizer import load_tokenizer
from tests.engine import random_lm, random_model


@pytest.fixture
def job(starter_data, tmp_path):
    model = dataclasses.replace(PRESETS["golden"].model, n_layer=2, n_head=2, n_embd=26, block_size=23)
    return TrainJob(
        run="second", checkpoints=tmp_path, data=starter_data / "starter", preset="golden", model=model,
        train=TrainConfig(steps=1), init_from=str(tmp_path / "first"),
    )  # fmt: skip


def write_first(job, **changes):
    model = random_model(dataclasses.replace(job.model, **changes))
    save(job.init_from, model, load_tokenizer(job.data), about={})
    return model


def test_the_first_model_has_the_other_ones_weights_and_the_jobs_dropout(job):
    other = write_first(job)
    ours = first_model(dataclasses.replace(job, model=dataclasses.replace(job.model, dropout=0.25)), Corpus(job.data))
    assert ours.config.dropout == 0.25
    for (name, a), (_, b) in zip(ours.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
    assert dataclasses.replace(shape_of(job.init_from), norm_eps=None) == job.model


def test_another_shape_is_told_with_its_numbers(job):
    write_first(job, n_layer=3)
    with pytest.raises(ValueError, match=r"another shape: n_layer 3 \(wanted: 2\)"):
        first_model(job, Corpus(job.data))


def test_other_tokens_are_told_with_the_way_out(job):
    lm = random_lm("gpt2")
    save(job.init_from, lm.model, lm.tokenizer, about={})
    with pytest.raises(ValueError, match=r"knows 307 tokens and data set starter has 512, not the same ones: take"):
        first_model(job, Corpus(job.data))


def train(job, *words, anew=True):
    places = ["--checkpoints", str(job.checkpoints), "--data-dir", str(job.data.parent)]
    budget = ["--preset", "golden", "--steps", "2", "--batch-size", "3", "--eval-windows", "2", "--sample-tokens", "3"]
    return main(["train", "--run", "second", *(["--data", "starter", *budget] if anew else []), *places, *words])


def test_the_command_line_trains_on_what_transformers_saved_and_records_it(job):
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = load_tokenizer(job.data)
    shape = {"vocab_size": tokenizer.vocab_size, "n_embd": 26, "n_layer": 2, "n_head": 2, "n_positions": 23}
    GPT2LMHeadModel(GPT2Config(**shape, eos_token_id=tokenizer.eot_id)).save_pretrained(job.init_from)
    tokenizer.save(job.init_from)
    assert train(job, "--init-from", "first") == 0
    run = job.checkpoints / "second"
    record = read_json(run / "run.json")
    assert record["init_from"] == job.init_from
    assert ModelConfig(**record["model"]).n_embd == 26
    assert "| begun from | first |" in (run / "snapshots/000002/README.md").read_text()
    before, after = load_folder(job.init_from)[0], load_folder(run / "snapshots/000002")[0]
    moved = (before.wte.weight - after.wte.weight).abs().max()
    assert 0 < moved < 0.1  # two steps away, and not a model drawn anew
    # A model that nobody trained yet: its first loss is near ln 512.
    assert read_events(run)[0][1]["loss"] == pytest.approx(6.24, abs=0.3)


def test_a_model_remembers_the_trainings_that_made_it(job):
    write_first(job)
    place = job.checkpoints / "first"
    about = {
        "run": "first",
        "step": 7,
        "tokens": 1100,
        "elapsed_s": 60.0,
        "seed": 3,
        "val_bpb": 1.25,
        "command": "first",
    }
    write_json(place / "slm.json", about)
    assert train(job, "--init-from", "first") == 0
    second = job.checkpoints / "second"
    told = read_json(second / "run.json")["begun_from"]
    assert told == [{**about, "val_loss": None}]
    snapshot = second / "snapshots/000002"
    assert read_json(snapshot / "slm.json")["begun_from"] == told
    card = (snapshot / "README.md").read_text()
    assert "| first | 3 | 7 | 1,100 | 1.0 | 1.2500 | `first` |" in card
    assert f"{1100 + read_json(snapshot / 'slm.json')['tokens']:,} tokens in 1.0 minutes together" in card
    assert [one["run"] for one in trainings_before(str(snapshot))] == ["first", "second"]
    assert train(job, "--resume", "--steps", "3", anew=False) == 0
    assert read_json(second / "snapshots/000003/slm.json")["begun_from"] == told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--init-from", "first", "--n-layer", "5"], "keeps its shape: leave out n_layer"),
        (["--init-from", "nobody/nothing"], "Hub cannot be reached"),
        (["--init-from", "first", "--resume"], "leave out --init-from"),
    ],
)
def test_mistakes_are_told_and_leave_no_run(job, capsys, words, message):
    write_first(job)
    assert train(job, *words, "--json") == 2
    said = capsys.readouterr()
    assert message in said.err and message in json.loads(said.out.splitlines()[-1])["error"]
    assert not (job.checkpoints / "second").exists()
