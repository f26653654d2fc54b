"""Cross-entropy over a large vocabulary, without the scores of all tokens ever standing in memory at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# Scores in one piece. Larger ones leave a CPU's caches, smaller ones make the matrix products slow.
PIECE_NUMBERS = 2**24


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
            N, rows = len(h), max(1, PIECE_NUMBERS // len(w))
            pieces = [slice(start, start + rows) for start in range(0, N, rows)]
            total = torch.zeros((), device=hidden.device)
            if not any(ctx.needs_input_grad):
                return sum((_losses(h[piece] @ w.t(), targets[piece])[1].sum() for piece in pieces), total) / N
            dh, dw = torch.empty_like(h), torch.zeros_like(weight, dtype=torch.float32)
            for piece in pieces:
                p, loss = _losses(h[piece] @ w.t(), targets[piece])  # (R, V), (R, 1)
                total += loss.sum()
                # The gradient by the scores is softmax less one at the target: e^-loss - 1 there, which no rounding of
                # the softmax spoils. Its mean is taken last, over fewer numbers.
                p.scatter_(1, targets[piece, None], torch.expm1(-loss).to(dtype))
                torch.mm(p, w, out=dh[piece])
                if dtype == torch.float32:
                    dw.addmm_(p.t(), h[piece], alpha=1 / N)
                else:
                    dw.add_(p.t() @ h[piece], alpha=1 / N)
        # A float16 gradient divided by N would vanish: that waits until the loss scale is there to multiply.
        ctx.N = N
        ctx.save_for_backward(dh.to(hidden.dtype), dw.to(weight.dtype))
        return total / N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        dh, dw = ctx.saved_tensors
        return dh * (grads[0] / ctx.N), dw * grads[0], None


def _losses(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax of scores (R, V), in their dtype, and the cross-entropy of targets (R,) as (R, 1) float32."""
    p = torch.softmax(scores, dim=1)
    # The largest score has the probability e^(it - logsumexp): no second sum over the vocabulary is needed.
    whole = scores.amax(dim=1, keepdim=True).float() - p.amax(dim=1, keepdim=True).float().log()  # (R, 1)
    return p, whole - scores.gather(1, targets[:, None]).float()
