"""The sampler against transformers' logits processors, and as the pure function it promises to be."""

from __future__ import annotations

import pytest
import torch

from slm.config import SampleConfig
from slm.sampling import STRETCH, adjust, draw, highest

CASES = 1000


def random_logits(cases: int, vocab: int = 47) -> torch.Tensor:
    generator = torch.Generator().manual_seed(17)
    return torch.randn(cases, vocab, generator=generator) * torch.rand(cases, 1, generator=generator) * 6


def settings(**fields) -> SampleConfig:
    return SampleConfig(**{"temperature": 1.0, "top_p": None, **fields})


def processor(name: str, value: float):
    import transformers

    return getattr(transformers, name)(value)


@pytest.mark.parametrize(
    ("field", "name", "values"),
    [
        ("temperature", "TemperatureLogitsWarper", [0.1, 0.8, 1.7]),
        ("top_k", "TopKLogitsWarper", [1, 5, 47, 100]),
        ("top_p", "TopPLogitsWarper", [0.05, 0.5, 0.9, 0.99]),
        ("min_p", "MinPLogitsWarper", [0.01, 0.1, 0.7]),
        ("repetition_penalty", "RepetitionPenaltyLogitsProcessor", [0.7, 1.3, 2.0]),
    ],
)
def test_each_setting_equals_transformers(field, name, values):
    logits = random_logits(CASES)
    seen = torch.randint(0, 47, (CASES, 13), generator=torch.Generator().manual_seed(3))
    for value in values:
        ours = adjust(logits, seen, settings(**{field: value}))
        theirs = processor(name, value)(seen, logits.clone())
        torch.testing.assert_close(ours, theirs)


def test_all_settings_together_equal_transformers_in_its_order():
    logits = random_logits(CASES)
    seen = torch.randint(0, 47, (CASES, 13), generator=torch.Generator().manual_seed(5))
    theirs = logits.clone()
    for name, value in [
        ("RepetitionPenaltyLogitsProcessor", 1.2),
        ("TemperatureLogitsWarper", 0.7),
        ("TopKLogitsWarper", 20),
        ("TopPLogitsWarper", 0.9),
        ("MinPLogitsWarper", 0.05),
    ]:
        theirs = processor(name, value)(seen, theirs)
    ours = adjust(logits, seen, settings(repetition_penalty=1.2, temperature=0.7, top_k=20, top_p=0.9, min_p=0.05))
    torch.testing.assert_close(ours, theirs)


def test_top_p_keeps_the_smallest_set_with_that_mass():
    logits = random_logits(CASES)
    probs = logits.softmax(-1)
    for p in (0.1, 0.6, 0.95):
        kept = adjust(logits, torch.zeros(CASES, 1, dtype=torch.int64), settings(top_p=p)).isfinite()
        mass = (probs * kept).sum(-1)
        least = probs.masked_fill(~kept, 2.0).amin(-1)
        assert (mass >= p - 1e-5).all()
        assert (mass - least < p + 1e-5).all()


@pytest.mark.parametrize("fields", [{"temperature": 0.0}, {"top_k": 1}, {"top_p": 0.0}, {"min_p": 1.0}])
def test_the_tightest_setting_is_argmax(fields):
    logits = random_logits(101)
    generators = [torch.Generator().manual_seed(i) for i in range(101)]
    ids = draw(logits, torch.zeros(101, 1, dtype=torch.int64), settings(**fields), generators=generators)
    assert torch.equal(ids, logits.argmax(-1))


@pytest.mark.parametrize("temperature", [1e-300, 1e-40, 1e-7, 1e-5])
def test_next_to_no_temperature_is_argmax_too(temperature):
    logits = random_logits(101) * 1e4
    seen, generators = torch.zeros(101, 1, dtype=torch.int64), [torch.Generator().manual_seed(i) for i in range(101)]
    for fields in ({}, {"top_k": 5}, {"top_p": 0.9}, {"min_p": 0.1}):
        fields["temperature"] = temperature
        assert torch.equal(draw(logits, seen, settings(**fields), generators=generators), logits.argmax(-1))
        probs = adjust(logits, seen, settings(**fields)).softmax(-1)
        assert torch.equal(probs.argmax(-1), logits.argmax(-1)) and (probs.amax(-1) > 0.99).all()


