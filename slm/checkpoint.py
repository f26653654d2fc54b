"""A model on disk: the folder that Hugging Face transformers reads, and our model read back from one.

Weights are safetensors, everything else JSON; nothing is unpickled. The names inside are transformers' own, so the
same folder is a transformers model, an slm model and a Hub repository.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from slm.card import model_card
from slm.config import ModelConfig, SampleConfig, parameter_count
from slm.model import GPT
from slm.runs import read_json, replacing, write_json
from slm.tokenizer import Tokenizer, load_tokenizer

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
    for name, tensor in _own_weights(model).items():
        for key, piece in zip(_their_names(name, model.config), _their_pieces(name, tensor, model.config), strict=True):
            theirs[key] = piece.detach().contiguous().cpu()
    return theirs


def _own_weights(model: GPT) -> dict[str, Tensor]:
    """The model's parameters by name; a tied output matrix is left out, being the embedding."""
    return {name: p for name, p in model.state_dict().items() if name != "lm_head.weight" or not model.config.tied}


def _their_names(name: str, config: ModelConfig) -> list[str]:
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
    if config.architecture == "gpt2" and _is_conv1d(name):
        return [tensor.t()]
    return [tensor]


def _is_conv1d(name: str) -> bool:
    """Whether transformers' GPT-2 keeps this weight transposed (its Conv1D)."""
    return name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


def config_for_transformers(config: ModelConfig, *, eot_id: int, dtype: torch.dtype) -> dict[str, Any]:
    """config.json for transformers' AutoConfig."""
    shared = {
        "vocab_size": config.vocab_size,
        "bos_token_id": eot_id,
        "eos_token_id": eot_id,
        "pad_token_id": eot_id,
        "tie_word_embeddings": config.tied,
        "dtype": str(dtype).removeprefix("torch."),
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


def config_from_transformers(theirs: dict[str, Any]) -> ModelConfig:
    """Our config of a transformers config.json; ValueError names what we cannot represent."""
    kind = theirs.get("model_type")
    try:
        if kind == "gpt2":
            return _config_from_gpt2(theirs)
        if kind == "nanochat":
            return _config_from_nanochat(theirs)
    except KeyError as error:
        raise ValueError(f"config.json says {kind} but has no {error}") from None
    raise ValueError(f"config.json has model_type {kind!r}; this program runs gpt2 and nanochat models")


def _config_from_gpt2(theirs: dict[str, Any]) -> ModelConfig:
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
        dropout=float(theirs.get("resid_pdrop", 0.0)),
        tied=theirs.get("tie_word_embeddings", True),
        norm_eps=theirs.get("layer_norm_epsilon", 1e-5),
    )


def _config_from_nanochat(theirs: dict[str, Any]) -> ModelConfig:
    _expect(theirs, hidden_act=("relu2",), attention_bias=(False,))
    _expect(theirs, num_key_value_heads=(None, theirs["num_attention_heads"]))
    rope = theirs.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"config.json asks for {rope['rope_type']!r} rotary positions; this program knows the default")
    return ModelConfig(
        architecture="nanochat",
        n_layer=theirs["num_hidden_layers"],
        n_head=theirs["num_attention_heads"],
        n_embd=theirs["hidden_size"],
        n_inner=theirs["intermediate_size"],
        block_size=theirs.get("max_position_embeddings", 2048),
        vocab_size=theirs["vocab_size"],
        dropout=float(theirs.get("attention_dropout", 0.0)),
        tied=theirs.get("tie_word_embeddings", False),
        norm_eps=theirs.get("rms_norm_eps", 1e-6),
        rope_theta=float(rope.get("rope_theta", theirs.get("rope_theta", 10000.0))),
        logit_softcap=theirs.get("final_logit_softcapping", 15.0),
    )


def _expect(theirs: dict[str, Any], **allowed: tuple[Any, ...]) -> None:
    for key, values in allowed.items():
        if key in theirs and theirs[key] not in values:
            raise ValueError(
                f"config.json has {key} {theirs[key]!r}; this program runs {' or '.join(map(repr, values))}"
            )


