"""Exports: the model as one GGUF file, for llama.cpp and what is built on it.

llama.cpp has `gpt2`. It has no `nanochat`, but its `apertus` computes the same once the weights are put its way:

    nanochat                                            as apertus
    a norm without weights after the embedding          done beforehand to token_embd; output stays as it is
    norms without weights                               norms whose weights are 1
    squared ReLU                                        xIELU with alpha_p 1, alpha_n 0 and beta 0 (both kept as the
                                                        inverse of a softplus)
    rotary positions that turn backwards                the halves of each head's queries and keys change places
    queries and keys normalised after they are turned   before: turning keeps their length
"""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from slm.bpe_files import to_chars
from slm.checkpoint import load_folder
from slm.files import replacing
from slm.hf_format import is_conv1d, own_weights, weights_for_transformers
from slm.hub import model_folder
from slm.refusals import full_disk_told

if TYPE_CHECKING:
    from gguf import GGUFWriter

    from slm.model import GPT
    from slm.tokenizer import Tokenizer

ARCHITECTURES = {"gpt2": "gpt2", "nanochat": "apertus"}  # ours: llama.cpp's
# llama.cpp's tensor of each of transformers' GPT-2 weights; N is the block's number.
_GPT2 = {
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "transformer.h.N.ln_1": "blk.N.attn_norm",
    "transformer.h.N.attn.c_attn": "blk.N.attn_qkv",
    "transformer.h.N.attn.c_proj": "blk.N.attn_output",
    "transformer.h.N.ln_2": "blk.N.ffn_norm",
    "transformer.h.N.mlp.c_fc": "blk.N.ffn_up",
    "transformer.h.N.mlp.c_proj": "blk.N.ffn_down",
    "lm_head": "output",
}
_SOFTPLUS_IS_1 = math.log(math.e - 1.0)
_SOFTPLUS_IS_0 = -1000.0


def to_gguf(checkpoint: str | Path, target: str | Path) -> Path:
    """Write the model (a folder, a run or a Hub id) as one GGUF file in fp32; the path of the file.

    Raises ValueError where there is no such model, for one that llama.cpp does not run, for a target that is a folder,
    for a full disk, and where the package `gguf` is missing.
    """
    try:
        from gguf import GGUFWriter
    except ModuleNotFoundError:
        raise ValueError("writing GGUF needs the package gguf: pip install gguf") from None
    target = Path(target)
    if os.path.isdir(target):
        raise ValueError(f"{target} is a folder; give the name of a file, such as {target / 'model.gguf'}")
    model, tokenizer, about = load_folder(model_folder(checkpoint))
    tensors = gguf_tensors(model)
    advice = "give another place to write it to"
    with (
        full_disk_told(target.parent, lost=f"{target.name} was not written", advice=advice),
        replacing(target) as part,
        contextlib.closing(GGUFWriter(part, ARCHITECTURES[model.config.architecture])) as writer,
    ):
        _write_shape(writer, model, name=str(about.get("run", Path(checkpoint).name)))
        _write_vocabulary(writer, tokenizer)
        for name, tensor in tensors.items():
            writer.add_tensor(name, tensor.float().contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return target


def gguf_tensors(model: GPT) -> dict[str, Tensor]:
    """The model's weights by llama.cpp's names, matrices as output x input.

    Raises ValueError for a nanochat model with a soft cap on its scores, which llama.cpp's apertus has not.
    """
    if model.config.architecture == "gpt2":
        weights = weights_for_transformers(model)
        return {_gpt2_name(name): tensor.t() if is_conv1d(name) else tensor for name, tensor in weights.items()}
    if model.config.logit_softcap is not None:
        raise ValueError(
            f"llama.cpp cannot run this model: it squeezes its scores (logit_softcap {model.config.logit_softcap:g}), "
            "which no architecture of llama.cpp does that computes the rest as nanochat does"
        )
    return _apertus_tensors(model)


def _gpt2_name(name: str) -> str:
    stem, _, kind = name.rpartition(".")
    words = stem.split(".")
    number = words[2] if words[1:2] == ["h"] else ""
    pattern = ".".join([*words[:2], "N", *words[3:]]) if number else stem
    return f"{_GPT2[pattern].replace('.N.', f'.{number}.')}.{kind}"


@torch.no_grad()
def _apertus_tensors(model: GPT) -> dict[str, Tensor]:
    config = model.config
    C, D = config.n_embd, config.head_size
    embedding = model.wte.weight.detach()
    tensors = {
        "token_embd.weight": F.rms_norm(embedding, (C,), eps=config.eps),
        "output.weight": model.lm_head.weight.detach(),
        "output_norm.weight": torch.ones(C),
    }
    weights = own_weights(model)
    for layer in range(config.n_layer):
        ours, theirs = f"h.{layer}", f"blk.{layer}"
        q, k, v = weights[f"{ours}.attn.c_attn.weight"].chunk(3)  # 3 x (C, C)
        tensors |= {
            f"{theirs}.attn_norm.weight": torch.ones(C),
            f"{theirs}.attn_q.weight": swap_halves(q, D),
            f"{theirs}.attn_k.weight": swap_halves(k, D),
            f"{theirs}.attn_v.weight": v,
            f"{theirs}.attn_q_norm.weight": torch.ones(D),
            f"{theirs}.attn_k_norm.weight": torch.ones(D),
            f"{theirs}.attn_output.weight": weights[f"{ours}.attn.c_proj.weight"],
            f"{theirs}.ffn_norm.weight": torch.ones(C),
            f"{theirs}.ffn_up.weight": weights[f"{ours}.mlp.c_fc.weight"],
            f"{theirs}.ffn_down.weight": weights[f"{ours}.mlp.c_proj.weight"],
        }
    return tensors


def swap_halves(matrix: Tensor, D: int) -> Tensor:
    """The rows (H x D, C) of each head with the second half before the first."""
    halves = matrix.reshape(-1, 2, D // 2, matrix.shape[1])  # (H, 2, D/2, C)
    return halves.flip(1).reshape(matrix.shape)


def _write_shape(writer: GGUFWriter, model: GPT, *, name: str) -> None:
    config = model.config
    writer.add_name(name)
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.block_size)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(config.mlp_size)
    writer.add_head_count(config.n_head)
    writer.add_file_type(0)  # all fp32
    if config.architecture == "gpt2":
        writer.add_layer_norm_eps(config.eps)
        return
    writer.add_layer_norm_rms_eps(config.eps)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_xielu_alpha_p([_SOFTPLUS_IS_1] * config.n_layer)
    writer.add_xielu_alpha_n([_SOFTPLUS_IS_0] * config.n_layer)
    writer.add_xielu_beta([0.0] * config.n_layer)
    writer.add_xielu_eps([-1e-6] * config.n_layer)


def _write_vocabulary(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    from gguf import TokenType

    words = [to_chars(tokenizer.token_bytes(i)) for i in range(tokenizer.eot_id)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*words, tokenizer.token_bytes(tokenizer.eot_id).decode()])
    writer.add_token_types([TokenType.NORMAL] * tokenizer.eot_id + [TokenType.CONTROL])
    writer.add_token_merges([" ".join(map(to_chars, pair)) for pair in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.eot_id)
    writer.add_eos_token_id(tokenizer.eot_id)
    writer.add_add_bos_token(False)
