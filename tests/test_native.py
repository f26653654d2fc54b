"""The compiled step against the plain forward; how it is built, and what happens where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from slm import native
from slm.compiled_step import Step, writes
from slm.config import ModelConfig
from slm.decode import Decoder
from slm.int8 import RoundedLinear, int8_model
from slm.model import Linear
from tests.engine import random_model
from tests.test_decode import SHAPES

pytestmark = pytest.mark.skipif(native.library() is None, reason="there is no C compiler with OpenMP on this machine")
ROOT = Path(native.__file__).parents[1]


def random_linear(inputs: int, outputs: int, *, bias: bool) -> Linear:
    linear = Linear(inputs, outputs, bias=bias)
    with torch.no_grad():
        for p in linear.parameters():
            p.copy_(torch.randn(p.shape))
    return linear


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s['architecture']}-{s['n_embd']}")
@pytest.mark.parametrize("stories", [1, 2, 5, 11])
@pytest.mark.parametrize("threads", [1, 2])
@torch.inference_mode()
def test_compiled_steps_equal_the_forward(monkeypatch, shape, stories, threads):
    model = random_model(ModelConfig(**shape, block_size=19), seed=stories)
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    stepped, whole = compiled_steps(model, stories)
    torch.testing.assert_close(stepped, whole, atol=1e-4, rtol=1e-4)
    stepped, whole = compiled_steps(int8_model(model), stories)
    assert (stepped - whole).abs().max() < 0.1 * whole.std()  # a sum in another order may round a number the other way


def compiled_steps(model, stories):
    """(scores after the last of some steps, scores of the whole sequences read at once), both (stories, V)."""
    prompt, columns = [5, 6, 7], torch.randint(model.config.vocab_size, (13, stories))
    decoder = Decoder(model, prompt, stories)
    assert decoder._compiled is not None
    for column in columns:
        decoder.step(column)
    return decoder.logits, model(torch.cat((torch.tensor(prompt).expand(stories, -1), columns.T), 1))[:, -1]


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 11), (64, 3), (257, 129), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_product_is_the_same_for_any_number_of_tokens(inputs, outputs, bias):
    linear = random_linear(inputs, outputs, bias=bias)
    for rows in (1, 2, 8, 13):
        x = torch.randn(rows, inputs)
        expected = F.linear(x.double(), linear.weight.double(), linear.bias.double() if bias else None)
        y = native.multiply(native.matrix(linear.weight, linear.bias), x)
        torch.testing.assert_close(y, expected.float(), atol=1e-4, rtol=1e-5)
        rounded = RoundedLinear(linear)
        assert torch.equal(rounded(x), torch.cat([rounded(row) for row in x.split(1)]))


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 11), (64, 3), (257, 129), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_rounded_product_is_that_of_whole_numbers(inputs, outputs, bias):
    linear = random_linear(inputs, outputs, bias=bias)
    rounded = RoundedLinear(linear)
    assert ((rounded.rows * rounded.scale[:, None] - linear.weight).abs() <= rounded.scale[:, None] * 0.501).all()
    for rows in (1, 13):
        x = torch.randn(2, rows, inputs) * torch.logspace(-3, 3, rows)[:, None]
        step = x.abs().amax(-1, keepdim=True) / 127  # (2, rows, 1)
        whole = (x / step + 0.5).floor().double() @ rounded.rows.double().t()  # (2, rows, outputs)
        expected = whole * rounded.scale * step + (0 if linear.bias is None else linear.bias)
        torch.testing.assert_close(rounded(x), expected.float(), atol=1e-5, rtol=1e-5)
    assert torch.equal(rounded(torch.zeros(3, inputs)), rounded(torch.zeros(1, inputs)).expand(3, -1))
    x = torch.randn(5, inputs).t().contiguous().t()  # its numbers do not lie row by row
    assert torch.equal(rounded(x), rounded(x.contiguous()))


@torch.inference_mode()
def test_a_story_is_the_same_to_the_last_bit_alone_and_among_others_and_on_any_number_of_threads(monkeypatch):
    model = int8_model(random_model(ModelConfig(**SHAPES[2], block_size=19)))
    seen = []
    for stories, threads in ((1, 1), (1, 2), (5, 2)):
        monkeypatch.setattr("torch.get_num_threads", lambda threads=threads: threads)
        decoder = Decoder(model, [5], stories)
        for token in (11, 12, 13):
            decoder.step(torch.tensor([token] * stories))
        seen.append(decoder.logits[-1])
    assert torch.equal(seen[0], seen[1]) and torch.equal(seen[0], seen[2])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s['architecture']}-{s['n_embd']}")
@torch.inference_mode()
def test_keys_and_values_are_halved_as_torch_halves_them(shape):
    model = random_model(ModelConfig(**shape, block_size=19))
    ours, theirs = (model.new_cache(3, dtype=torch.bfloat16) for _ in range(2))
    step, columns = Step(model), torch.randint(model.config.vocab_size, (13, 3))
    for position, column in enumerate(columns):
        stepped = step(column, position, ours.k, ours.v)
    whole = model.logits(model.hidden(columns.T, theirs)[:, -1])
    torch.testing.assert_close(stepped, whole, atol=2e-3, rtol=2e-3)
    for a, b in ((ours.k, theirs.k), (ours.v, theirs.v)):
        a, b = a[:, :, :, :13].float(), b[:, :, :, :13].float()
        assert (a == b).float().mean() > 0.98  # a number on an edge may go either way
        torch.testing.assert_close(a, b, atol=1e-3, rtol=2**-7)


@torch.inference_mode()
def test_an_id_that_is_no_token_is_not_read():
    model = random_model(ModelConfig(**SHAPES[0], block_size=19))
    cache = model.new_cache()
    for wrong in (-1, model.config.vocab_size):
        with pytest.raises(AssertionError, match="not in the vocabulary of 101"):
            Step(model)(torch.tensor([wrong]), 0, cache.k, cache.v)
    with pytest.raises(AssertionError, match="room for 19"):
        Step(model)(torch.tensor([1]), 19, cache.k, cache.v)


def test_what_is_not_plain_float32_on_a_cpu_is_left_to_torch():
    model = random_model(ModelConfig(**SHAPES[0], block_size=19))
    assert writes(model)
    model.h[0].mlp.c_fc.weight = torch.nn.Parameter(model.h[0].mlp.c_fc.weight.t().contiguous().t())
    assert not writes(model)
    assert not writes(random_model(ModelConfig(**SHAPES[0], block_size=19)).bfloat16())
    assert not writes(random_model(ModelConfig(**SHAPES[0], block_size=19)).to("meta"))


def program(text: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", text], cwd=ROOT, env={**os.environ, **variables}, text=True,
                          capture_output=True, timeout=100)  # fmt: skip


def test_it_is_built_once_and_kept_in_the_users_cache(tmp_path):
    text = "import torch; from slm import native; assert native.library(); print(native._built())"
    first = program(text, XDG_CACHE_HOME=str(tmp_path))
    built = Path(first.stdout.strip())
    assert built.parent == tmp_path / "slm" and list(built.parent.iterdir()) == [built], first.stderr
    assert built.parent.stat().st_mode & 0o77 == 0  # nobody else may put code there
    made = built.stat().st_mtime_ns
    assert program(text, XDG_CACHE_HOME=str(tmp_path)).stdout == first.stdout
    assert built.stat().st_mtime_ns == made


@pytest.mark.parametrize("broken", ["no compiler", "a compiler that fails", "no place to keep it", "no code"])
def test_where_it_cannot_be_had_torch_writes(tmp_path, broken):
    compiler = tmp_path / "bin" / "cc"
    compiler.parent.mkdir()
    variables = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(compiler.parent)}
    if broken == "a compiler that fails":
        compiler.write_text("#!/bin/sh\nexit 1\n")
    elif broken == "no code":
        compiler.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho x > "$2"\n')
    elif broken == "no place to keep it":
        (tmp_path / "cache").write_text("a file")
        variables["PATH"] = os.environ["PATH"]
    if compiler.exists():
        compiler.chmod(0o755)
    text = """
