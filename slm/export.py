"""A model for other programs: one GGUF file for llama.cpp, or a repository on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slm.bpe_files import to_chars
from slm.checkpoint import load_folder, weights_for_transformers
from slm.hub import MODEL_FILES
from slm.runs import replacing, resolve

if TYPE_CHECKING:
    from gguf import GGUFWriter

    from slm.model import GPT
    from slm.tokenizer import Tokenizer

# llama.cpp's tensor of each of transformers' GPT-2 weights; N is the block's number.
_GGUF_GPT2 = {
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "transformer.h.N.ln_1": "blk.N.attn_norm",
    "transformer.h.N.attn.c_attn": "blk.N.attn_qkv",
    "transformer.h.N.attn.c_proj": "blk.N.attn_output",
    "transformer.h.N.ln_2": "blk.N.ffn_norm",
    "transformer.h.N.mlp.c_fc": "blk.N.ffn_up",
    "transformer.h.N.mlp.c_proj": "blk.N.ffn_down",
}
_CONV1D = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # kept as input x output by transformers


def to_gguf(checkpoint: str | Path, target: str | Path) -> Path:
    """Write the model as one GGUF file in fp32; the path of the file.

    Raises ValueError for an architecture that llama.cpp does not run, and where the package `gguf` is missing.
    """
    try:
        from gguf import GGUFWriter
    except ModuleNotFoundError:
        raise ValueError("writing GGUF needs the package gguf: pip install gguf") from None
    model, tokenizer, about = load_folder(resolve(checkpoint))
    if model.config.architecture != "gpt2" or not model.config.tied:
        raise ValueError(
            f"llama.cpp runs no {model.config.architecture} models; it runs gpt2 ones (train with --preset slm-51m)"
        )
    with replacing(Path(target)) as part:
        writer = GGUFWriter(part, "gpt2")
        _write_shape(writer, model, name=str(about.get("run", Path(checkpoint).name)))
        _write_vocabulary(writer, tokenizer)
        for name, tensor in weights_for_transformers(model).items():
            matrix = tensor.t() if name.endswith(_CONV1D) else tensor
            writer.add_tensor(gguf_name(name), matrix.float().contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return Path(target)


def gguf_name(name: str) -> str:
    """llama.cpp's name of a weight that transformers calls `name`."""
    stem, _, kind = name.rpartition(".")
    words = stem.split(".")
    number = words[2] if words[1] == "h" else ""
    pattern = ".".join([*words[:2], "N", *words[3:]]) if number else stem
    return f"{_GGUF_GPT2[pattern].replace('.N.', f'.{number}.')}.{kind}"


def _write_shape(writer: GGUFWriter, model: GPT, *, name: str) -> None:
    config = model.config
    writer.add_name(name)
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.block_size)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(config.mlp_size)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(config.eps)
    writer.add_file_type(0)  # all fp32


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


def to_hub(checkpoint: str | Path, target: str, *, dry_run: bool = False) -> str:
    """Upload the checkpoint folder as a Hub model `owner/name`; its address, or with `dry_run` what would be sent.

    The token is the one of `hf auth login` or HF_TOKEN. Raises ValueError where the upload is refused.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    folder = resolve(checkpoint)
    load_folder(folder)  # nothing broken leaves the house
    files = [p for p in sorted(folder.iterdir()) if any(p.match(pattern) for pattern in [*MODEL_FILES, "README.md"])]
    if dry_run:
        return "\n".join(f"{p.name}  {p.stat().st_size / 1e6:.2f} MB" for p in files)
    api = HfApi()
    try:
        api.create_repo(target, exist_ok=True)
        api.upload_folder(repo_id=target, folder_path=folder, allow_patterns=[p.name for p in files])
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{target} could not be uploaded ({reason}); log in with `hf auth login`") from None
    return f"https://huggingface.co/{target}"
