"""From scores to a token: pure functions of (logits, settings, generator).

The order is transformers' own: repetition penalty, temperature, top-k, top-p, min-p.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from slm.config import SampleConfig

COLDEST = 1e-6  # below this temperature the likeliest token alone is left; scores divided by it may pass float32
FEW, MORE = 32, 8  # candidates looked at first, and how many times as many where they are too few
STRETCH = 64  # so many tokens beside each other are passed over together where none of them is among the highest


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens in `seen` (B, S) less likely in logits (B, V) (Keskar et al. 2019, CTRL, section 4.1)."""
    scores = logits.gather(-1, seen)
    scores = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits.scatter(-1, seen, scores)


def keep_top_p(scores: Tensor, probs: Tensor, p: float) -> Tensor:
    """-inf outside the smallest set whose mass is at least p, of scores and probs (B, K), likeliest first.

    Source: Holtzman et al. 2020, section 3.1.
    """
    outside = probs.cumsum(-1) - probs >= p  # the likelier ones hold the mass already
    outside[:, 0] = False
    return scores.masked_fill(outside, -torch.inf)


def highest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest of scores (B, V), highest first, and their ids: 2 x (B, k).

    They stand in the k stretches of the vocabulary whose own highest scores are the highest: looking for these first
    takes a third of the time.
    """
    count, behind = divmod(scores.shape[-1], STRETCH)
    if 8 * k > count:  # where it would take longer
        best, ids = scores.topk(k)
        return best, ids
    whole, ids = count * STRETCH, torch.arange(scores.shape[-1], device=scores.device)  # (V,)
    peaks = scores[:, :whole].unflatten(-1, (count, STRETCH)).amax(-1)  # (B, count)
    near = ids[:whole].view(count, STRETCH)[peaks.topk(k).indices].flatten(1)  # (B, k STRETCH)
    near = torch.cat([near, ids[whole:].expand(len(scores), behind)], dim=-1)  # those behind the last stretch too
    best, among = scores.gather(-1, near).topk(k)
    return best, near.gather(-1, among)


def likeliest_with_mass(scores: Tensor, p: float) -> tuple[Tensor, Tensor]:
    """Enough of scores (B, V), highest first, that top-p keeps no other: probs (B, K) and ids (B, K).

    Behind a row's own stand zeros where another row needs more.
    A trained model's set is small, and sorting the whole vocabulary takes longer than the model itself.
    """
    probs, k = scores.softmax(-1), FEW
    best, ids = highest(probs, min(k, probs.shape[-1]))
    while best.shape != probs.shape:
        short = (best.sum(-1) - best[:, -1] < p).nonzero()[:, 0]  # rows
        if not len(short):
            break
        k *= MORE
        more, their_ids = highest(probs[short], min(k, probs.shape[-1]))
        further = (0, more.shape[-1] - best.shape[-1])
        best, ids = F.pad(best, further), F.pad(ids, further)  # the other rows' own set ends before these zeros
        best[short], ids[short] = more, their_ids
    return best, ids


def candidates(logits: Tensor, seen: Tensor, settings: SampleConfig) -> tuple[Tensor, Tensor]:
    """What may come next after every setting that is on: scores (B, K), -inf for what may not, and their ids (B, K).

    The softmax of the scores is what a token is drawn from. Below temperature COLDEST only the likeliest token is left.
    """
    logits = logits.float()  # (B, V)
    if settings.repetition_penalty is not None:
        logits = penalise_repetition(logits, seen.to(logits.device), settings.repetition_penalty)
    if settings.temperature < COLDEST:
        ids = logits.argmax(-1, keepdim=True)
        return logits.gather(-1, ids), ids
    scores = logits / settings.temperature
    top_p = None if settings.top_p == 1 else settings.top_p
    if settings.top_k is not None:
        scores, ids = highest(scores, min(settings.top_k, scores.shape[-1]))
        if top_p is not None:
            scores = keep_top_p(scores, scores.softmax(-1), top_p)
    elif top_p is not None:
        probs, ids = likeliest_with_mass(scores, top_p)
        scores = keep_top_p(scores.gather(-1, ids), probs, top_p)
    else:
        ids = torch.arange(scores.shape[-1], device=scores.device).expand_as(scores)
    if settings.min_p:  # below this share of the likeliest one's probability (Nguyen et al. 2024)
        least = scores.amax(-1, keepdim=True) + math.log(settings.min_p)
        scores = scores.masked_fill(scores < least, -torch.inf)
    return scores, ids


def adjust(logits: Tensor, seen: Tensor, settings: SampleConfig) -> Tensor:
    """The candidates' scores at their places among all tokens, (B, V), and -inf elsewhere."""
    scores, ids = candidates(logits, seen, settings)
    nowhere = torch.full_like(logits, -torch.inf, dtype=torch.float32)
    return nowhere.scatter_reduce(-1, ids, scores, "amax")  # an id may stand once more where it has no chance


def check_finite(sums: Tensor, *, tokens: int) -> None:
    """Raise ValueError where the sums of what a model gave after so many tokens show that not all of it is finite."""
    if not math.isfinite(sums.sum().item()):
        raise ValueError(
            f"after {tokens:,} tokens the model gives scores that are not finite: its weights are too large; choose an "
            "earlier snapshot or another model"
        )


def draw(logits: Tensor, seen: Tensor, settings: SampleConfig, *, generators: list[torch.Generator]) -> Tensor:
    """One token for each row of logits (B, V), from that row's own generator; (B,) int64 on the CPU.

    One uniform number a row picks the token at which the summed probabilities pass it. The generators live on the CPU,
    so a seed gives the same story on every device that gives the same scores. Raises ValueError where logits are not
    finite.
    """
    scores, ids = (t.cpu() for t in candidates(logits, seen, settings))  # 2 x (B, K)
    reached = scores.softmax(-1).cumsum(-1, dtype=torch.float64)  # (B, K)
    check_finite(reached[:, -1], tokens=seen.shape[1])
    if settings.temperature < COLDEST:
        return ids[:, 0]
    uniform = torch.cat([torch.rand(1, 1, generator=g) for g in generators])  # (B, 1) in [0, 1)
    place = torch.searchsorted(reached, uniform * reached[:, -1:], right=True)  # (B, 1)
    return ids.gather(-1, place)[:, 0]
