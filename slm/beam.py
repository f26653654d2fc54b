"""Beam search: not one drawn token at a time, but the few likeliest beginnings, kept side by side.

The TinyStories authors graded their models on stories found with 5 beams (Eldan and Li 2023).
"""

from __future__ import annotations

import torch

from slm.decode import Decoder, half_context, newest_tokens
from slm.model import GPT
from slm.sampling import check_finite


def beam_search(model: GPT, prompt: list[int], *, num_beams: int, max_new_tokens: int, eot_id: int) -> list[int]:
    """The continuation with the highest mean log-probability a token that the search meets, without its end-of-text.

    As transformers does it with length_penalty 1 and early_stopping False: twice as many candidates as beams at each
    step, those that end are put aside, and the search is over when none that grows does better than all put aside.
    Raises ValueError where the model's scores are not finite.
    """
    read = newest_tokens(prompt, model.config.block_size)
    beams = Decoder(model, read, num_beams, most_tokens=len(read) + max_new_tokens)
    scores = torch.full((num_beams,), -torch.inf)  # log-probability of each beam; at first there is one
    scores[0] = 0.0
    written: list[list[int]] = [[]] * num_beams
    finished: list[tuple[float, list[int]]] = []  # (mean log-probability, ids), best first
    for length in range(1, max_new_tokens + 1):
        total = scores[:, None] + beams.logits.float().log_softmax(-1).cpu()  # (num_beams, V)
        best = total.flatten().topk(min(2 * num_beams, total.numel()))
        check_finite(best.values[:1], tokens=len(prompt) + length - 1)
        growing: list[tuple[float, int, int]] = []  # (log-probability, the beam it comes from, its new token)
        for rank, (score, index) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            beam, token = divmod(index, total.shape[1])
            if token == eot_id or length == max_new_tokens:
                if rank < num_beams:
                    finished.append((score / length, [*written[beam], token]))
            elif len(growing) < num_beams:
                growing.append((score, beam, token))
        finished = sorted(finished, key=lambda done: -done[0])[:num_beams]
        if not growing or (len(finished) == num_beams and growing[0][0] / length <= finished[-1][0]):
            break
        scores = torch.tensor([score for score, _, _ in growing])
        written = [[*written[beam], token] for _, beam, token in growing]
        _grow(beams, growing, prompt, written)
    _, ids = finished[0]
    return ids[:-1] if ids[-1] == eot_id else ids


def _grow(beams: Decoder, growing: list[tuple[float, int, int]], prompt: list[int], written: list[list[int]]) -> None:
    """Make the chosen beginnings the decoder's stories."""
    if beams.full:
        half = half_context(beams.model.config.block_size)
        beams.read_again(torch.tensor([(prompt + ids)[-half:] for ids in written]))
        return
    rows = [beam for _, beam, _ in growing]
    if rows != list(range(len(rows))):
        beams.choose(torch.tensor(rows))
    beams.step(torch.tensor([token for _, _, token in growing]))
