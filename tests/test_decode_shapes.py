"""Models of random shapes: every path of writing gives the ids of the plain uncached forward, in float32.

Few tokens are left to draw from: where hundreds are, a number between two of them that another order of sums moves is
met too often.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from slm.config import ModelConfig, SampleConfig
from slm.continuation import generate_ids
from slm.decode import Decoder
from slm.generate import LanguageModel
from slm.int8 import int8_model
from slm.tokenizer import trim
from tests.engine import random_model
from tests.test_continuation import plain_ids

CASES = range(20)
SEEDS = [3, 5, 11]
WORDS = ["Once", " upon", " a", " time", " the", " big", "day", ".", "\n", " naïve", " \N{SNOWMAN}", "\N{DRAGON}"]


@dataclass(frozen=True)
class Case:
    """A random shape, and prompts of every length from one token to three contexts."""

    config: ModelConfig
    prompts: list[list[int]]
    settings: list[SampleConfig]  # one for each prompt
    ends: list[int]  # the end-of-text id for each prompt; -1 is none


def random_case(number: int, *, least_vocab: int = 3) -> Case:
    rng = random.Random(number)
    architecture = ("gpt2", "nanochat")[number % 2]
    n_head = rng.choice([1, 2, 3, 5])
    head_size = rng.choice([3, 5, 8, 11] if architecture == "gpt2" else [4, 6, 10, 14])
    config = ModelConfig(
        architecture=architecture,
        n_layer=rng.randint(1, 4),
        n_head=n_head,
        n_embd=n_head * head_size,
        n_inner=rng.choice([None, rng.randint(1, 67)]),
        block_size=rng.choice([2, 3, 5, 7, 11, 13, 19, 23, 29]),
        vocab_size=least_vocab + rng.choice([0, 2, 14, 50, 98, 208]),
        tied=rng.random() < 0.5,
        logit_softcap=rng.choice([None, 5.0]) if architecture == "nanochat" else None,
    )
    T, V = config.block_size, config.vocab_size
    lengths = [rng.randint(1, T), rng.choice([T - 1, T, T + 1]), rng.randint(T + 2, 3 * T)]
    prompts = [[rng.randrange(V) for _ in range(length)] for length in lengths]
    return Case(config, prompts, [random_settings(rng, T) for _ in prompts], [-1, *(rng.randrange(V) for _ in "ab")])


def random_settings(rng: random.Random, block_size: int) -> SampleConfig:
    """Length enough that the context is full twice at least."""
    return SampleConfig(
        max_new_tokens=2 * block_size + rng.randint(1, 7),
        temperature=rng.choice([0.0, 0.7, 1.3]),
        top_k=rng.choice([2, 3, 5]),
        top_p=rng.choice([None, 0.95]),
        min_p=rng.choice([None, 0.05]),
        repetition_penalty=rng.choice([None, 1.3]),
    )


def test_the_cases_are_of_every_kind():
    cases = [random_case(number) for number in CASES]
    for differs in ("n_layer", "n_head", "n_embd", "block_size", "vocab_size"):
        assert len({getattr(case.config, differs) for case in cases}) >= 4, differs
    assert {case.config.architecture for case in cases} == {"gpt2", "nanochat"}
    assert {settings.temperature for case in cases for settings in case.settings} == {0.0, 0.7, 1.3}
    excess = [len(prompt) - case.config.block_size for case in cases for prompt in case.prompts]
    assert {-1, 0, 1} <= set(excess) and sum(more > 0 for more in excess) >= len(cases)


@pytest.mark.parametrize("number", CASES)
def test_cached_and_batched_ids_are_those_of_the_plain_forward(number, monkeypatch):
    """With steps whose place is fixed, too, as on CUDA."""
    case = random_case(number)
    model = random_model(case.config, seed=number)
    for prompt, settings, end in zip(case.prompts, case.settings, case.ends, strict=True):
        alone = SimpleNamespace(model=model, config=case.config, tokenizer=SimpleNamespace(eot_id=end))
        plain = [plain_ids(alone, prompt, settings, seed) for seed in SEEDS]
        assert end != -1 or {len(ids) for ids in plain} == {settings.max_new_tokens}
        longest = max(map(len, plain))
        padded = [ids + [None] * (longest - len(ids)) for ids in plain]
        for fixed in (False, True):
            monkeypatch.setattr("slm.continuation.Decoder", functools.partial(Decoder, fixed=fixed))
            together = generate_ids(model, prompt, settings, eot_id=end, seeds=SEEDS)
            assert [list(story) for story in zip(*together, strict=True)] == (padded if longest else [])
            for seed, ids in zip(SEEDS, plain, strict=True):
                single = generate_ids(model, prompt, settings, eot_id=end, seeds=[seed])
                assert [new for (new,) in single] == ids


@pytest.mark.parametrize("number", CASES)
@pytest.mark.parametrize("fitting", [False, True], ids=["any rows", "rows of 64"])
@torch.inference_mode()
def test_int8_steps_stay_near_the_plain_forward_in_float32(number, fitting):
    """The root mean square of what they differ by is less than a tenth of the scores' standard deviation."""
    config = random_case(number, least_vocab=257).config
    if fitting:  # rows that suit the product with small matrices, too
        config = dataclasses.replace(config, n_head=2, n_embd=64, n_inner=32 * (1 + number % 4))
    model, rng = random_model(config, seed=number), torch.Generator().manual_seed(number)
    ids = torch.randint(config.vocab_size, (3, config.block_size), generator=rng)
    ids[:, 0] = ids[0, 0]
    decoder = Decoder(int8_model(model), ids[0, :1].tolist(), len(ids))
    stepped = [decoder.logits]
    for column in ids.T[1:]:
        decoder.step(column)
        stepped.append(decoder.logits)
    plain = model(ids)  # (3, T, V)
    assert F.mse_loss(torch.stack(stepped, 1), plain).sqrt() < 0.1 * plain.std()


@pytest.mark.parametrize("number", CASES)
@pytest.mark.filterwarnings("ignore:the prompt has")
def test_streamed_text_is_that_of_the_plain_forwards_ids(number, gpt2):
    case = random_case(number, least_vocab=257)
    rng = random.Random(number)
    counts = [rng.choice([0, 0, 0, 2]) for _ in range(gpt2.vocab_size)]
    tokenizer = trim(gpt2, counts, vocab_size=case.config.vocab_size)
    lm = LanguageModel(random_model(case.config, seed=number), tokenizer)
    prompts = ["", "".join(rng.choices(WORDS, k=3)), "".join(rng.choices(WORDS, k=3 * case.config.block_size))]
    assert len(lm.prompt_ids(prompts[-1])) > case.config.block_size
    for prompt, settings in zip(prompts, case.settings, strict=True):
        asked = {**vars(settings), "seed": SEEDS[0]}
        seeds = range(SEEDS[0], SEEDS[0] + 3)
        plain = [plain_ids(lm, lm.prompt_ids(prompt), settings, seed) for seed in seeds]
        texts = [tokenizer.decode(ids) for ids in plain]
        assert "".join(lm.stream(prompt, **asked)) == texts[0]
        assert [new.id for new in lm.write(prompt, **asked) if new.id is not None] == plain[0]
        assert lm.generate(prompt, **asked) == prompt + texts[0]
        assert lm.generate_many(prompt, 3, **asked) == [prompt + text for text in texts]
