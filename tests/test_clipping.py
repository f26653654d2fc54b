"""Gradients longer than grad_clip are shortened to it, after micro-batches are added up and the loss scale is out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from slm.config import ModelConfig, TrainConfig
from slm.team import Team
from slm.updates import Update, Updater
from tests.engine import random_model

CONFIG = ModelConfig(n_layer=2, n_head=3, n_embd=42, n_inner=59, block_size=19, vocab_size=101)
UPDATES = 7


def updater(kind: str, dtype: torch.dtype, *, grad_clip: float | None) -> Updater:
    config = TrainConfig(
        steps=UPDATES, optimizer=kind, batch_size=3, grad_accum_steps=2, grad_clip=grad_clip, muon_learning_rate=0.005
    )
    return Updater(random_model(CONFIG), config, team=Team(torch.device("cpu")), dtype=dtype)


def updates(made: Updater) -> list[Update]:
    """UPDATES of them, in turn of five rows that differ and of one row five times, whose gradient is longer."""
    rng = np.random.default_rng(7)
    done = []
    for step in range(UPDATES):
        rows = rng.integers(CONFIG.vocab_size, size=(5, CONFIG.block_size + 1))
        rows = rows if step % 2 else np.repeat(rows[:1], 5, axis=0)
        done.append(made.update(rows[:, :-1], rows[:, 1:], scale=1.0, seed=step, stop=lambda: False))
    return done


def shortened_by_hand(made: Updater, limit: float) -> None:
    """Let the updater's optimizer meet gradients that are shortened here."""
    step = made.optimizer.step

    def shorten_and_step(scale: float) -> None:
        gradients = [p.grad for p in made.model.parameters()]
        norm = sum(g.double().square().sum() for g in gradients).sqrt().item()
        for g in gradients:
            g.mul_(min(1.0, limit / norm))
        step(scale)

    made.optimizer.step = shorten_and_step


def weights(made: Updater) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in made.model.parameters()])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["float32", "float16"])
@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_an_update_with_clipping_is_one_with_gradients_shortened_by_hand(kind, dtype):
    free = updater(kind, dtype, grad_clip=None)
    norms = [done.grad_norm for done in updates(free) if np.isfinite(done.grad_norm)]
    limit = (min(norms) * max(norms)) ** 0.5
    clipped, by_hand = updater(kind, dtype, grad_clip=limit), updater(kind, dtype, grad_clip=None)
    shortened_by_hand(by_hand, limit)
    told, wanted = updates(clipped), updates(by_hand)
    for one, other in zip(told, wanted, strict=True):
        assert (one.loss, one.grad_norm) == pytest.approx((other.loss, other.grad_norm), rel=1e-3, nan_ok=True)
    finite = [done.grad_norm for done in told if np.isfinite(done.grad_norm)]
    assert min(finite) < limit < max(finite)  # some are clipped, some are not, and what is told is the length before
    apart, moved = weights(clipped) - weights(by_hand), weights(clipped) - weights(free)
    assert apart.norm() < (0.02 if dtype == torch.float16 else 1e-3) * moved.norm()


def test_gradients_within_the_limit_are_left_as_they_are():
    free, loose = (updater("adamw", torch.float32, grad_clip=limit) for limit in (None, 1e9))
    seen: dict[Updater, list[torch.Tensor]] = {free: [], loose: []}
    for made in seen:
        step = made.optimizer.step

        def look(scale: float, made: Updater = made, step=step) -> None:
            seen[made] += [p.grad.clone() for p in made.model.parameters()]
            step(scale)

        made.optimizer.step = look
        updates(made)
    assert len(seen[free]) == UPDATES * len(list(free.model.parameters()))
    assert all(itertools.starmap(torch.equal, zip(seen[free], seen[loose], strict=True)))