@pytest.mark.parametrize("fields", [{}, {"temperature": 0.0}, {"top_k": 5}, {"top_p": 0.9}, {"min_p": 0.1}])
@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_scores_that_are_no_numbers_are_told(fields, number):
    logits, generators = random_logits(3), [torch.Generator()] * 3
    logits[1, 7] = number
    with pytest.raises(ValueError, match=r"^after 1,234 tokens the model gives scores that are not finite: .*"):
        draw(logits, torch.zeros(3, 1234, dtype=torch.int64), settings(**fields), generators=generators)


def test_what_was_seen_is_not_read_where_nothing_is_penalised():
    logits, generators = random_logits(1), [torch.Generator().manual_seed(3)]
    nowhere = torch.zeros(1, 5, dtype=torch.int64, device="meta")
    assert draw(logits, nowhere, settings(), generators=generators).shape == (1,)
    with pytest.raises(NotImplementedError):
        draw(logits, nowhere, settings(repetition_penalty=1.1), generators=generators)


def test_a_row_draws_the_same_alone_and_among_others():
    logits, seen = random_logits(7), torch.zeros(7, 1, dtype=torch.int64)
    together = draw(logits, seen, settings(), generators=[torch.Generator().manual_seed(i) for i in range(7)])
    alone = [
        draw(logits[i : i + 1], seen[i : i + 1], settings(), generators=[torch.Generator().manual_seed(i)]).item()
        for i in range(7)
    ]
    assert together.tolist() == alone


def test_draws_follow_the_probabilities():
    logits = torch.tensor([[0.0, 1.0, 2.0]])
    generator, counts = torch.Generator().manual_seed(5), torch.zeros(3)
    for _ in range(3000):
        counts[draw(logits, torch.zeros(1, 1, dtype=torch.int64), settings(), generators=[generator])] += 1
    torch.testing.assert_close(counts / 3000, logits[0].softmax(-1), atol=0.03, rtol=0)


@pytest.mark.parametrize("flatness", [0.0, 0.3, 1.0, 8.0, torch.tensor([[8.0], [1.0], [3.0]])])
def test_top_p_is_the_same_however_many_tokens_hold_the_mass(flatness):
    """From a set of a few tokens to one of nearly all 5,003."""
    logits = torch.randn(3, 5003, generator=torch.Generator().manual_seed(2)) * flatness
    logits += torch.arange(5003) * 1e-6  # no two alike
    ours = adjust(logits, torch.zeros(3, 1, dtype=torch.int64), settings(top_p=0.9))
    theirs = processor("TopPLogitsWarper", 0.9)(None, logits.clone())
    unlike = (ours.isfinite() != theirs.isfinite()).sum(-1)
    assert (unlike <= 2).all()  # sums over thousands, in another order, may end a token sooner or later
    assert torch.equal(ours[ours.isfinite()], logits[ours.isfinite()])


@pytest.mark.parametrize("vocab", [47, 16 * STRETCH + 1, 37 * STRETCH, 41 * STRETCH + 29])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_highest_scores_are_those_of_topk(k, vocab):
    logits = random_logits(61, vocab)
    logits[:, -1] = logits.amax(-1) * torch.linspace(0.1, 1.3, 61)  # behind the last whole stretch, now and then first
    best, ids = highest(logits, k)
    assert torch.equal(best, logits.topk(k).values) and torch.equal(ids, logits.topk(k).indices)


def test_draws_land_on_kept_tokens_only_and_on_each_of_them():
    logits = random_logits(1).expand(2000, -1)
    seen = torch.zeros(2000, 1, dtype=torch.int64)
    generators = [torch.Generator().manual_seed(i) for i in range(2000)]
    for fields in ({"top_k": 5}, {"top_p": 0.9}, {"min_p": 0.1}, {"top_k": 7, "top_p": 0.9, "temperature": 1.4}, {}):
        probs = adjust(logits[:1], seen[:1], settings(**fields)).softmax(-1)[0]
        counts = draw(logits, seen, settings(**fields), generators=generators).bincount(minlength=47)
        assert (counts[probs == 0] == 0).all()
        torch.testing.assert_close(counts / 2000, probs, atol=0.04, rtol=0)


def test_inputs_are_left_as_they_were():
    logits = random_logits(11)
    before = logits.clone()
    adjust(logits, torch.zeros(11, 3, dtype=torch.int64), SampleConfig(repetition_penalty=1.5, top_k=3))
    assert torch.equal(logits, before)
