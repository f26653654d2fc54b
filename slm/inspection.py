"""Looking inside a model: what it expected, where it looks, what each layer guesses, which tokens it holds alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slm.attention import causal_mask
from slm.decode import window_start
from slm.model import GPT, Block
from slm.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class TokenScore:
    """How well the model foresaw one token."""

    id: int
    text: str
    logprob: float  # natural logarithm of its probability
    rank: int  # 1 is the likeliest token
    entropy: float  # how unsure the model was before it, in nats
    alternatives: list[tuple[int, str, float]]  # (id, text, probability), likeliest first


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What happened inside the model over T tokens."""

    ids: list[int]
    pieces: list[str]
    skipped: int  # tokens of the text before these, which the model could not see with them
    attention: np.ndarray  # (n_layer, n_head, T, T) float32, rows sum to one
    lens: list[list[tuple[int, str, float]]]  # [layer][position] -> likeliest next token (id, text, probability)
    probs: list[list[tuple[int, str, float]]]  # [position] -> likeliest next tokens with their probabilities
    entropy: list[float]  # [position] -> how unsure the model was of the next token, in nats
    # [position] -> (probability, rank) this token had before; None for the first, before which nothing is read, while
    # `score_ids` reads the end of another story there.
    foreseen: list[tuple[float, int] | None]


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """One token near another, and where it lies on the map of the neighbourhood."""

    id: int
    text: str
    similarity: float  # cosine of the angle between the two embeddings, -1 to 1
    x: float
    y: float


@torch.inference_mode()
def score_ids(model: GPT, tokenizer: Tokenizer, ids: list[int], *, top: int) -> list[TokenScore]:
    """A TokenScore for each of ids, read as the beginning of a story: the first is foreseen from end-of-text."""
    if not ids:
        return []
    given = torch.tensor([[tokenizer.eot_id, *ids[:-1]]], device=model.wte.weight.device)
    return _scores(model(given)[0], tokenizer, ids, top=top)


@torch.inference_mode()
def score_written(
    model: GPT, tokenizer: Tokenizer, prompt: Sequence[int], ids: Sequence[int], *, top: int
) -> list[TokenScore]:
    """A TokenScore for each of ids, foreseen from what the model read when it wrote them after the prompt.

    One forward pass for each time that the context was full.
    """
    seen, T = [*prompt, *ids], len(prompt)
    scores: list[TokenScore] = []
    for start, window in itertools.groupby(
        range(T, len(seen)), key=lambda place: window_start(T, place, model.config.block_size)
    ):
        places = list(window)
        first, last = places[0], places[-1]
        x = model.hidden(torch.tensor([seen[start:last]], device=model.wte.weight.device))  # (1, last - start, C)
        logits = model.logits(x[0, first - 1 - start :])  # (last - first + 1, V)
        scores += _scores(logits, tokenizer, seen[first : last + 1], top=top)
    return scores


@torch.inference_mode()
def next_logits(model: GPT, prompt: Sequence[int], ids: Sequence[int]) -> Tensor:
    """What comes after the prompt and the ids written after it: logits (V,) float32, from what a writer reads."""
    seen = [*prompt, *ids]
    start = window_start(len(prompt), len(seen), model.config.block_size)
    x = model.hidden(torch.tensor([seen[start:]], device=model.wte.weight.device))  # (1, T, C)
    return model.logits(x[:, -1])[0].float()


def _scores(logits: Tensor, tokenizer: Tokenizer, ids: Sequence[int], *, top: int) -> list[TokenScore]:
    """A TokenScore for each of ids, foreseen by logits (T, V)."""
    expected = _Expected(logits, tokenizer, top=top)
    return [
        TokenScore(
            id=token, text=tokenizer.decode([token]), logprob=logprob, rank=rank, entropy=entropy, alternatives=best
        )
        for token, (logprob, rank), entropy, best in zip(
            ids, expected.foreseen(ids), expected.entropy, expected.likeliest, strict=True
        )
    ]


class _Expected:
    """What a model expects next at each of T positions, by its logits (T, V)."""

    def __init__(self, logits: Tensor, tokenizer: Tokenizer, *, top: int) -> None:
        self._logprobs = logits.float().log_softmax(-1)  # (T, V)
        probs = self._logprobs.exp()
        self.entropy: list[float] = torch.special.entr(probs).sum(-1).tolist()  # in nats
        best = probs.topk(min(top, probs.shape[1]))  # 2 x (T, top)
        self.likeliest = [_named(tokenizer, i, p) for p, i in zip(best.values, best.indices, strict=True)]

    def foreseen(self, ids: Sequence[int]) -> list[tuple[float, int]]:
        """Log-probability and rank of the ids that came after the first positions."""
        logprobs = self._logprobs[: len(ids)]
        came = logprobs.gather(1, torch.tensor(ids, dtype=torch.int64, device=logprobs.device)[:, None])  # (N, 1)
        ranks = (logprobs > came).sum(-1) + 1  # (N,)
        return list(zip(came[:, 0].tolist(), ranks.tolist(), strict=True))


