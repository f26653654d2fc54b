"""Exports, opened again and compared number by number."""

from __future__ import annotations

import dataclasses
import errno
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.checkpoint import save
from slm.export import ARCHITECTURES, gguf_tensors, swap_halves, to_gguf
from slm.generate import load
from tests.engine import SHAPES, random_lm, random_model, small_tokenizer

ROOT = Path(__file__).resolve().parent.parent
MODELS = {"trained gpt2": ROOT / "tests/golden/model", "trained nanochat": ROOT / "checkpoints/tinystories-5m"}


@pytest.fixture(params=list(SHAPES))
def folder(request, tmp_path):
    lm = random_lm(request.param)
    save(tmp_path / request.param, lm.model, lm.tokenizer, about={"run": "a-test"})
    return tmp_path / request.param


def opened(folder, tmp_path):
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")
    return gguf.GGUFReader(to_gguf(folder, tmp_path / "model.gguf"))


def test_every_token_and_size_of_a_gguf_file(folder, tmp_path):
    fields = opened(folder, tmp_path).fields
    kind = folder.name
    named = {key: fields[f"{ARCHITECTURES[kind]}.{key}"].contents() for key in ("context_length", "block_count")}
    assert named == {"context_length": 23, "block_count": 3}
    assert fields["general.architecture"].contents() == ARCHITECTURES[kind]
    assert fields[f"{ARCHITECTURES[kind]}.attention.head_count"].contents() == SHAPES[kind]["n_head"]
    tokenizer = small_tokenizer()
    words = fields["tokenizer.ggml.tokens"].contents()
    assert len(words) == 307
    assert words[-1] == "<|endoftext|>"
    assert len(fields["tokenizer.ggml.merges"].contents()) == len(tokenizer.merges)
    assert fields["tokenizer.ggml.eos_token_id"].contents() == tokenizer.eot_id


def test_every_tensor_of_a_gpt2_file_by_the_names_of_the_gguf_package(tmp_path):
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")
    lm = random_lm("gpt2")
    save(tmp_path / "gpt2", lm.model, lm.tokenizer, about={})
    theirs = {t.name: torch.from_numpy(t.data.copy()) for t in opened(tmp_path / "gpt2", tmp_path).tensors}
    ours = {name: p.detach() for name, p in lm.model.named_parameters()}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, lm.config.n_layer)
    assert len(theirs) == len(ours)
    for name, tensor in ours.items():
        key = names.get_name(f"transformer.{name}", try_suffixes=(".weight", ".bias"))
        torch.testing.assert_close(theirs[key], tensor, atol=0, rtol=0)


def test_every_tensor_of_a_nanochat_file_makes_our_weights_again(tmp_path):
    lm = random_lm("nanochat")
    save(tmp_path / "nanochat", lm.model, lm.tokenizer, about={})
    theirs = {t.name: torch.from_numpy(t.data.copy()) for t in opened(tmp_path / "nanochat", tmp_path).tensors}
    ours, D = dict(lm.model.named_parameters()), lm.config.head_size
    torch.testing.assert_close(theirs.pop("token_embd.weight"), lm.model.ln_e(ours["wte.weight"]), atol=0, rtol=0)
    torch.testing.assert_close(theirs.pop("output.weight"), ours["wte.weight"].detach(), atol=0, rtol=0)
    for i in range(lm.config.n_layer):
        q, k, v = (theirs.pop(f"blk.{i}.attn_{letter}.weight") for letter in "qkv")
        joined = torch.cat((swap_halves(q, D), swap_halves(k, D), v))
        pairs = {
            "attn.c_attn": joined,
            "attn.c_proj": theirs.pop(f"blk.{i}.attn_output.weight"),
            "mlp.c_fc": theirs.pop(f"blk.{i}.ffn_up.weight"),
            "mlp.c_proj": theirs.pop(f"blk.{i}.ffn_down.weight"),
        }
        for name, tensor in pairs.items():
            torch.testing.assert_close(tensor, ours[f"h.{i}.{name}.weight"].detach(), atol=0, rtol=0)
    assert theirs and all(name.endswith("norm.weight") and (tensor == 1).all() for name, tensor in theirs.items())