import torch
from torch.nn import functional as F

from slm import native
from slm.config import ModelConfig
from slm.decode import Decoder
from slm.int8 import int8_model
from slm.model import GPT, initialise
assert native.library() is None
model = GPT(ModelConfig(n_layer=1, n_head=1, n_embd=8, vocab_size=11, block_size=7)).eval()
initialise(model, seed=1)
with torch.inference_mode():
    for either in (model, int8_model(model)):
        decoder = Decoder(either, [1])
        decoder.step(torch.tensor([2]))
        print(decoder.logits.shape)
"""
    done = program(text, **variables)
    assert done.stdout == "torch.Size([1, 11])\n" * 2, done.stderr


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s['architecture']}-{s['n_embd']}")
@torch.inference_mode()
def test_compiled_and_torch_write_int8_alike(monkeypatch, shape):
    model = random_model(ModelConfig(**shape, block_size=19))
    ids = torch.randint(model.config.vocab_size, (1, 19))
    compiled = int8_model(model)(ids)
    monkeypatch.setattr("slm.int8.library", lambda: None)
    assert F.mse_loss(int8_model(model)(ids), compiled).sqrt() < 0.05 * compiled.std()


@torch.inference_mode()
def test_stories_can_be_chosen_anew_and_read_again():
    model = random_model(ModelConfig(**SHAPES[0], block_size=19))
    decoder = Decoder(model, [5, 6, 7], 3)
    decoder.step(torch.tensor([11, 12, 13]))
    decoder.choose(torch.tensor([2, 0, 2]))
    decoder.step(torch.tensor([21, 22, 23]))
    ids = torch.tensor([[5, 6, 7, 13, 21], [5, 6, 7, 11, 22], [5, 6, 7, 13, 23]])
    torch.testing.assert_close(decoder.logits, model(ids)[:, -1], atol=1e-4, rtol=1e-4)
    decoder.read_again(ids[:, 2:])
    decoder.step(torch.tensor([31, 32, 33]))
    again = torch.cat((ids[:, 2:], torch.tensor([[31], [32], [33]])), 1)
    torch.testing.assert_close(decoder.logits, model(again)[:, -1], atol=1e-4, rtol=1e-4)
