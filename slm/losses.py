"""Cross-entropy over a large vocabulary, without the scores of all tokens ever standing in memory at once."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

# The most memory for the scores of one piece. For each piece the weight and its gradient are gone through once more,
# and small ones make the matrix products slow.
PIECE_BYTES = 72 * 2**20
# On a CPU, rows at a time in the product that sums over the vocabulary: oneDNN is half as fast with twice as many.
DH_ROWS = 256
# And in a sum of bfloat16 numbers, which torch copies into float32 first: so many copies stay in the caches.
DW_ROWS = 2048


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
            h, w = hidden.to(dtype), weight.to(dtype)
            N = len(h)
            pieces = _even_pieces(N, most=PIECE_BYTES // (len(w) * dtype.itemsize))
            total = torch.zeros((), device=hidden.device)
            if not any(ctx.needs_input_grad):
                return sum((_losses(h[piece] @ w.t(), targets[piece])[1].sum() for piece in pieces), total) / N
            dh, dw = torch.empty_like(h), torch.empty_like(weight, dtype=torch.float32)
            for piece in pieces:
                total += _take(h[piece], w, targets[piece], dh=dh[piece], dw=dw, first=piece.start == 0)
        # A float16 gradient divided by N would vanish: that waits until the loss scale is there to multiply.
        ctx.N = N
        ctx.save_for_backward(dh.to(hidden.dtype), dw.to(weight.dtype))
        return total / N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        dh, dw = ctx.saved_tensors
        share = grads[0] / ctx.N
        return dh * share, dw.mul_(share), None  # the gradient of the weight is large, and no one else's


def _take(h: Tensor, w: Tensor, targets: Tensor, *, dh: Tensor, dw: Tensor, first: bool) -> Tensor:
    """One piece's loss, summed; N times its gradients are written into dh (R, C) and added to dw (V, C) float32.

    The `first` piece's are dw's first numbers. What stands in memory here is gone before the next piece.
    """
    p, loss = _losses(h @ w.t(), targets)  # (R, V), (R,)
    # The gradient by the scores is softmax less one at the target: e^-loss - 1 there, which no rounding of the softmax
    # spoils. Its mean is taken last, over fewer numbers.
    p[torch.arange(len(p), device=p.device), targets] = torch.expm1(-loss).to(p.dtype)
    dh_rows, dw_rows = (DH_ROWS, DW_ROWS) if p.device.type == "cpu" else (len(p), len(dw))
    for some, into in zip(p.split(dh_rows), dh.split(dh_rows), strict=True):
        torch.mm(some, w, out=into)
    if p.dtype == torch.float32:
        torch.addmm(dw, p.t(), h, beta=0 if first else 1, out=dw)
    elif first:
        dw.copy_(p.t() @ h)
    else:
        for sums, more in zip(dw.split(dw_rows), (p.t() @ h).split(dw_rows), strict=True):
            sums.add_(more)
    return loss.sum()


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
