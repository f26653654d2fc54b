"""The step of slm/step.c for a model: pointers to its weights, and one call for each token."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from slm.int8 import RoundedLinear
from slm.model import GPT, Block, Linear
from slm.native import Layer, Matrix, Model, Norm, library, matrix, place


class Step:
    """A model's step: what may follow one token more in each of B stories.

    The weights are where the model's are; a change of their numbers is seen, another model in their place is not.
    """

    def __init__(self, model: GPT) -> None:
        config, code = model.config, library()
        assert code is not None and writes(model)
        self._kept = model  # what the pointers below point to
        layers = [
            Layer(_norm(block.ln_1), _norm(block.ln_2), *map(_matrix, matrices))
            for block, matrices in zip(_blocks(model), _matrices(model), strict=True)
        ]
        wpe = None if model.wpe is None else model.wpe.weight
        cos, sin = (None, None) if model.rotary is None else (model.rotary.cos, model.rotary.sin)
        self._model = Model(
            config.n_layer, config.n_head, config.head_size, config.vocab_size, config.eps, config.logit_softcap or 0.0,
            place(model.wte.weight), place(wpe), place(cos), place(sin),
            (Layer * len(layers))(*layers), _norm(model.ln_f), _matrix(model.lm_head),
        )  # fmt: skip
        self._floats, self._longest = 6 * config.n_embd + config.mlp_size, max(config.n_embd, config.mlp_size)
        self._n_head, self._vocab_size, self._code = config.n_head, config.vocab_size, code

    def __call__(self, ids: Tensor, position: int, keys: Tensor, values: Tensor) -> Tensor:
        """Scores (B, V) of what follows ids (B,) int64 at `position`.

        keys and values (L, B, H, room, D), float32 or bfloat16, hold those of all positions before it, and get this
        one's.
        """
        B, room = len(ids), keys.shape[3]
        assert keys.dtype == values.dtype and keys.dtype in (torch.float32, torch.bfloat16), (keys.dtype, values.dtype)
        assert 0 <= position < room, f"there is room for {room} tokens, and this one stands at {position}"
        floats = self._code.slm_floats(B, self._longest) + B * (self._floats + self._n_head * room)
        memory, rounded = torch.empty(floats), torch.empty(B * self._longest, dtype=torch.uint8)
        logits = torch.empty(B, self._vocab_size)
        ids = ids.contiguous()
        failed = self._code.slm_step(
            self._model, place(ids), B, position, place(keys), place(values), keys.dtype == torch.bfloat16, room,
            place(memory), place(rounded), place(logits), torch.get_num_threads(),
        )  # fmt: skip
        assert not failed, f"one of the ids {ids.tolist()} is not in the vocabulary of {self._vocab_size}"
        return logits


def writes(model: GPT) -> bool:
    """Whether this machine has the compiled step, and this model's numbers are such as it reads."""
    numbers = [*model.parameters(), *model.buffers()]
    plain = all(t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in numbers)
    matrices = [*itertools.chain(*_matrices(model)), model.lm_head]
    return plain and all(isinstance(m, Linear | RoundedLinear) for m in matrices) and library() is not None


def _blocks(model: GPT) -> list[Block]:
    return list(model.h)  # type: ignore[arg-type]


def _matrices(model: GPT) -> list[tuple[Linear, Linear, Linear, Linear]]:
    """Each block's four."""
    return [(b.attn.c_attn, b.attn.c_proj, b.mlp.c_fc, b.mlp.c_proj) for b in _blocks(model)]


def _norm(norm: nn.Module) -> Norm:
    return Norm(norm.weight.data_ptr(), norm.bias.data_ptr()) if isinstance(norm, nn.LayerNorm) else Norm()


def _matrix(m: Linear | RoundedLinear) -> Matrix:
    return m.matrix if isinstance(m, RoundedLinear) else matrix(m.weight, m.bias)
