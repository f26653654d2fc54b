"""How Hugging Face transformers writes down the same model: its names of the weights, their layout, its config.json.

Everything here is a pure function of names, shapes and numbers; files are `slm.checkpoint`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from slm.config import ModelConfig
from slm.model import GPT

# transformers' name of each weight, by architecture: {ours: theirs}, with L for the block's number.
_GPT2 = {
    "wte.weight": "transformer.wte.weight",
    "wpe.weight": "transformer.wpe.weight",
    "ln_f.weight": "transformer.ln_f.weight",
    "ln_f.bias": "transformer.ln_f.bias",
    **{
        f"h.L.{part}.{kind}": f"transformer.h.L.{part}.{kind}"
        for part in ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
        for kind in ("weight", "bias")
    },
}
_NANOCHAT = {
    "wte.weight": "model.embed_tokens.weight",
    "h.L.attn.c_proj.weight": "model.layers.L.self_attn.o_proj.weight",
    "h.L.mlp.c_fc.weight": "model.layers.L.mlp.fc1.weight",
    "h.L.mlp.c_proj.weight": "model.layers.L.mlp.fc2.weight",
}
_NANOCHAT_QKV = [f"model.layers.L.self_attn.{letter}_proj.weight" for letter in "qkv"]


def weights_for_transformers(model: GPT) -> dict[str, Tensor]:
    """The model's weights under transformers' names and in its layout (GPT-2 keeps matrices as input x output)."""
    theirs: dict[str, Tensor] = {}
    for name, tensor in own_weights(model).items():
        for key, piece in zip(their_names(name, model.config), _their_pieces(name, tensor, model.config), strict=True):
            theirs[key] = piece.detach().contiguous().cpu()
    return theirs


def shapes_for_transformers(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The names and shapes of `weights_for_transformers` for a model of this config, without making one."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in own_shapes(config).items():
        if config.architecture == "gpt2" and is_conv1d(name):
            shape = shape[::-1]
        keys = their_names(name, config)
        shapes |= {key: (shape[0] // len(keys), *shape[1:]) for key in keys}
    return shapes


def own_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The names and shapes of `own_weights` for a model of this config, without making one."""
    C, M, V = config.n_embd, config.mlp_size, config.vocab_size
    matrices = {"attn.c_attn": (3 * C, C), "attn.c_proj": (C, C), "mlp.c_fc": (M, C), "mlp.c_proj": (C, M)}
    norms = ("ln_1", "ln_2")
    classic = config.architecture == "gpt2"
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (V, C)}
    if classic:
        shapes |= {"wpe.weight": (config.block_size, C), "ln_f.weight": (C,), "ln_f.bias": (C,)}
    if not config.tied:
        shapes["lm_head.weight"] = (V, C)
    for i in range(config.n_layer):
        shapes |= {f"h.{i}.{part}.weight": shape for part, shape in matrices.items()}
        if classic:
            shapes |= {f"h.{i}.{part}.bias": shape[:1] for part, shape in matrices.items()}
            shapes |= {f"h.{i}.{part}.{kind}": (C,) for part in norms for kind in ("weight", "bias")}
    return shapes


def weight_from_transformers(name: str, config: ModelConfig, read: Callable[[str], Tensor]) -> Tensor:
    """Our weight `name`, made of transformers' tensors; `read` gives the tensor of one of their names."""
    pieces = [read(key) for key in their_names(name, config)]
    if config.architecture == "gpt2" and is_conv1d(name):
        pieces = [piece.t() for piece in pieces]
    return torch.cat(pieces) if len(pieces) > 1 else pieces[0]


def own_weights(model: GPT) -> dict[str, Tensor]:
    """The model's parameters by name; a tied output matrix is left out, being the embedding."""
    return {name: p for name, p in model.state_dict().items() if name != "lm_head.weight" or not model.config.tied}


def their_names(name: str, config: ModelConfig) -> list[str]:
    """transformers' names of our weight `name`; several where it keeps queries, keys and values apart."""
    if name == "lm_head.weight":
        return [name]
    words = name.split(".")
    number = words[1] if words[0] == "h" else ""
    pattern = ".".join(["h", "L", *words[2:]]) if number else name
    if config.architecture == "gpt2":
        names = [_GPT2[pattern]]
    elif pattern == "h.L.attn.c_attn.weight":
        names = _NANOCHAT_QKV
    else:
        names = [_NANOCHAT[pattern]]
    return [n.replace(".L.", f".{number}.") for n in names]


def _their_pieces(name: str, tensor: Tensor, config: ModelConfig) -> list[Tensor]:
    if config.architecture == "nanochat" and name.endswith("c_attn.weight"):
        return list(tensor.chunk(3))
    if config.architecture == "gpt2" and is_conv1d(name):
        return [tensor.t()]
    return [tensor]


