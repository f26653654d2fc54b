"""Checkpoint folders: transformers reads ours, we read theirs, and nothing broken gets in."""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import slm
from slm.checkpoint import load_folder, save
from slm.folders import bundled_dir
from slm.generate import load
from slm.tokenizer import load_gpt2
from tests.engine import SHAPES, random_lm, small_tokenizer
from tests.waiting import QUICK_S

GOLDEN = Path(__file__).parent / "golden" / "model"
BUNDLED = [path.parent for path in sorted(bundled_dir().glob("*/config.json"))]


@pytest.fixture(params=list(SHAPES))
def folder(request, tmp_path):
    lm = random_lm(request.param)
    save(tmp_path / "model", lm.model, lm.tokenizer, about={"run": "a-test", "step": 7, "val_loss": 1.5})
    return tmp_path / "model"


def test_what_is_saved_loads_equal(folder):
    model, tokenizer, about = load_folder(folder)
    lm = random_lm(model.config.architecture)
    for (name, ours), (_, saved) in zip(lm.model.state_dict().items(), model.state_dict().items(), strict=True):
        assert torch.equal(ours, saved), name
    assert tokenizer == lm.tokenizer
    assert about["step"] == 7
    assert model.lm_head.weight is model.wte.weight
    assert slm.load(folder).generate("Once", max_new_tokens=9, seed=1) == lm.generate("Once", max_new_tokens=9, seed=1)


@pytest.fixture(params=list(SHAPES), scope="module")
def whole_vocabulary_folder(request, tmp_path_factory):
    """A small model of all of GPT-2's 50,257 tokens."""
    lm = random_lm(request.param, tokenizer=load_gpt2())
    folder = tmp_path_factory.mktemp("whole") / "model"
    save(folder, lm.model, lm.tokenizer, about={})
    return folder


def assert_transformers_agrees(folder):
    """Same ids, same logits and the same greedy text, where transformers is told nothing but the folder."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reference = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lm = load(folder, precision="float32")
    text = "Once upon a time, a “big” day\n\n  she said: ☃"
    assert tokenizer(text)["input_ids"] == lm.tokenizer.encode(text)
    ids = torch.tensor([lm.tokenizer.encode(text)[:23]])
    with torch.no_grad():
        torch.testing.assert_close(lm.model(ids), reference(ids).logits, atol=1e-4, rtol=1e-4)
    prompt = "Once upon"
    start = tokenizer(prompt, return_tensors="pt")
    told = reference.generate(**start, do_sample=False, max_new_tokens=17)[0]
    assert tokenizer.decode(told, skip_special_tokens=True) == lm.generate(prompt, 17, temperature=0.0)


def test_transformers_reads_the_folder_as_it_is(folder):
    assert_transformers_agrees(folder)


def test_transformers_reads_a_whole_vocabulary_as_it_is(whole_vocabulary_folder):
    assert_transformers_agrees(whole_vocabulary_folder)


@pytest.mark.parametrize("folder", [GOLDEN, *BUNDLED], ids=["golden", *(place.name for place in BUNDLED)])
def test_transformers_reads_a_model_that_was_trained(folder):
    assert_transformers_agrees(folder)


def transformers_model(kind, **changes):
    """A randomly initialised model of transformers' own, 307 tokens."""
    from transformers import GPT2Config, GPT2LMHeadModel, NanoChatConfig, NanoChatForCausalLM

    torch.manual_seed(3)
    if kind == "gpt2":
        shape = {"vocab_size": 307, "n_embd": 26, "n_layer": 3, "n_head": 2, "n_positions": 23, "eos_token_id": 306}
        model = GPT2LMHeadModel(GPT2Config(**{**shape, **changes}))
    else:
        shape = {"vocab_size": 307, "hidden_size": 42, "intermediate_size": 59, "num_hidden_layers": 3}
        shape |= {"num_attention_heads": 3, "max_position_embeddings": 23}
        model = NanoChatForCausalLM(NanoChatConfig(**{**shape, **changes}))
    with torch.no_grad():
        for p in model.parameters():
            p += 0.1 * torch.randn(p.shape)
    return model.eval()


