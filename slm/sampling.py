"""From scores to a token: pure functions of (logits, settings, generator).

The order is transformers' own: repetition penalty, temperature, top-k, top-p, min-p.
"""

from __future__ import annotations

import torch
from torch import Tensor

from slm.config import SampleConfig

FEW = 64  # candidates that hold the mass of a trained model's next token


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens in `seen` (B, S) less likely in logits (B, V) (Keskar et al. 2019, CTRL, section 4.1)."""
    scores = logits.gather(-1, seen)
    scores = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits.scatter(-1, seen, scores)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """-inf for all but the k highest of logits (B, V); ties with the k-th stay."""
    threshold = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < threshold, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """-inf outside the smallest set of likeliest tokens whose mass is at least p (Holtzman et al. 2020, 3.1).

    Tokens as likely as the last of the set stay, too.
    """
    probs = logits.softmax(-1)  # (B, V)
    k, V = FEW, logits.shape[-1]
    while True:  # a trained model's set is small: sorting the whole vocabulary would take longer than the model itself
        best = probs.topk(min(k, V)).values  # (B, k), likeliest first
        inside = best.cumsum(-1) - best < p  # whether the likelier tokens leave room
        if k >= V or not inside[:, -1].any():
            break
        k *= FEW
    inside[:, 0] = True
    last = inside.sum(-1, keepdim=True) - 1  # (B, 1)
    return logits.masked_fill(probs < best.gather(-1, last), -torch.inf)


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """-inf for tokens whose probability is below p times the likeliest one's (Nguyen et al. 2024)."""
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < p * probs.amax(-1, keepdim=True), -torch.inf)


def adjust(logits: Tensor, seen: Tensor, settings: SampleConfig) -> Tensor:
    """Scores (B, V) after every setting that is on; their softmax is what a token is drawn from.

    With temperature 0 only the likeliest token of each row stays.
    """
    logits = logits.float()
    if settings.repetition_penalty is not None:
        logits = penalise_repetition(logits, seen, settings.repetition_penalty)
    if settings.temperature == 0:
        best = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)
    logits = logits / settings.temperature
    if settings.top_k is not None:
        logits = keep_top_k(logits, settings.top_k)
    if settings.top_p is not None and settings.top_p < 1:
        logits = keep_top_p(logits, settings.top_p)
    if settings.min_p is not None:
        logits = keep_min_p(logits, settings.min_p)
    return logits


def draw(logits: Tensor, seen: Tensor, settings: SampleConfig, *, generators: list[torch.Generator]) -> Tensor:
    """One token for each row of logits (B, V), from that row's own generator; (B,) int64 on the CPU.

    One uniform number a row picks the token at which the summed probabilities pass it. The generators live on the CPU,
    so a seed gives the same story on every device that gives the same scores.
    """
    if settings.temperature == 0:
        return adjust(logits, seen, settings).argmax(-1).cpu()
    probs = adjust(logits, seen, settings).softmax(-1).cpu()  # (B, V)
    reached = probs.cumsum(-1, dtype=torch.float64)  # (B, V)
    uniform = torch.cat([torch.rand(1, 1, generator=g) for g in generators])  # (B, 1) in [0, 1)
    return torch.searchsorted(reached, uniform * reached[:, -1:], right=True)[:, 0]