@torch.inference_mode()
def inspect_ids(model: GPT, tokenizer: Tokenizer, ids: list[int], *, top: int, most: int | None = None) -> Inspection:
    """One forward pass over ids with everything kept (attention: Vaswani 2017; lens: nostalgebraist 2020).

    Of more ids than the context, or than `most`, the newest are read.
    """
    skipped = max(0, len(ids) - min(model.config.block_size, most or len(ids)))
    ids = ids[skipped:]
    x = model.embed(torch.tensor([ids], device=model.wte.weight.device))  # (1, T, C)
    attention, guesses = [], []
    for layer, block in enumerate(model.h):
        attention.append(attention_weights(model, layer, x))
        x = block(x, model.rotary, None, layer)
        guesses.append(model.logits(model.ln_f(x))[0].float().softmax(-1).max(-1))  # 2 x (T,)
    expected = _Expected(model.logits(model.ln_f(x))[0], tokenizer, top=top)
    return Inspection(
        ids=ids,
        pieces=[tokenizer.decode([i]) for i in ids],
        skipped=skipped,
        attention=torch.stack(attention).cpu().numpy(),
        lens=[
            [(i, tokenizer.decode([i]), p) for p, i in zip(g.values.tolist(), g.indices.tolist(), strict=True)]
            for g in guesses
        ],
        probs=expected.likeliest,
        entropy=expected.entropy,
        foreseen=[None, *((math.exp(logprob), rank) for logprob, rank in expected.foreseen(ids[1:]))],
    )


def attention_weights(model: GPT, layer: int, x: Tensor) -> Tensor:
    """How much each token takes from each earlier one in a layer whose input is x (1, T, C); (H, T, T) float32."""
    block = model.h[layer]
    assert isinstance(block, Block)
    q, k, _ = block.attn.queries_keys_values(block.ln_1(x), model.rotary, 0)  # 3 x (1, H, T, D)
    scores = (q @ k.mT)[0].float() / q.shape[-1] ** 0.5  # (H, T, T)
    return scores.masked_fill(~causal_mask(x.shape[1], 0, x.device), -torch.inf).softmax(-1)


@torch.inference_mode()
def neighbours(model: GPT, tokenizer: Tokenizer, ids: list[int], *, top: int) -> list[list[Neighbour]]:
    """For each of ids, the token itself and the `top` whose embeddings point most nearly its way, nearest first.

    The map shows the neighbourhood's directions by their two principal components (Pearson 1901), the mean at (0, 0).
    """
    if not ids:
        return []
    table = model.wte.weight.float()  # (V, C)
    wanted = torch.tensor(ids, device=table.device)  # (N,)
    lengths = torch.linalg.vector_norm(table, dim=1).clamp_min(1e-12)  # (V,)
    cosines = table[wanted] @ table.T / lengths[wanted, None] / lengths  # (N, V)
    # Another token may point the very same way; the token itself still stands first.
    cosines[torch.arange(len(ids)), wanted] = torch.inf
    nearest = cosines.topk(min(top + 1, len(table)))  # 2 x (N, top + 1)
    maps = _principal_map(table[nearest.indices] / lengths[nearest.indices, None])  # (N, top + 1, 2)
    return [
        [
            Neighbour(id=i, text=tokenizer.decode([i]), similarity=min(1.0, cosine), x=x, y=y)
            for i, cosine, (x, y) in zip(near, row, places, strict=True)
        ]
        for near, row, places in zip(nearest.indices.tolist(), nearest.values.tolist(), maps.tolist(), strict=True)
    ]


def _principal_map(points: Tensor) -> Tensor:
    """Each group's points (N, K, C) along the group's two principal components, (N, K, 2)."""
    centred = points - points.mean(1, keepdim=True)
    # Few points in many dimensions: the products of the points say the same as their covariances, and are smaller.
    values, vectors = torch.linalg.eigh((centred @ centred.mT).cpu())  # (N, K), (N, K, K), the largest last
    x, y = (vectors[..., -k] * values[..., -k].clamp_min(0).sqrt()[..., None] for k in (1, 2))  # 2 x (N, K)
    both = torch.stack((x, y), -1)  # (N, K, 2)
    # A component's sign means nothing; the first point, the token itself, always lies to the left and below.
    return torch.where(both[:, :1] > 0, -both, both)


def _named(tokenizer: Tokenizer, ids: Tensor, probs: Tensor) -> list[tuple[int, str, float]]:
    return [(i, tokenizer.decode([i]), p) for i, p in zip(ids.tolist(), probs.tolist(), strict=True)]