@pytest.mark.parametrize("size", ["5GB", "20KB"], ids=["one file", "shards"])
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gpt2", {}),
        ("gpt2", {"tie_word_embeddings": False, "n_inner": 59}),
        ("nanochat", {}),
        ("nanochat", {"tie_word_embeddings": True, "final_logit_softcapping": None}),
    ],
)
def test_a_folder_that_transformers_saved_loads_with_the_same_logits(tmp_path, kind, changes, size):
    reference = transformers_model(kind, **changes)
    reference.save_pretrained(tmp_path, max_shard_size=size)
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (size == "20KB")
    small_tokenizer().save(tmp_path)
    lm = load(tmp_path)
    ids = torch.randint(0, 307, (2, 19))
    with torch.no_grad():
        torch.testing.assert_close(lm.model(ids), reference(ids).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", list(SHAPES))
def test_rows_that_no_token_has_are_left_out(tmp_path, kind):
    reference = transformers_model(kind, vocab_size=320)
    reference.save_pretrained(tmp_path)
    small_tokenizer().save(tmp_path)
    lm = load(tmp_path)
    assert lm.config.vocab_size == 307
    ids = torch.randint(0, 307, (2, 19))
    with torch.no_grad():
        torch.testing.assert_close(lm.model(ids), reference(ids).logits[..., :307], atol=1e-4, rtol=1e-4)


def test_a_gpt2_folder_without_prefix_and_with_its_masks_loads(tmp_path):
    reference = transformers_model("gpt2")
    reference.save_pretrained(tmp_path)
    small_tokenizer().save(tmp_path)
    weights = {k.removeprefix("transformer."): t for k, t in load_file(tmp_path / "model.safetensors").items()}
    save_file({**weights, "h.0.attn.bias": torch.ones(1, 1, 23, 23)}, tmp_path / "model.safetensors")
    ids = torch.randint(0, 307, (2, 19))
    with torch.no_grad():
        torch.testing.assert_close(load(tmp_path).model(ids), reference(ids).logits, atol=1e-4, rtol=1e-4)


def test_rounded_weights_halve_the_file_and_load_as_fp32(folder, tmp_path):
    model, tokenizer, about = load_folder(folder)
    save(tmp_path / "half", model, tokenizer, about=about, dtype=torch.bfloat16)
    sizes = [(f / "model.safetensors").stat().st_size for f in (folder, tmp_path / "half")]
    assert sizes[1] < 0.6 * sizes[0]
    assert load_folder(tmp_path / "half")[0].wte.weight.dtype == torch.float32
    assert_transformers_agrees(tmp_path / "half")


def test_a_failed_save_leaves_the_old_model_whole(folder, monkeypatch):
    model, tokenizer, about = load_folder(folder)

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slm.checkpoint.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save(folder, model, tokenizer, about=about)
    assert torch.equal(load_folder(folder)[0].wte.weight, model.wte.weight)
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


LARGE = '{"a": "' + "b" * 1_100_000 + '"}'


class Evil:
    def __reduce__(self):
        return (print, ("code from a model file ran",))


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def first(weights):
    """The name of the embedding, a matrix in both architectures."""
    return next(k for k in weights if "wte" in k or "embed" in k)


def write_index(folder, weight_map):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_a_pickle_is_refused_and_never_opened(folder, capsys):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load(folder)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "no model|no weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x09"), "not a whole safetensors file"),
        (lambda f: (f / "config.json").write_text("{"), "not JSON"),
        (lambda f: (f / "config.json").write_text("[1]"), "one JSON object"),
        (lambda f: edit_config(f, model_type="mamba"), "model_type 'mamba'; this program runs gpt2 and nanochat"),
        (lambda f: edit_config(f, vocab_size=211), "they do not fit"),
        (lambda f: edit_config(f, vocab_size=50257), "they do not fit"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "not JSON"),
        (lambda f: (f / "config.json").write_text(LARGE), r"config\.json has 1\.1 MB, the most possible is 1 MB"),
        (lambda f: (f / "slm.json").write_text(LARGE), r"slm\.json has 1\.1 MB"),
        (lambda f: (f / "generation_config.json").write_text(LARGE), r"generation_config\.json has 1\.1 MB"),
        (lambda f: (f / "tokenizer_config.json").write_text(LARGE), r"tokenizer_config\.json has 1\.1 MB"),
        (lambda f: (f / "model.safetensors.index.json").write_text(LARGE), r"index\.json has 1\.1 MB"),
        (lambda f: edit_config(f, n_layer="many", num_hidden_layers="many"), "n_layer must be a whole number"),
        (lambda f: edit_config(f, layer_norm_epsilon=10**400, rms_norm_eps=10**400), "config.json cannot be used"),
        (lambda f: edit_config(f, model_type="nanochat", rope_parameters=["x"]), "config.json (says|cannot)"),
        (lambda f: edit_weights(f, lambda w: w.update({first(w): w[first(w)].to(torch.int64)})), "stored as I64"),
        (lambda f: edit_weights(f, lambda w: w.update({first(w): w[first(w)].t().contiguous()})), "has shape"),
        (
            lambda f: edit_weights(f, lambda w: w[next(k for k in w if "fc" in k)].fill_(3e38)),
            "not finite: its weights are too large",
        ),
        (lambda f: write_index(f, {"a": "../../secret.safetensors"}), "names no safetensors files beside it"),
        (lambda f: write_index(f, {"a": "model-00001-of-00002.safetensors"}), "lacks model-00001-of-00002.safetensors"),
        (lambda f: edit_config(f, vocab_size=401), "some are missing or smaller"),
        (lambda f: edit_config(f, n_inner=53, intermediate_size=53), "has shape"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer.json"),
    ],
)
def test_broken_folders_are_told_in_one_sentence(folder, breakage, message):
    breakage(folder)
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=message) as caught:
        load(folder)
    assert time.perf_counter() - begin < QUICK_S
    assert "\n" not in str(caught.value)