def test_the_activation_of_a_nanochat_file_is_the_squared_relu(tmp_path):
    lm = random_lm("nanochat")
    save(tmp_path / "nanochat", lm.model, lm.tokenizer, about={})
    fields = opened(tmp_path / "nanochat", tmp_path).fields
    keys = ("alpha_p", "alpha_n", "beta", "eps")
    alpha_p, alpha_n, beta, eps = (fields[f"xielu.{key}"].contents()[0] for key in keys)
    x = torch.linspace(-3, 3, 101, dtype=torch.float64)
    # xIELU (Huang and Schlag 2024) as llama.cpp computes it: both alphas are kept before their softplus.
    positive = math.log1p(math.exp(alpha_p)) * x.square() + beta * x
    negative = (torch.expm1(x.clamp(max=eps)) - x) * (beta + math.exp(alpha_n)) + beta * x
    torch.testing.assert_close(torch.where(x > 0, positive, negative), x.relu().square(), atol=1e-6, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHAPES, *MODELS])
def test_llama_cpp_gives_the_same_logits_and_greedy_text(tmp_path, name):
    llama_cpp = pytest.importorskip(
        "llama_cpp", reason="llama-cpp-python is not installed (pip compiles it for ten minutes)"
    )
    folder = MODELS.get(name)
    if folder is None:
        folder, lm = tmp_path / "model", random_lm(name, block_size=64)
        save(folder, lm.model, lm.tokenizer, about={})
    lm, prompt = load(folder), "Once upon a time, there was a"
    path = to_gguf(folder, tmp_path / "model.gguf")
    f32 = {"type_k": 0, "type_v": 0}
    other = llama_cpp.Llama(str(path), n_ctx=64, logits_all=True, verbose=False, n_threads=2, **f32)
    ids = other.tokenize(prompt.encode(), add_bos=False)
    assert ids == lm.tokenizer.encode(prompt)
    other.eval(ids)
    with torch.no_grad():
        ours = lm.model(torch.tensor([ids]))[0]
    # llama.cpp looks GELU up in a table of half precision.
    atol = 1e-2 if lm.config.architecture == "gpt2" else 1e-4
    torch.testing.assert_close(torch.from_numpy(other.scores[: len(ids)].copy()), ours, atol=atol, rtol=1e-4)
    told: list[int] = []
    while len(told) < 30 and (new := int(np.argmax(other.scores[other.n_tokens - 1]))) != lm.tokenizer.eot_id:
        told.append(new)
        other.eval([new])
    assert prompt + lm.tokenizer.decode(told) == lm.generate(prompt, 30, temperature=0.0)


def test_a_soft_cap_is_told_before_a_file_is_written(tmp_path):
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    lm = random_lm("nanochat")
    capped = random_model(dataclasses.replace(lm.config, logit_softcap=15.0))
    save(tmp_path / "model", capped, lm.tokenizer, about={})
    with pytest.raises(ValueError, match=r"llama\.cpp cannot run this model: .*logit_softcap 15"):
        to_gguf(tmp_path / "model", tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_an_output_matrix_of_its_own_is_written(tmp_path):
    lm = random_lm("gpt2")
    untied = random_model(dataclasses.replace(lm.config, tied=False))
    assert torch.equal(gguf_tensors(untied)["output.weight"], untied.lm_head.weight)


def test_a_full_disk_is_told_and_leaves_no_half_file(folder, tmp_path, monkeypatch):
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")

    def full(self, **_):
        self.fout[0].write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(ValueError, match=r"^the disk of .* is full, .*: model\.gguf was not written; make room, or"):
        to_gguf(folder, tmp_path / "new" / "model.gguf")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_is_no_file_to_write(folder, tmp_path):
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    with pytest.raises(ValueError, match="is a folder; give the name of a file"):
        to_gguf(folder, tmp_path)


def test_a_model_of_the_hub_has_its_own_name_in_the_file(folder, tmp_path, monkeypatch):
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")
    (folder / "slm.json").unlink()
    monkeypatch.setattr("slm.hub.fetch_model", {"somebody/theirs": folder}.__getitem__)
    fields = gguf.GGUFReader(to_gguf("somebody/theirs", tmp_path / "model.gguf")).fields
    assert fields["general.name"].contents() == "theirs"
