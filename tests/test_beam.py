"""Beam search against transformers' own, word for word."""

from __future__ import annotations

import pytest
import torch

from slm.beam import beam_search
from slm.checkpoint import save
from slm.config import SampleConfig
from slm.continuation import generate_ids
from tests.engine import random_lm


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
def test_the_story_found_is_the_one_transformers_finds(name, tmp_path):
    from transformers import AutoModelForCausalLM

    lm = random_lm(name, block_size=67)
    save(tmp_path / "model", lm.model, lm.tokenizer, about={})
    reference, V = AutoModelForCausalLM.from_pretrained(tmp_path / "model"), lm.config.vocab_size
    with torch.inference_mode():
        found = beam_search(lm.model, [5, 6, 7], num_beams=3, max_new_tokens=23, eot_id=-1)
    lengths = set()
    # An end-of-text that lies on the way makes beams end early, and others overtake them.
    for eot_id in (lm.tokenizer.eot_id, *sorted(set(found[::3]))):
        for prompt in ([5, 6, 7], [V - 2, 11, 200, 30, 41]):
            for num_beams in (2, 5):
                ids = torch.tensor([prompt])
                theirs = reference.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=23, num_beams=num_beams, do_sample=False,
                    eos_token_id=eot_id, pad_token_id=0,
                )[0, len(prompt) :].tolist()  # fmt: skip
                if eot_id in theirs:
                    theirs = theirs[: theirs.index(eot_id)]
                with torch.inference_mode():
                    ours = beam_search(lm.model, prompt, num_beams=num_beams, max_new_tokens=23, eot_id=eot_id)
                assert ours == theirs
                lengths.add(len(ours))
    assert min(lengths) < 23 == max(lengths)  # both ended and full stories were compared


@torch.inference_mode()
def test_one_beam_takes_the_likeliest_token_each_time_far_past_the_context():
    lm = random_lm("nanochat")
    one = beam_search(lm.model, [5, 6, 7], num_beams=1, max_new_tokens=61, eot_id=-1)
    greedy = generate_ids(lm.model, [5, 6, 7], SampleConfig(temperature=0.0, max_new_tokens=61), eot_id=-1, seeds=[0])
    assert one == [new for (new,) in greedy]


def test_beams_are_a_setting_like_any_other():
    lm = random_lm("gpt2")
    text = lm.generate("Once", 31, num_beams=4)
    assert text == "".join(["Once", *lm.stream("Once", 31, num_beams=4, seed=8)])
    assert lm.generate_many("Once", 2, max_new_tokens=31, num_beams=4) == [text, text]
    with pytest.raises(ValueError, match="num_beams is 0"):
        lm.generate("Once", num_beams=0)