def test_a_config_that_asks_for_a_million_million_parameters_takes_neither_memory_nor_time(folder):
    shape = {"n_embd": 20480, "hidden_size": 20480, "n_layer": 200, "num_hidden_layers": 200, "n_inner": None}
    edit_config(folder, **shape, intermediate_size=81920, n_head=2, num_attention_heads=2, num_key_value_heads=2)
    begin, before = time.perf_counter(), peak_memory_mb()
    with pytest.raises(ValueError, match=r"asks for 1,0\d\d,\d{3},\d{3},\d{3} parameters"):
        load(folder)
    assert time.perf_counter() - begin < QUICK_S
    assert peak_memory_mb() - before < 100


def test_a_model_larger_than_memory_is_told_with_its_size(folder, monkeypatch):
    errors = [RuntimeError("can't allocate memory: you tried to allocate 7 bytes"), MemoryError(), RuntimeError("else")]

    def no_room(config):
        raise errors.pop(0)

    n_params = sum(p.numel() for p in load(folder).model.parameters())
    monkeypatch.setattr("slm.checkpoint.GPT", no_room)
    told = rf"has {n_params:,} parameters, which take {4 * n_params / 1e6:.0f} MB, more memory than is free; end what"
    for kind, match in ((ValueError, told), (ValueError, told), (RuntimeError, "^else$")):
        with pytest.raises(kind, match=match):
            load(folder)


def peak_memory_mb():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_missing_and_not_finite_weights_are_named(folder):
    def lose(weights):
        weights["another"] = weights.pop(first(weights))

    def spoil(weights):
        next(iter(weights.values())).view(-1)[0] = float("nan")

    whole = (folder / "model.safetensors").read_bytes()
    edit_weights(folder, spoil)
    with pytest.raises(ValueError, match="not finite"):
        load(folder)
    (folder / "model.safetensors").write_bytes(whole)
    edit_weights(folder, lose)
    with pytest.raises(ValueError, match=r"lack .*(wte|embed_tokens)"):
        load(folder)


def test_a_place_with_no_model_is_told(tmp_path):
    with pytest.raises(ValueError, match="no model in"):
        load(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_who_may_read_the_config_may_read_the_weights(tmp_path):
    lm = random_lm("gpt2")
    save(tmp_path / "model", lm.model, lm.tokenizer, about={})
    modes = {path.name: path.stat().st_mode for path in (tmp_path / "model").iterdir()}
    assert modes["model.safetensors"] == modes["config.json"]
