"""How weights move: AdamW, Muon, and a learning rate that rises, stays and falls.

Muon's step for a matrix is its momentum with all singular values brought to about one (Jordan et al. 2024,
"Muon: An optimizer for hidden layers in neural networks"). PyTorch's own rounds to bfloat16, which many CPUs can only
emulate; here matrices of one shape are handled as one batch, in the arithmetic that the device does well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from slm.config import TrainConfig
from slm.model import GPT

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # quintic whose iterates bring singular values into about 0.7 to 1.2
MUON_MOMENTUM = 0.95


def learning_rate_scale(config: TrainConfig, *, step: int, progress: float) -> float:
    """Share of the peak learning rate for the update after `step` updates, `progress` (0 to 1) of the budget used.

    Rises over warmup_steps, stays, and falls in a line over the last decay_ratio of the budget to min_lr_ratio
    ("trapezoid", Hägele et al. 2024).
    """
    rise = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    left = max(0.0, 1.0 - progress)
    fall = min(1.0, left / config.decay_ratio) if config.decay_ratio else 1.0
    return rise * (config.min_lr_ratio + (1.0 - config.min_lr_ratio) * fall)


def orthogonalise(x: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of each matrix in x (N, R, C) to about one, by Newton-Schulz iteration."""
    a, b, c = NEWTON_SCHULZ
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT  # (N, R, R) with R the shorter side
        x = a * x + torch.baddbmm(b * gram, gram, gram, alpha=c) @ x
    return x.mT if tall else x


def gradient(name: str, parameter: nn.Parameter) -> Tensor:
    """Its gradient, which must be there."""
    assert parameter.grad is not None, f"{name} has no gradient"
    return parameter.grad


