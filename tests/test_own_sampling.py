"""A model's own sampling settings: written, read back, and used for what a request leaves out."""

from __future__ import annotations

import json

import pytest

from slm.config import SampleConfig
from slm.generate import load
from slm.own_sampling import load_sampling, save_sampling
from tests.engine import random_lm


def put(folder, **fields):
    (folder / "generation_config.json").write_text(json.dumps(fields))
    return folder


@pytest.mark.parametrize(
    "sampling",
    [
        SampleConfig(),
        SampleConfig(temperature=0.6, top_k=40, top_p=None, min_p=0.05, repetition_penalty=1.1, max_new_tokens=77),
        SampleConfig(temperature=0.0, top_p=1.0),
    ],
)
def test_what_was_written_is_read(tmp_path, sampling):
    save_sampling(tmp_path, sampling, eot_id=306)
    read = load_sampling(tmp_path)
    assert (read.temperature, read.top_k, read.min_p, read.max_new_tokens, read.repetition_penalty) == (
        sampling.temperature, sampling.top_k, sampling.min_p, sampling.max_new_tokens, sampling.repetition_penalty,
    )  # fmt: skip
    assert read.top_p == (None if sampling.top_p == 1 else sampling.top_p)
    stored = json.loads((tmp_path / "generation_config.json").read_text())
    assert (stored["eos_token_id"], stored["do_sample"]) == (306, True)
    assert stored["top_k"] == (sampling.top_k or 0)


def test_what_a_file_leaves_out_is_the_usual(tmp_path):
    assert load_sampling(tmp_path) == SampleConfig()
    assert load_sampling(put(tmp_path, bos_token_id=50256, transformers_version="4.0")) == SampleConfig()
    assert load_sampling(put(tmp_path, temperature=None, top_k=5)) == SampleConfig(top_k=5)


def test_a_value_out_of_its_limits_is_told_with_the_file(tmp_path):
    with pytest.raises(ValueError, match=r"generation_config\.json: temperature must be a number, not 'hot'"):
        load_sampling(put(tmp_path, temperature="hot"))
    (tmp_path / "generation_config.json").write_text("[1]")
    with pytest.raises(ValueError, match="one JSON object"):
        load_sampling(tmp_path)


def test_a_loaded_model_writes_with_its_own_settings_unless_told_otherwise(tmp_path):
    from slm.checkpoint import save

    lm = random_lm("nanochat")
    save(tmp_path / "m", lm.model, lm.tokenizer, about={})
    save_sampling(tmp_path / "m", SampleConfig(temperature=0.0, max_new_tokens=9), eot_id=lm.tokenizer.eot_id)
    loaded = load(tmp_path / "m", device="cpu", precision="float32")
    greedy = lm.generate("Once", max_new_tokens=9, temperature=0.0)
    assert loaded.sampling == SampleConfig(temperature=0.0, max_new_tokens=9)
    assert loaded.generate("Once") == greedy
    drawn = loaded.generate("Once", temperature=1.0, seed=3)
    assert drawn == lm.generate("Once", max_new_tokens=9, temperature=1.0, seed=3) != greedy
    with pytest.raises(ValueError, match="no sampling setting heat"):
        loaded.generate("Once", heat=1)
