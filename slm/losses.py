"""Cross-entropy over a large vocabulary, without the scores of all tokens ever standing in memory at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Cut:
    """How the work is cut for one kind of hardware.

    A piece is as many rows as have scores of `piece_bytes`. Behind the scores of the V tokens stand columns of no
    token, up to a multiple of `columns`.
    """

    piece_bytes: int
    columns: int
    dh_rows: int | None  # at a time in the product that sums over the vocabulary; None: all
    dw_rows: int | None  # and in a sum of bfloat16 numbers


# For each piece the weight and its gradient are gone through once more, and small ones make the matrix products slow.
CUTS = {
    # oneDNN is half as fast with twice as many rows in dh's product; and torch copies what it sums into float32 first:
    # so many copies stay in the caches.
    "cpu": Cut(piece_bytes=72 * 2**20, columns=1, dh_rows=256, dw_rows=2048),
    # Its matrix units want rows that begin at a multiple of 16 bytes, as those of GPT-2's 50,257 scores would not.
    "cuda": Cut(piece_bytes=2**30, columns=64, dh_rows=None, dw_rows=None),
    "mps": Cut(piece_bytes=72 * 2**20, columns=1, dh_rows=None, dw_rows=None),
}


def linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats of targets (N,) int64 given scores hidden @ weight.T; a float32 scalar.

    hidden (N, C), weight (V, C). As `cross_entropy(linear(hidden, weight), targets)`, whose N x V scores, their
    softmax and its gradient would be the largest things in memory; here some rows are taken at a time, and their
    gradients at once with them, so nothing is computed twice.
    """
    return _LinearCrossEntropy.apply(hidden, weight, targets)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        with torch.autocast(device, enabled=False):
            h, N, V, cut = hidden.to(dtype), len(hidden), len(weight), CUTS[device]
            w = _rows_behind(weight.to(dtype), -V % cut.columns)  # (V and the columns behind, C)
            pieces = _even_pieces(N, most=cut.piece_bytes // (len(w) * dtype.itemsize))
            total = torch.zeros((), device=hidden.device)
            if not any(ctx.needs_input_grad):
                return sum((_losses(_scores(h[piece], w, V), targets[piece])[1].sum() for piece in pieces), total) / N
            dh, dw = torch.empty_like(h), torch.empty_like(w, dtype=torch.float32)
            for piece in pieces:
                p, loss = _losses(_scores(h[piece], w, V), targets[piece])  # (R, V), (R,)
                total += loss.sum()
                # The gradient by the scores is softmax less one at the target: e^-loss - 1 there, which no rounding of
                # the softmax spoils. Its mean is taken last, over fewer numbers.
                p[torch.arange(len(p), device=p.device), targets[piece]] = torch.expm1(-loss).to(dtype)
                _add(p, h[piece], w, dh=dh[piece], dw=dw, first=piece.start == 0, cut=cut)
                del p, loss  # before the next piece's are made
        # A float16 gradient divided by N would vanish: that waits until the loss scale is there to multiply.
        ctx.N = N
        ctx.save_for_backward(dh.to(hidden.dtype), dw[:V].to(weight.dtype))
        return total / N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        dh, dw = ctx.saved_tensors
        share = grads[0] / ctx.N
        return dh * share, dw.mul_(share), None  # the gradient of the weight is large, and no one else's


def _add(p: Tensor, h: Tensor, w: Tensor, *, dh: Tensor, dw: Tensor, first: bool, cut: Cut) -> None:
    """Write p @ w into dh (R, C) and add p.T @ h to dw (V, C) float32; p (R, V) is one piece's gradient by the scores.

    The `first` piece's are dw's first numbers.
    """
    dh_rows, dw_rows = cut.dh_rows or len(dh), cut.dw_rows or len(dw)
    for some, into in zip(p.split(dh_rows), dh.split(dh_rows), strict=True):
        torch.mm(some, w, out=into)
    if p.dtype == torch.float32:
        torch.addmm(dw, p.t(), h, beta=0 if first else 1, out=dw)
    elif first:
        dw.copy_(p.t() @ h)
    else:
        for sums, more in zip(dw.split(dw_rows), (p.t() @ h).split(dw_rows), strict=True):
            sums.add_(more)


def _rows_behind(w: Tensor, count: int) -> Tensor:
    """w (V, C) with rows of zeros behind it: (V + count, C)."""
    return F.pad(w, (0, 0, 0, count)) if count else w


def _scores(h: Tensor, w: Tensor, V: int) -> Tensor:
    """h @ w.T, with nothing to say for the columns behind the V tokens."""
    scores = h @ w.t()
    scores[:, V:] = -torch.inf
    return scores


def _even_pieces(N: int, *, most: int) -> list[slice]:
    """The rows 0 to N in equal pieces of `most` rows at most, and of one at least."""
    rows = math.ceil(N / math.ceil(N / max(1, most)))
    return [slice(start, start + rows) for start in range(0, N, rows)]


def _losses(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax of scores (R, V), in their place, and the cross-entropy of targets (R,) as (R,) float32."""
    most = scores.amax(dim=1).float()
    at_target = scores.gather(1, targets[:, None])[:, 0].float()
    p = torch.softmax(scores, dim=1, out=scores)
    # The largest score has the probability e^(it - logsumexp): no second sum over the vocabulary is needed.
    return p, most - p.amax(dim=1).float().log() - at_target
