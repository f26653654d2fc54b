"""Exports, opened again and compared number by number."""

from __future__ import annotations

import pytest
import torch

from slm.checkpoint import save
from slm.export import to_gguf, to_hub
from tests.engine import random_lm, small_tokenizer


@pytest.fixture
def folder(tmp_path):
    lm = random_lm("gpt2")
    save(tmp_path / "model", lm.model, lm.tokenizer, about={"run": "a-test"})
    return tmp_path / "model"


def test_every_tensor_and_token_of_a_gguf_file(folder, tmp_path):
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")
    reader = gguf.GGUFReader(to_gguf(folder, tmp_path / "model.gguf"))
    model = random_lm("gpt2").model
    ours = {name: p.detach() for name, p in model.named_parameters()}
    theirs = {t.name: torch.from_numpy(t.data.copy()) for t in reader.tensors}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, model.config.n_layer)
    assert len(theirs) == len(ours)
    for name, tensor in ours.items():
        hub = f"transformer.{name}"
        torch.testing.assert_close(theirs[names.get_name(hub, try_suffixes=(".weight", ".bias"))], tensor)
    fields = reader.fields
    assert fields["gpt2.context_length"].contents() == 23
    assert fields["gpt2.attention.head_count"].contents() == 2
    words = fields["tokenizer.ggml.tokens"].contents()
    assert len(words) == 307
    assert words[-1] == "<|endoftext|>"
    assert len(fields["tokenizer.ggml.merges"].contents()) == len(small_tokenizer().merges)


def test_an_architecture_that_llama_cpp_does_not_run_is_told(tmp_path):
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    lm = random_lm("nanochat")
    save(tmp_path / "model", lm.model, lm.tokenizer, about={})
    with pytest.raises(ValueError, match=r"llama\.cpp runs no nanochat"):
        to_gguf(tmp_path / "model", tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_a_dry_run_lists_what_would_be_uploaded(folder):
    (folder / "notes.bin").write_bytes(b"private")
    listed = to_hub(folder, "somebody/something", dry_run=True)
    assert {line.split()[0] for line in listed.splitlines()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "README.md",
        "slm.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_an_upload_without_network_is_one_sentence(folder):
    with pytest.raises(ValueError, match="could not be uploaded"):
        to_hub(folder, "somebody/something")
