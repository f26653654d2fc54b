"""What one stretch of a training tells the next beyond the saved model, optimizer and position.

A person who resumes a run begins afresh in these things; a training that is only handed on must not notice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slm.trainer import Trainer


def handed_over(trainer: Trainer) -> dict[str, Any]:
    """The rest of a trainer's state, in JSON's types."""
    return {
        "finish": trainer.budget.finish_plan,
        "losses": list(trainer.watch.losses),
        "lowest": trainer.watch.lowest,
        "setbacks": trainer.setbacks,
        "looked_s": trainer.observer.last_s,
        "look_cost_s": trainer.observer.cost_s,
        "train_loss": trainer.train_loss,
    }


def take_over(trainer: Trainer, state: dict[str, Any]) -> None:
    """Put a trainer that stands at the saved position into the state that was handed over there."""
    finish = state["finish"]
    trainer.budget.finish_plan = None if finish is None else (finish[0], finish[1], finish[2])
    trainer.watch.losses.extend(math.nan if loss is None else loss for loss in state["losses"])
    trainer.watch.lowest = math.inf if state["lowest"] is None else state["lowest"]
    trainer.setbacks = state["setbacks"]
    trainer.observer.last_s, trainer.observer.cost_s = state["looked_s"], state["look_cost_s"]
    trainer.train_loss = state["train_loss"]
