"""Attention by matrix products, as training in bfloat16 on a CPU takes it, against torch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from slm.attention import attend

B, H, D = 2, 3, 7


def inputs(T: int, S: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    shapes = [(B, T, H, D), (B, S, H, D), (B, S, H, D)]
    # As the model hands them over: heads and time exchanged, so that nothing is contiguous.
    return [torch.randn(s, generator=generator).to(dtype).transpose(1, 2).detach().requires_grad_() for s in shapes]


def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, start: int) -> torch.Tensor:
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(start)
    scores = (q @ k.mT / D**0.5).masked_fill(~seen, -torch.inf)
    return scores.softmax(-1) @ v


@pytest.mark.parametrize(("T", "start"), [(11, 0), (1, 0), (5, 13), (1, 13)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_ways_are_the_formula_and_its_gradients(T, start, dtype):
    q, k, v = inputs(T, start + T, dtype)
    y = attend(q, k, v, start=start, dropout=0.0)
    assert y.shape == (B, H, T, D) and y.dtype == dtype
    exact = [t.detach().float().requires_grad_() for t in (q, k, v)]
    expected = plain(*exact, start)
    near = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.05}
    torch.testing.assert_close(y.float(), expected, **near)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(3))
    ours = torch.autograd.grad((y.float() * weights).sum(), (q, k, v))
    theirs = torch.autograd.grad((expected * weights).sum(), exact)
    for got, want in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got.float(), want, **near)


def test_training_in_bfloat16_drops_weights_and_keeps_their_mean():
    q, k, v = inputs(11, 11, torch.bfloat16)
    torch.manual_seed(5)
    mean = torch.stack([attend(q, k, v, start=0, dropout=0.3).float() for _ in range(400)]).mean(0)
    assert not torch.equal(attend(q, k, v, start=0, dropout=0.3), attend(q, k, v, start=0, dropout=0.0))
    torch.testing.assert_close(mean, F.scaled_dot_product_attention(q, k, v, is_causal=True).float(), atol=0.3, rtol=0)
