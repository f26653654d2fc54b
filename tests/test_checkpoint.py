"""Checkpoint folders: transformers reads ours, we read theirs, and nothing broken gets in."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

import slm
from slm.checkpoint import load_folder, save
from slm.generate import load
from tests.engine import SHAPES, random_lm


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


def test_transformers_reads_the_folder_with_the_same_logits_and_ids(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reference, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    lm = load(folder)
    text = "Once upon a time, a “big” day\n\n  she said: ☃"
    ids = lm.tokenizer.encode(text)[:23]
    assert tokenizer(text)["input_ids"][:23] == ids
    with torch.no_grad():
        theirs = reference(torch.tensor([ids])).logits
        torch.testing.assert_close(lm.model(torch.tensor([ids])), theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "nanochat"])
def test_a_folder_that_transformers_saved_loads_with_the_same_logits(tmp_path, kind):
    from transformers import GPT2Config, GPT2LMHeadModel, NanoChatConfig, NanoChatForCausalLM

    from tests.engine import small_tokenizer

    torch.manual_seed(3)
    if kind == "gpt2":
        config = GPT2Config(vocab_size=307, n_embd=26, n_layer=3, n_head=2, n_positions=23, eos_token_id=306)
        reference = GPT2LMHeadModel(config)
    else:
        config = NanoChatConfig(
            vocab_size=307,
            hidden_size=42,
            intermediate_size=59,
            num_hidden_layers=3,
            num_attention_heads=3,
            max_position_embeddings=23,
        )
        reference = NanoChatForCausalLM(config)
    reference.eval().save_pretrained(tmp_path)
    small_tokenizer().save(tmp_path)
    lm = load(tmp_path)
    ids = torch.randint(0, 307, (2, 19))
    with torch.no_grad():
        torch.testing.assert_close(lm.model(ids), reference(ids).logits, atol=1e-4, rtol=1e-4)


def test_rounded_weights_halve_the_file_and_load_as_fp32(folder, tmp_path):
    model, tokenizer, about = load_folder(folder)
    save(tmp_path / "half", model, tokenizer, about=about, dtype=torch.bfloat16)
    sizes = [(f / "model.safetensors").stat().st_size for f in (folder, tmp_path / "half")]
    assert sizes[1] < 0.6 * sizes[0]
    assert load_folder(tmp_path / "half")[0].wte.weight.dtype == torch.float32
    assert json.loads((tmp_path / "half" / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_failed_save_leaves_the_old_model_whole(folder, monkeypatch):
    model, tokenizer, about = load_folder(folder)

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slm.checkpoint.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save(folder, model, tokenizer, about=about)
    assert torch.equal(load_folder(folder)[0].wte.weight, model.wte.weight)
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


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
        (lambda f: edit_config(f, vocab_size=401), "some are missing or smaller"),
        (lambda f: edit_config(f, n_inner=53, intermediate_size=53), "has shape"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer.json"),
    ],
)
def test_broken_folders_are_told_in_one_sentence(folder, breakage, message):
    breakage(folder)
    with pytest.raises(ValueError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_a_config_that_asks_for_too_much_takes_no_memory(folder):
    edit_config(
        folder, **{"n_embd": 65536, "hidden_size": 65536, "n_layer": 200, "num_hidden_layers": 200, "n_inner": None}
    )
    edit_config(folder, intermediate_size=262144, n_head=2, num_attention_heads=2, num_key_value_heads=2)
    with pytest.raises(ValueError, match=r"asks for [\d,]+ parameters"):
        load(folder)


def test_missing_and_not_finite_weights_are_named(folder):
    def lose(weights):
        name = next(k for k in weights if "wte" in k or "embed" in k)
        weights["another"] = weights.pop(name)

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


def test_a_place_with_no_model_and_no_network(tmp_path):
    with pytest.raises(ValueError, match="no model in"):
        load(tmp_path)
    with pytest.raises(ValueError, match=r"Hub cannot be reached|no model at"):
        load("nobody/nothing-here")


def test_the_model_card_says_what_was_measured(folder):
    card = (folder / "README.md").read_text()
    assert card.startswith("---\n")
    assert "a-test" in card
    assert "1.5000 nats" in card