def is_conv1d(name: str) -> bool:
    """Whether transformers' GPT-2 keeps this weight transposed (its Conv1D)."""
    return name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


def config_for_transformers(config: ModelConfig, *, eot_id: int) -> dict[str, Any]:
    """config.json for transformers' AutoConfig."""
    shared = {
        "vocab_size": config.vocab_size,
        "bos_token_id": eot_id,
        "eos_token_id": eot_id,
        "pad_token_id": eot_id,
        "tie_word_embeddings": config.tied,
        # What to compute in, whatever the weights are stored as: where they are bfloat16, transformers 5 would compute
        # in that, and give other logits. (Where a caller says nothing, transformers 4 takes float32 anyway.)
        "dtype": "float32",
    }
    if config.architecture == "gpt2":
        return {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "n_layer": config.n_layer,
            "n_head": config.n_head,
            "n_embd": config.n_embd,
            "n_inner": config.n_inner,
            "n_positions": config.block_size,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": config.eps,
            "resid_pdrop": config.dropout,
            "embd_pdrop": config.dropout,
            "attn_pdrop": config.dropout,
            **shared,
        }
    return {
        "architectures": ["NanoChatForCausalLM"],
        "model_type": "nanochat",
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_head,
        "hidden_size": config.n_embd,
        "intermediate_size": config.mlp_size,
        "max_position_embeddings": config.block_size,
        "hidden_act": "relu2",
        "rms_norm_eps": config.eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "final_logit_softcapping": config.logit_softcap,
        "attention_dropout": config.dropout,
        "attention_bias": False,
        **shared,
    }


def config_from_transformers(theirs: Mapping[str, Any]) -> ModelConfig:
    """Our config of a transformers config.json; ValueError names what we cannot represent."""
    kind = theirs.get("model_type")
    try:
        if kind == "gpt2":
            return _config_from_gpt2(theirs)
        if kind == "nanochat":
            return _config_from_nanochat(theirs)
    except KeyError as error:
        raise ValueError(f"config.json says {kind} but has no {error}") from None
    except (ValueError, OverflowError) as error:
        raise ValueError(f"config.json cannot be used: {error}") from None
    raise ValueError(f"config.json has model_type {kind!r}; this program runs gpt2 and nanochat models")


def _config_from_gpt2(theirs: Mapping[str, Any]) -> ModelConfig:
    _expect(theirs, activation_function=("gelu_new", "gelu_pytorch_tanh"), scale_attn_weights=(True,))
    _expect(theirs, scale_attn_by_inverse_layer_idx=(False,), add_cross_attention=(False,))
    return ModelConfig(
        architecture="gpt2",
        n_layer=theirs["n_layer"],
        n_head=theirs["n_head"],
        n_embd=theirs["n_embd"],
        n_inner=theirs.get("n_inner"),
        block_size=theirs.get("n_positions", 1024),
        vocab_size=theirs["vocab_size"],
        dropout=theirs.get("resid_pdrop", 0.0),
        tied=theirs.get("tie_word_embeddings", True),
        norm_eps=theirs.get("layer_norm_epsilon", 1e-5),
    )


def _config_from_nanochat(theirs: Mapping[str, Any]) -> ModelConfig:
    _expect(theirs, hidden_act=("relu2",), attention_bias=(False,))
    _expect(theirs, num_key_value_heads=(None, theirs["num_attention_heads"]))
    rope = theirs.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise ValueError(f"rope_parameters must be an object, not {rope!r}")
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"it asks for {rope['rope_type']!r} rotary positions; this program knows the default")
    return ModelConfig(
        architecture="nanochat",
        n_layer=theirs["num_hidden_layers"],
        n_head=theirs["num_attention_heads"],
        n_embd=theirs["hidden_size"],
        n_inner=theirs["intermediate_size"],
        block_size=theirs.get("max_position_embeddings", 2048),
        vocab_size=theirs["vocab_size"],
        dropout=theirs.get("attention_dropout", 0.0),
        tied=theirs.get("tie_word_embeddings", False),
        norm_eps=theirs.get("rms_norm_eps", 1e-6),
        rope_theta=rope.get("rope_theta", theirs.get("rope_theta", 10000.0)),
        logit_softcap=theirs.get("final_logit_softcapping", 15.0),
    )


def _expect(theirs: Mapping[str, Any], **allowed: tuple[Any, ...]) -> None:
    for key, values in allowed.items():
        if key in theirs and theirs[key] not in values:
            raise ValueError(f"it has {key} {theirs[key]!r}; this program runs {' or '.join(map(repr, values))}")
