"""Writing: what a reader relies on."""

from __future__ import annotations

import warnings

import pytest
import torch

from slm.checkpoint import save
from slm.config import SampleConfig
from slm.continuation import generate_ids
from slm.decode import newest_tokens
from slm.generate import load
from tests.engine import random_lm


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
def test_same_seed_same_text_whether_streamed_batched_or_not(name):
    lm = random_lm(name)
    whole = lm.generate("Once", max_new_tokens=53, seed=11)
    assert whole == "Once" + "".join(lm.stream("Once", max_new_tokens=53, seed=11))
    assert lm.generate_many("Once", 3, max_new_tokens=53, seed=10)[1] == whole
    assert lm.generate("Once", max_new_tokens=53, seed=12) != whole


def test_greedy_text_equals_transformers(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for name in ("gpt2", "nanochat"):
        lm = random_lm(name, block_size=67)
        save(tmp_path / name, lm.model, lm.tokenizer, about={})
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / name)
        reference = AutoModelForCausalLM.from_pretrained(tmp_path / name)
        given = tokenizer("Once upon a time", return_tensors="pt")
        ids = reference.generate(**given, max_new_tokens=41, do_sample=False)[0]
        ours = lm.generate("Once upon a time", max_new_tokens=41, temperature=0.0)
        assert ours == tokenizer.decode(ids, skip_special_tokens=True)


def test_streamed_pieces_never_split_a_character():
    lm = random_lm("gpt2")
    for seed in range(7):
        pieces = list(lm.stream("a", max_new_tokens=83, temperature=2.0, top_p=None, seed=seed))
        ids = [
            new
            for (new,) in generate_ids(
                lm.model,
                lm.prompt_ids("a"),
                SampleConfig(max_new_tokens=83, temperature=2.0, top_p=None),
                eot_id=lm.tokenizer.eot_id,
                seeds=[seed],
            )
        ]
        assert "".join(pieces) == lm.tokenizer.decode(ids)
        written = list(lm.write("a", max_new_tokens=83, temperature=2.0, top_p=None, seed=seed))
        assert [new.id for new in written if new.id is not None] == ids
        assert "".join(new.text for new in written) == "".join(pieces)


def test_a_long_prompt_is_cut_and_said():
    lm = random_lm("gpt2")
    prompt = "a big day " * 40
    with pytest.warns(UserWarning, match=r"context 23; the story goes on from the last 11"):
        text = lm.generate(prompt, max_new_tokens=5, seed=1)
    assert text.startswith(prompt)
    total, read = lm.tokens_read(prompt)
    assert total > 23
    assert read == 11
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lm.generate("a big day", max_new_tokens=5, seed=1)


def test_settings_out_of_their_limits_are_told():
    lm = random_lm("gpt2")
    with pytest.raises(ValueError, match="temperature is -1"):
        lm.generate("a", temperature=-1)
    with pytest.raises(ValueError, match="no sampling setting tempratur"):
        lm.stream("a", tempratur=1)
    with pytest.raises(ValueError, match="100,000,000 characters, the most possible is 1,000,000"):
        lm.generate("a" * 100_000_000)
    with pytest.raises(ValueError, match="num_stories is 0"):
        lm.generate_many("a", 0)


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
@pytest.mark.parametrize("prompt", ["Once upon a time", "", "a big day " * 13])
@pytest.mark.filterwarnings("ignore:the prompt has")
def test_a_story_goes_on_from_any_of_its_tokens_as_it_did(name, prompt):
    lm = random_lm(name)  # a context of 23, so the story passes it four times
    settings = {"temperature": 0.9, "repetition_penalty": 1.1}
    whole = [new for (new,) in lm.write_many(prompt, 1, 89, seed=5, **settings)]
    ids = [new.id for new in whole if new.id is not None]
    for place in (0, 1, 7, 23, 24, 47, len(ids) - 1):
        kept = ids[:place]
        again = [new for (new,) in lm.write_many(prompt, 1, len(ids) - place, kept=kept, seed=5, **settings)]
        assert again == whole
    other = next(i for i in range(lm.tokenizer.vocab_size) if i != ids[7])
    branch = [new.id for (new,) in lm.write_many(prompt, 1, 31, kept=[*ids[:7], other], seed=5, **settings)]
    assert branch[:8] == [*ids[:7], other] and branch[8:] != ids[8 : len(branch)]


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
@pytest.mark.parametrize("prompt", ["Once upon a time", "", "a big day " * 13])
@pytest.mark.filterwarnings("ignore:the prompt has")
def test_written_tokens_are_scored_by_what_they_were_drawn_from(name, prompt):
    lm = random_lm(name)
    greedy = [new.id for new in lm.write(prompt, 89, temperature=0.0) if new.id is not None]
    assert {score.rank for score in lm.score_written(prompt, greedy)} == {1}
    seen, start = lm.prompt_ids(prompt), 0
    start = len(seen) - len(newest_tokens(seen, 23))
    ids = [new.id for new in lm.write(prompt, 67, seed=3) if new.id is not None]
    scores = lm.score_written(prompt, ids, top=3)
    assert [score.id for score in scores] == ids
    for place, (new, score) in enumerate(zip(ids, scores, strict=True)):
        if len(seen) - start > 23:
            start = len(seen) - 11
        with torch.no_grad():
            logits = lm.model(torch.tensor([seen[start:]]))[0, -1]
        assert score.logprob == pytest.approx(logits.log_softmax(-1)[new].item(), abs=1e-4)
        told, context = lm.next_logits(prompt, ids[:place])
        torch.testing.assert_close(told, logits, atol=1e-4, rtol=1e-4)
        assert context == seen
        rows = lm.next_token(prompt, ids[:place], top=3, also=[new], temperature=0.7, top_k=2)
        assert [row[0] for row in rows[:3]] == [i for i, _, _ in score.alternatives]
        assert new in [row[0] for row in rows]
        seen = [*seen, new]


