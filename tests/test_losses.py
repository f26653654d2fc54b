"""The loss in pieces against torch's whole one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from slm import losses
from slm.losses import linear_cross_entropy

N, C, V = 23, 13, 101


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    hidden = (torch.randn(N, C, generator=generator) * 2).requires_grad_()
    weight = torch.randn(V, C, generator=generator).requires_grad_()
    return hidden, weight, torch.randint(0, V, (N,), generator=generator)


def cut(monkeypatch, **fields: Any) -> None:
    """The CPU's work is cut like this."""
    monkeypatch.setitem(losses.CUTS, "cpu", replace(losses.CUTS["cpu"], **fields))


@pytest.mark.parametrize("columns", [1, 7])
@pytest.mark.parametrize("rows", [1, 7, N, 1000])
def test_loss_and_gradients_are_torchs(monkeypatch, rows, columns):
    cut(monkeypatch, piece_bytes=4 * rows * (V + -V % columns), columns=columns, dh_rows=5, dw_rows=11)
    hidden, weight, targets = inputs()
    whole = F.cross_entropy(F.linear(hidden, weight), targets)
    expected = torch.autograd.grad(3 * whole, (hidden, weight))
    loss = linear_cross_entropy(hidden, weight, targets)
    torch.testing.assert_close(loss, whole)
    torch.testing.assert_close(torch.autograd.grad(3 * loss, (hidden, weight)), expected)
    with torch.no_grad():
        torch.testing.assert_close(linear_cross_entropy(hidden, weight, targets), whole)


def test_the_pieces_bound_the_memory(monkeypatch):
    cut(monkeypatch, piece_bytes=4 * 4 * V + 1)
    seen = []
    original = losses._losses

    def watch(scores, targets):
        seen.append(scores.shape)
        return original(scores, targets)

    monkeypatch.setattr(losses, "_losses", watch)
    linear_cross_entropy(*inputs())
    assert seen == [(4, V)] * 5 + [(3, V)]


@pytest.mark.parametrize("columns", [1, 64])
def test_bfloat16_under_autocast_is_near_and_its_sums_are_float32(monkeypatch, columns):
    cut(monkeypatch, piece_bytes=2 * 7 * 128, columns=columns)
    hidden, weight, targets = inputs()
    whole = F.cross_entropy(F.linear(hidden, weight), targets)
    expected = torch.autograd.grad(whole, (hidden, weight))
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(hidden, weight, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, whole, rtol=0.02, atol=0.02)
    for got, want in zip(torch.autograd.grad(loss, (hidden, weight)), expected, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, want, rtol=0.05, atol=0.01)


def test_small_gradients_of_float16_do_not_vanish_before_the_loss_is_scaled():
    generator = torch.Generator().manual_seed(7)
    scale, rows = 2.0**16, 4000
    hidden = (torch.randn(rows, C, generator=generator) * 2).half().requires_grad_()
    weight = (torch.randn(V, C, generator=generator) * 1e-4).half().requires_grad_()
    targets = torch.randint(0, V, (rows,), generator=generator)
    exact = hidden.detach().float().requires_grad_()
    (expected,) = torch.autograd.grad(scale * F.cross_entropy(exact @ weight.detach().float().t(), targets), exact)
    (got,) = torch.autograd.grad(scale * linear_cross_entropy(hidden, weight, targets), hidden)
    torch.testing.assert_close(got.float(), expected, rtol=0.02, atol=float(expected.abs().max()) / 100)
