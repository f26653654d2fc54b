"""Smaller weights for writing on a CPU: a token costs one pass over all weights, so a quarter of the bytes is most of
the time.

Each row of a matrix is rounded to int8 with a scale of its own, and before a product so are each token's numbers
(LLM.int8(), Dettmers et al. 2022, section 2.1). Where there is no compiled code and torch does it: before one with a
small matrix, where that would take longer than the product itself, to bfloat16. Either way a token gets the same
numbers from a product alone and among others, to the last bit.

What stands between the products (attention, norms) is float32, whose sums a machine may add up in another order for
several stories than for one. A number that lies on an edge is then rounded the other way, by one of 127 steps. So the
promise for a token's scores alone and among others is a distance: its root mean square over all scores is less than a
twentieth of their standard deviation (tests/test_int8.py). Where it is nothing, a seed gives the same story either way.
"""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn

from slm.model import GPT, Linear
from slm.native import Matrix, library, matrix, multiply

TINY = 1e-30
FEW_NUMBERS = 200_000  # up to here a matrix is small: measured, between 256 x 768 and 512 x 512
STRIDE = 32  # torch's product with a small one reads its rows by so many numbers, past their end too


def int8_model(model: GPT) -> GPT:
    """A copy of the model whose matrices are in int8; it shares everything else with the original.

    Raises RuntimeError or AttributeError where this machine's torch has no such product.
    """
    levels = None if library() else activation_levels()
    shared = {id(p): p for p in (*model.parameters(), *model.buffers())}  # deepcopy leaves these as they are
    small = copy.deepcopy(model, memo=shared).eval()
    for module in list(small.modules()):
        for name, child in module.named_children():
            if isinstance(child, Linear):
                setattr(module, name, _in_int8(child, levels, scores=name == "lm_head"))
    return small


def _in_int8(linear: Linear, levels: int | None, *, scores: bool) -> RoundedLinear | Int8Linear | Int8WeightLinear:
    """The kind of product that suits a matrix. Scores stay float32: in bfloat16 several tokens would have the same."""
    if levels is None:
        return RoundedLinear(linear)
    is_small = linear.weight.numel() <= FEW_NUMBERS and linear.in_features % STRIDE == 0
    return Int8WeightLinear(linear) if is_small and not scores else Int8Linear(linear, levels)


class RoundedLinear(nn.Module):
    """What Int8Linear gives, by compiled code (slm/step.c), whose decoder reads the same rows."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.rows, self.scale = _rounded(linear.weight)
        self.sums = self.rows.sum(1, dtype=torch.int32)  # (out,)
        self.bias = linear.bias

    @property
    def matrix(self) -> Matrix:
        """Where the numbers are now."""
        return matrix(self.rows, self.bias, scale=self.scale, sums=self.sums)

    def forward(self, x: Tensor) -> Tensor:
        return multiply(self.matrix, x)


class Int8Linear(nn.Module):
    """W x + b with W and x rounded to int8, each row by a scale of its own: float32 (..., in) -> float32 (..., out)."""

    def __init__(self, linear: Linear, levels: int) -> None:
        super().__init__()
        self.packed = _pack(*_rounded(linear.weight))
        self.bias, self.in_features, self.levels = linear.bias, linear.in_features, levels

    def forward(self, x: Tensor) -> Tensor:
        return self.add_to(x.flatten(0, -2), None).unflatten(0, x.shape[:-1])

    def add_to(self, x: Tensor, onto: Tensor | None) -> Tensor:
        """W x + b + onto, for x (N, in) and onto (N, out) or None."""
        peak = torch.linalg.vector_norm(x, torch.inf, -1, True)  # (N, 1); zeros divided by a 0 give what that 0 undoes
        y = _product(x / peak, self.packed, self.levels)  # (N, out)
        onto = self.bias if onto is None else onto if self.bias is None else onto + self.bias
        return y.mul_(peak) if onto is None else torch.addcmul(onto, y, peak)


class Int8WeightLinear(nn.Module):
    """W x + b with W rounded to int8, each row by a scale of its own, and x and W x to bfloat16; as Int8Linear else."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        assert linear.in_features % STRIDE == 0, f"rows of {linear.in_features} numbers would be read past their end"
        weight = linear.weight.detach().float()  # (out, in)
        self.scale = (weight.abs().amax(1).clamp_min(TINY) / 127).bfloat16()  # (out,)
        self.rows = (weight / self.scale[:, None]).round().clamp(-127, 127).to(torch.int8)  # (out, in)
        self.bias, self.in_features = linear.bias, linear.in_features
        self._multiply = torch._weight_int8pack_mm

    def forward(self, x: Tensor) -> Tensor:
        return self.add_to(x.flatten(0, -2), None).unflatten(0, x.shape[:-1])

    def add_to(self, x: Tensor, onto: Tensor | None) -> Tensor:
        """W x + b + onto, for x (N, in) and onto (N, out) or None."""
        y = self._multiply(x.bfloat16(), self.rows, self.scale)  # (N, out) bfloat16
        onto = self.bias if onto is None else onto if self.bias is None else onto + self.bias
        return y.float() if onto is None else onto + y


def _rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix (out, in) as int8 rows (out, in) and their scales (out,)."""
    weight = weight.detach().float()
    scale = weight.abs().amax(1).clamp_min(TINY) / 127
    return (weight / scale[:, None]).round().to(torch.int8), scale


def _pack(weight: Tensor, scale: Tensor) -> torch.ScriptObject:
    """int8 rows (out, in) and their scales (out,) in the order of the processor's own product."""
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    with warnings.catch_warnings():  # torch means to remove this one day; slm.precision is ready for that
        warnings.simplefilter("ignore", UserWarning)
        rows = torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)
    return torch.ops.quantized.linear_prepack(rows, None)


def _product(x: Tensor, packed: torch.ScriptObject, levels: int) -> Tensor:
    """x (N, in) within +-1, rounded to 1 / levels, by packed rows; (N, out) float32."""
    # The bare operator: its wrapper would look for Python objects among the arguments each time.
    multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default._op
    return multiply(x, 1 / levels, levels + 1, packed)


def activation_levels() -> int:
    """How many steps there are between 0 and 1 for a token's numbers: 127, or 63 on a processor that needs a bit spare.

    Without VNNI instructions a sum of two products has 16 bits and is cut where it does not fit.
    """
    packed = _pack(torch.full((32, 64), 127, dtype=torch.int8), torch.ones(32))
    return 127 if bool((_product(torch.ones(1, 64), packed, 127) == 127 * 64).all()) else 63
