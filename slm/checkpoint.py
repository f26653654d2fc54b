"""A model on disk: the folder that Hugging Face transformers reads, and our model read back from one.

Weights are safetensors, everything else JSON; nothing is unpickled. The names inside are transformers' own, so the
same folder is a transformers model, an slm model and a Hub repository.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from slm.card import events_of, model_card
from slm.config import ModelConfig, SampleConfig, parameter_count
from slm.errors import full_memory_told
from slm.files import SETTINGS_BYTES, read_json, replacing, write_json
from slm.hf_format import (
    config_for_transformers,
    config_from_transformers,
    own_weights,
    shapes_for_transformers,
    weight_from_transformers,
    weights_for_transformers,
)
from slm.model import GPT
from slm.own_sampling import save_sampling
from slm.threads import fitting_threads
from slm.tokenizer import Tokenizer, load_tokenizer

DTYPES = ("F64", "F32", "F16", "BF16")  # safetensors' names of the numbers that weights may be stored as
MOST_SPARE_ROWS = 128  # vocabularies are often rounded up to a multiple of 64 or 128


def save(
    folder: str | Path, model: GPT, tokenizer: Tokenizer, *, about: dict[str, Any], dtype: torch.dtype | None = None
) -> None:
    """Write a whole checkpoint folder, or nothing: it is made beside its place and renamed into it.

    `about` becomes slm.json and fills the model card; `dtype` rounds the weights (None keeps them).
    """
    weights = weights_for_transformers(model)
    weights = {k: t.to(dtype) if dtype else t for k, t in weights.items()}
    with replacing(Path(folder)) as place:
        place.mkdir(parents=True, exist_ok=True)
        write_json(place / "config.json", config_for_transformers(model.config, eot_id=tokenizer.eot_id))
        save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
        # safetensors writes for its owner alone.
        shutil.copymode(place / "config.json", place / "model.safetensors")
        save_sampling(place, SampleConfig(), eot_id=tokenizer.eot_id)
        write_json(place / "slm.json", about)
        tokenizer.save(place)
        card = model_card(about, model.config, events_of(Path(folder), about.get("step")))
        (place / "README.md").write_text(card, encoding="utf-8")


def load_folder(folder: str | Path, *, device: str | torch.device = "cpu") -> tuple[GPT, Tokenizer, dict[str, Any]]:
    """The model (fp32, ready to write), its tokenizer and what slm.json says ({} where there is none).

    Rows of the embedding that no token has are left out. Raises ValueError, in one sentence, for whatever is missing,
    broken, larger than memory or does not fit together; memory is taken only once the weights are known to fill it.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ValueError(f"no model in {folder}: there is no config.json")
    stored = config_from_transformers(_json(folder / "config.json"))
    tokenizer = load_tokenizer(folder, most=stored.vocab_size)
    if stored.vocab_size - tokenizer.vocab_size >= MOST_SPARE_ROWS:
        raise ValueError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens, its model {stored.vocab_size}: "
            "they do not fit"
        )
    about, n_params = about_folder(folder), parameter_count(stored)
    with (
        full_memory_told(
            f"the model in {folder} has {n_params:,} parameters, which take {4 * n_params / 1e6:,.0f} MB, more memory "
            "than is free; end what else takes memory, or choose a smaller model"
        ),
        contextlib.ExitStack() as files,
        fitting_threads(torch.device("cpu"), n_params),
    ):
        weights = StoredWeights(folder, files, prefix="transformer." if stored.architecture == "gpt2" else "")
        weights.check(stored)
        model = GPT(dataclasses.replace(stored, vocab_size=tokenizer.vocab_size))
        _fill(model, weights)
        _check_numbers(model, folder)
        return model.to(device).eval(), tokenizer, about


def about_folder(folder: Path) -> dict[str, Any]:
    """What slm.json says of a checkpoint; {} where there is none, as in a folder that transformers wrote."""
    return _json(folder / "slm.json") if (folder / "slm.json").is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    value = read_json(path, most_bytes=SETTINGS_BYTES)
    if not isinstance(value, dict):
        raise ValueError(f"{path} should hold one JSON object")
    return value