def test_scores_of_nothing_and_ids_that_are_none():
    lm = random_lm("gpt2")
    assert lm.score_written("Once", []) == []
    with pytest.raises(ValueError, match="id 307 is outside"):
        list(lm.write_many("Once", 1, 3, kept=[307]))


def test_next_token_probabilities_before_and_after_the_settings():
    lm = random_lm("nanochat")
    rows = lm.next_token("Once upon", top=307, temperature=1.0, top_k=3)
    assert sum(row[2] for row in rows) == pytest.approx(1.0, abs=1e-4)
    assert [row[3] > 0 for row in rows] == [True] * 3 + [False] * 304
    assert rows == sorted(rows, key=lambda row: -row[2])


def test_score_and_inspection_agree_with_the_forward_pass():
    lm = random_lm("nanochat")
    text = "Once upon a time"
    ids = lm.tokenizer.encode(text)
    scores = lm.score(text, top=5)
    with torch.no_grad():
        logprobs = lm.model(torch.tensor([[lm.tokenizer.eot_id, *ids[:-1]]]))[0].log_softmax(-1)
    for t, score in enumerate(scores):
        assert score.id == ids[t]
        assert score.logprob == pytest.approx(logprobs[t, ids[t]].item(), abs=1e-4)
        assert score.rank == 1 + int((logprobs[t] > logprobs[t, ids[t]]).sum())
        assert 0 <= score.entropy <= torch.tensor(307.0).log()
        assert len(score.alternatives) == 5
    assert "".join(s.text for s in scores) == text
    look = lm.inspect(text, top=5)
    T = len(ids)
    assert look.attention.shape == (3, 3, T, T)
    torch.testing.assert_close(torch.tensor(look.attention).sum(-1), torch.ones(3, 3, T))
    assert (torch.tensor(look.attention).triu(1) == 0).all()
    assert len(look.lens) == 3
    # The last layer's guess is the model's own.
    assert [guess[:2] for guess in look.lens[-1]] == [best[0][:2] for best in look.probs]


def test_attention_weights_are_those_of_the_model():
    """Taking the values by the weights that are shown gives what the block computes."""
    from slm.inspection import attention_weights

    for name in ("gpt2", "nanochat"):
        lm = random_lm(name)
        x = lm.model.embed(torch.tensor([lm.tokenizer.encode("Once upon a time")]))
        block = lm.model.h[0]
        with torch.no_grad():
            h = block.ln_1(x)
            _, _, v = block.attn.queries_keys_values(h, lm.model.rotary, 0)
            mixed = (attention_weights(lm.model, 0, x) @ v[0])[None].transpose(1, 2).flatten(2)
            torch.testing.assert_close(
                block.attn.c_proj(mixed), block.attn(h, lm.model.rotary, None, 0), atol=1e-5, rtol=1e-4
            )


def test_text_longer_than_the_context_cannot_be_looked_into():
    with pytest.raises(ValueError, match=r"tokens, the model sees 23"):
        random_lm("gpt2").score("a big day " * 40)
    with pytest.raises(ValueError, match="no text"):
        random_lm("gpt2").inspect("")


def test_a_text_of_a_hundred_megabytes_is_refused_before_it_is_cut_into_tokens(monkeypatch):
    lm, text = random_lm("gpt2"), "a" * 100_000_000
    monkeypatch.setattr(type(lm.tokenizer), "encode", lambda *_: pytest.fail("it was cut into tokens"))
    told = r"has 100,000,000 characters, the most possible is 1,000,000; the model (sees|reads its last) 23 tokens"
    for ask in (lm.score, lm.inspect, lm.tokens_read, lm.next_token):
        with pytest.raises(ValueError, match=told):
            ask(text)


def test_what_is_wrong_with_the_sampling_is_told_before_anything_is_measured(tmp_path, monkeypatch):
    lm = random_lm("gpt2")
    save(tmp_path / "model", lm.model, lm.tokenizer, about={})
    (tmp_path / "model" / "generation_config.json").write_text('{"top_p": 7}')
    monkeypatch.setattr("slm.generate.choose_int8", lambda *_: pytest.fail("it was measured"))
    with pytest.raises(ValueError, match=r"generation_config\.json: top_p is 7"):
        load(tmp_path / "model")


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0}, {"num_beams": 2}])
def test_a_model_whose_scores_become_no_numbers_is_told(settings):
    lm = random_lm("gpt2")
    with torch.no_grad():
        lm.model.wpe.weight[7] = torch.nan  # the places before it are sound
    with pytest.raises(ValueError, match=r"^after \d+ tokens the model gives scores that are not finite"):
        lm.generate("Once", max_new_tokens=13, seed=1, **settings)