def save(
    folder: str | Path, model: GPT, tokenizer: Tokenizer, *, about: dict[str, Any], dtype: torch.dtype | None = None
) -> None:
    """Write a whole checkpoint folder, or nothing: it is made beside its place and renamed into it.

    `about` becomes slm.json and fills the model card; `dtype` rounds the weights (None keeps them).
    """
    weights = weights_for_transformers(model)
    weights = {k: t.to(dtype) if dtype else t for k, t in weights.items()}
    stored = next(iter(weights.values())).dtype
    sampling = SampleConfig()
    with replacing(Path(folder)) as place:
        place.mkdir(parents=True, exist_ok=True)
        save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
        write_json(place / "config.json", config_for_transformers(model.config, eot_id=tokenizer.eot_id, dtype=stored))
        write_json(
            place / "generation_config.json",
            {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_k": sampling.top_k or 0,
                "top_p": sampling.top_p,
                "max_new_tokens": sampling.max_new_tokens,
                "bos_token_id": tokenizer.eot_id,
                "eos_token_id": tokenizer.eot_id,
                "pad_token_id": tokenizer.eot_id,
            },
        )
        write_json(place / "slm.json", about)
        tokenizer.save(place)
        (place / "README.md").write_text(model_card(about, model.config), encoding="utf-8")


def load_folder(folder: str | Path, *, device: str | torch.device = "cpu") -> tuple[GPT, Tokenizer, dict[str, Any]]:
    """The model (fp32, ready to write), its tokenizer and what slm.json says ({} where there is none).

    Raises ValueError, in one sentence, for whatever is missing, broken or does not fit together.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ValueError(f"no model in {folder}: there is no config.json")
    config = config_from_transformers(_json(folder / "config.json"))
    tokenizer = load_tokenizer(folder)
    if tokenizer.vocab_size > config.vocab_size:
        raise ValueError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens, its model {config.vocab_size}: "
            "they do not fit"
        )
    weights = _read_weights(folder, config)
    held = sum(tensor.numel() for tensor in weights.values())
    if held < parameter_count(config):  # before memory is taken for what the file cannot fill
        raise ValueError(
            f"config.json asks for {parameter_count(config):,} parameters, the weights in {folder} hold {held:,}: "
            "some are missing or smaller"
        )
    model = GPT(config)
    _fill(model, weights, folder)
    about = _json(folder / "slm.json") if (folder / "slm.json").is_file() else {}
    return model.to(device).eval(), tokenizer, about


def _json(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} should hold one JSON object")
    return value


def _read_weights(folder: Path, config: ModelConfig) -> dict[str, Tensor]:
    """All tensors of the folder's safetensors files, single or sharded, checked against the shapes wanted."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ValueError(f"no weights in {folder}: there is no model.safetensors")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as handle:
                for key in handle.keys():  # noqa: SIM118  (the handle is no dict)
                    tensors[key] = handle.get_tensor(key)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{file} is not a whole safetensors file: {error}") from None
    if config.architecture == "gpt2":  # the first GPT-2 files on the Hub have no prefix
        tensors = {
            k if k.startswith(("transformer.", "lm_head.")) else f"transformer.{k}": t for k, t in tensors.items()
        }
    return tensors


@torch.no_grad()
def _fill(model: GPT, theirs: dict[str, Tensor], folder: Path) -> None:
    """Copy transformers' weights into the model, and make what is not stored anew."""
    for name, parameter in _own_weights(model).items():
        pieces = []
        for key in _their_names(name, model.config):
            if key not in theirs:
                raise ValueError(f"the weights in {folder} lack {key}")
            piece = theirs[key]
            if model.config.architecture == "gpt2" and _is_conv1d(name):
                piece = piece.t()
            pieces.append(piece)
        tensor = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
        if tensor.shape != parameter.shape:
            raise ValueError(
                f"{name} in {folder} has shape {tuple(tensor.shape)}, config.json asks for {tuple(parameter.shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError(
                f"{name} in {folder} holds numbers that are not finite; the training that wrote it diverged"
            )
        parameter.copy_(tensor)