class StoredWeights:
    """The tensors of a folder's safetensors files, single or sharded, under transformers' names; read one by one."""

    def __init__(self, folder: Path, files: contextlib.ExitStack, *, prefix: str = "") -> None:
        """Opens the files for as long as `files` lasts; `prefix` begins the names that lack it.

        Raises ValueError where a file is missing or not whole.
        """
        self.folder = folder
        self._handles: dict[str, tuple[Any, str]] = {}
        for file in _weight_files(folder):
            try:
                handle = files.enter_context(safe_open(file, framework="pt"))
            except (SafetensorError, OSError) as error:
                raise ValueError(f"{file} is not a whole safetensors file: {error}") from None
            for key in handle.keys():  # noqa: SIM118  (the handle is no dict)
                # The first GPT-2 files on the Hub have no prefix.
                full = key if key.startswith((prefix, "lm_head.")) else prefix + key
                self._handles[full] = (handle, key)

    def check(self, config: ModelConfig) -> None:
        """Raise ValueError unless every weight of such a model is here, in its shape and as ordinary numbers."""
        shapes = {key: tuple(handle.get_slice(own).get_shape()) for key, (handle, own) in self._handles.items()}
        held = sum(math.prod(shape) for shape in shapes.values())
        if held < parameter_count(config):
            raise ValueError(
                f"config.json asks for {parameter_count(config):,} parameters, the weights in {self.folder} hold "
                f"{held:,}: some are missing or smaller"
            )
        for key, wanted in shapes_for_transformers(config).items():
            if key not in shapes:
                raise ValueError(f"the weights in {self.folder} lack {key}")
            if shapes[key] != wanted:
                raise ValueError(f"{key} in {self.folder} has shape {shapes[key]}, config.json asks for {wanted}")
            handle, own = self._handles[key]
            if (dtype := handle.get_slice(own).get_dtype()) not in DTYPES:
                raise ValueError(f"{key} in {self.folder} is stored as {dtype}; known are {', '.join(DTYPES)}")

    def read(self, key: str) -> Tensor:
        """One tensor; ValueError where it holds numbers that are not finite."""
        handle, own = self._handles[key]
        tensor = handle.get_tensor(own).float()
        if not torch.isfinite(tensor).all():
            raise ValueError(
                f"{key} in {self.folder} holds numbers that are not finite; the training that wrote it diverged"
            )
        return tensor


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the folder's model: those that its index names, the one, or all there are."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = _json(index).get("weight_map")
        names = set(shards.values()) if isinstance(shards, dict) else set()
        # The file may come from anywhere: it can only name its neighbours.
        if not names or not all(isinstance(n, str) and re.fullmatch(r"[\w.-]+\.safetensors", n) for n in names):
            raise ValueError(f"{index} names no safetensors files beside it")
        if missing := sorted(n for n in names if not (folder / n).is_file()):
            raise ValueError(f"{folder} lacks {', '.join(missing[:3])}, which {index.name} names")
        return [folder / n for n in sorted(names)]
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if files := sorted(folder.glob("*.safetensors")):
        return files
    raise ValueError(f"no weights in {folder}: there is no model.safetensors")


@torch.no_grad()
def _fill(model: GPT, weights: StoredWeights) -> None:
    """Copy the stored weights into the model; spare rows of the embedding stay behind."""
    for name, parameter in own_weights(model).items():
        tensor = weight_from_transformers(name, model.config, weights.read)
        parameter.copy_(tensor[: model.config.vocab_size] if name in ("wte.weight", "lm_head.weight") else tensor)


@torch.inference_mode()
def _check_numbers(model: GPT, folder: Path) -> None:
    """Raise ValueError where finite weights are so large that a score is not."""
    last = torch.tensor([[model.config.vocab_size - 1]])
    if not torch.isfinite(model.eval()(last)).all():
        raise ValueError(f"the model in {folder} gives scores that are not finite: its weights are too large")