class Muon:
    """Muon over hidden matrices, its iteration in `dtype`. A fused q, k, v matrix counts as three."""

    def __init__(
        self, named_parameters: dict[str, nn.Parameter], learning_rate: float, *, dtype: torch.dtype = torch.float32
    ) -> None:
        self.learning_rate, self.dtype = learning_rate, dtype
        self.parameters = named_parameters
        self.momentum = {name: torch.zeros_like(p) for name, p in named_parameters.items()}

    @torch.no_grad()
    def step(self, scale: float | Tensor) -> None:
        """Move the matrices along their gradients, at `scale` of the peak rate."""
        for names in self._by_shape().values():
            momenta = [self.momentum[name] for name in names]
            grads = [gradient(name, self.parameters[name]) for name in names]
            torch._foreach_lerp_(momenta, grads, 1 - MUON_MOMENTUM)
            nesterov = torch._foreach_lerp(grads, momenta, MUON_MOMENTUM)
            pieces = [_matrices(name, x) for name, x in zip(names, nesterov, strict=True)]
            update = orthogonalise(torch.cat(pieces).to(self.dtype))  # (N, R, C)
            rows, columns = update.shape[1:]
            rate = self.learning_rate * max(1.0, rows / columns) ** 0.5 * scale
            parameters: list[Tensor] = [self.parameters[name] for name in names]
            parts = update.split([len(p) for p in pieces])
            moves = [m.reshape(p.shape).to(p.dtype) for m, p in zip(parts, parameters, strict=True)]
            torch._foreach_sub_(parameters, torch._foreach_mul(moves, rate))

    def _by_shape(self) -> dict[tuple[int, ...], list[str]]:
        groups: dict[tuple[int, ...], list[str]] = {}
        for name, parameter in self.parameters.items():
            groups.setdefault(tuple(_matrices(name, parameter).shape[1:]), []).append(name)
        return groups

    def state(self) -> dict[str, Tensor]:
        """The momenta by name."""
        return {f"muon.{name}": tensor for name, tensor in self.momentum.items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` gave; KeyError where a tensor is missing."""
        for name, momentum in self.momentum.items():
            momentum.copy_(tensors[f"muon.{name}"])


def _matrices(name: str, x: Tensor) -> Tensor:
    """x (R, C) as a batch of matrices: three for a fused q, k, v, else one."""
    return x.view(3, -1, x.shape[1]) if name.endswith("c_attn.weight") else x[None]


class AdamW:
    """AdamW (Loshchilov and Hutter 2019), weight decay on matrices only.

    The update is torch's fused kernel, called without `torch.optim.AdamW`: that imports torch's compiler, which takes
    longer than the first fifty updates of a small model.
    """

    EPS = 1e-10
    MOMENTS = ("exp_avg", "exp_avg_sq")

    def __init__(self, named_parameters: dict[str, nn.Parameter], config: TrainConfig) -> None:
        self.config, self.parameters = config, named_parameters
        self.moments = {
            name: {key: torch.zeros_like(p, memory_format=torch.preserve_format) for key in self.MOMENTS}
            for name, p in named_parameters.items()
        }
        self.steps = {name: torch.zeros((), device=p.device) for name, p in named_parameters.items()}

    @torch.no_grad()
    def step(self, scale: float | Tensor) -> None:
        """Move the weights along their gradients, at `scale` of the peak rate."""
        config = self.config
        for decayed in (True, False):
            names = [name for name, p in self.parameters.items() if (p.dim() >= 2) is decayed]
            if not names:
                continue
            steps = [self.steps[name] for name in names]
            torch._foreach_add_(steps, 1)
            averages, squares = ([self.moments[name][key] for name in names] for key in self.MOMENTS)
            torch._fused_adamw_(
                [self.parameters[name] for name in names], [gradient(n, self.parameters[n]) for n in names],
                averages, squares, [], steps,
                lr=cast(float, config.learning_rate * scale), beta1=config.beta1, beta2=config.beta2,
                weight_decay=config.weight_decay if decayed else 0.0, eps=self.EPS, amsgrad=False, maximize=False,
            )  # fmt: skip

    def state(self) -> dict[str, Tensor]:
        """The moments and the updates counted, by name."""
        moments = {f"adamw.{name}.{key}": t for name, pair in self.moments.items() for key, t in pair.items()}
        return {**moments, **{f"adamw.{name}.step": t for name, t in self.steps.items()}}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` gave; KeyError where a tensor is missing."""
        for name, step in self.steps.items():
            step.copy_(tensors[f"adamw.{name}.step"])
            for key, moment in self.moments[name].items():
                moment.copy_(tensors[f"adamw.{name}.{key}"])


class Optimizer:
    """One update rule for the whole model: AdamW alone, or Muon inside the blocks and AdamW for the rest."""

    def __init__(self, model: GPT, config: TrainConfig, *, dtype: torch.dtype = torch.float32) -> None:
        """`dtype` is that of the training's matrix products; Muon's own, which float16 could not hold, follow it."""
        named = dict(model.named_parameters())
        hidden = {n: p for n, p in named.items() if n.startswith("h.") and p.dim() == 2 and config.optimizer == "muon"}
        rest = {n: p for n, p in named.items() if n not in hidden}
        self.parts: list[AdamW | Muon] = [AdamW(rest, config)]
        if hidden:
            muon_dtype = torch.bfloat16 if dtype == torch.bfloat16 else torch.float32
            self.parts.append(Muon(hidden, config.muon_learning_rate, dtype=muon_dtype))

    def step(self, scale: float | Tensor) -> None:
        """Move the weights along their gradients, with the peak learning rates times `scale`.

        As a scalar tensor on the device, `scale` may be another number each time that a recording of this is replayed.
        """
        for part in self.parts:
            part.step(scale)

    def state(self) -> dict[str, Tensor]:
        """Everything needed to go on later, as named tensors."""
        return {name: tensor for part in self.parts for name, tensor in part.state().items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take up a state that `state` gave; ValueError where a tensor is missing."""
        for part in self.parts:
            try:
                part.load_state(tensors)
            except KeyError as error:
                raise ValueError(f"the saved optimizer state lacks {error}; it belongs to another model") from None


class LossScale:
    """Keeps float16 gradients in range (Micikevicius et al. 2018, section 3.2); `factor` None leaves them as they are.

    The factor halves when a gradient overflows, that update being left out, and doubles after 2,000 good ones.
    """

    def __init__(self, factor: float | None) -> None:
        self.factor = factor
        self.good_steps = 0

    def state(self) -> tuple[float, int] | None:
        """What it has learnt; None where it leaves the gradients as they are."""
        return None if self.factor is None else (self.factor, self.good_steps)

    def load_state(self, state: Sequence[float] | None) -> None:
        """Go on from what `state` gave; from the beginning where that is None."""
        if state is not None:
            factor, good_steps = state
            self.factor, self.good_steps = factor, int(good_steps)

    def enlarge(self, loss: Tensor) -> Tensor:
        """The loss times the factor, so that its gradients are."""
        return loss if self.factor is None else loss * self.factor

    @torch.no_grad()
    def restore(self, parameters: Iterable[nn.Parameter]) -> None:
        """Divide the gradients by the factor."""
        if self.factor is not None:
            for p in parameters:
                if p.grad is not None:
                    p.grad.div_(self.factor)

    def is_sound(self, grad_norm: float) -> bool:
        """Whether the update may be made; learns from the answer."""
        if self.factor is None:
            return math.isfinite(grad_norm)
        self.good_steps = self.good_steps + 1 if math.isfinite(grad_norm) else 0
        if not self.good_steps:
            self.factor /= 2
        elif self.good_steps % 2000 == 0:
            self.factor *= 2
        return self.good_steps > 0

    @property
    def may_overflow(self) -> bool:
        """Whether a gradient that is no number can be the factor's own doing."""
        return self.factor is not None and self.factor > 1.0
