"""The optimizers against torch's, and the schedule's end points."""

from __future__ import annotations

import itertools

import pytest
import torch

from slm.config import ModelConfig, TrainConfig
from slm.model import GPT
from slm.optim import LossScale, Muon, Optimizer, learning_rate_scale, orthogonalise
from tests.engine import random_model

CONFIG = ModelConfig(architecture="gpt2", n_layer=2, n_head=2, n_embd=26, n_inner=59, block_size=23, vocab_size=101)


def test_orthogonalised_matrices_have_singular_values_near_one():
    x = torch.randn(3, 31, 47, generator=torch.Generator().manual_seed(1))
    for matrices in (x, x.mT.contiguous()):
        values = torch.linalg.svdvals(orthogonalise(matrices))
        assert values.min() > 0.4
        assert values.max() < 1.3
    torch.testing.assert_close(orthogonalise(x.mT), orthogonalise(x).mT)


def test_muon_equals_torchs_to_its_rounding():
    """torch.optim.Muon iterates in bfloat16, so its steps differ from ours by about one per cent."""
    shapes = {"a": (31, 47), "b": (47, 31), "c": (31, 47)}
    ours = {
        n: torch.nn.Parameter(torch.randn(s, generator=torch.Generator().manual_seed(2))) for n, s in shapes.items()
    }
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours.values()]
    begin = [p.detach().clone() for p in theirs]
    muon = Muon(ours, learning_rate=0.02)
    reference = torch.optim.Muon(theirs, lr=0.02, momentum=0.95, weight_decay=0.0, adjust_lr_fn="original")
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        for p, q in zip(ours.values(), theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        muon.step(1.0)
        reference.step()
    for p, q, start in zip(ours.values(), theirs, begin, strict=True):
        moved, wanted = p.detach() - start, q.detach() - start
        assert (moved - wanted).norm() < 0.03 * wanted.norm()


def test_muon_in_bfloat16_moves_as_in_float32_to_its_rounding():
    moved = {}
    for dtype in (torch.float32, torch.bfloat16):
        p = torch.nn.Parameter(torch.zeros(31, 47))
        p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(1))
        Muon({"a": p}, learning_rate=1.0, dtype=dtype).step(1.0)
        assert p.dtype == torch.float32
        moved[dtype] = p.detach()
    assert 0 < (moved[torch.bfloat16] - moved[torch.float32]).norm() < 0.05 * moved[torch.float32].norm()


def test_a_fused_qkv_matrix_moves_as_three():
    p = torch.nn.Parameter(torch.zeros(3 * 29, 29))
    p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(1))
    Muon({"h.0.attn.c_attn.weight": p}, learning_rate=1.0).step(1.0)
    for part, grad in zip(p.detach().chunk(3), p.grad.chunk(3), strict=True):
        torch.testing.assert_close(part, -orthogonalise(grad[None])[0], atol=1e-4, rtol=1e-4)


def test_adamw_alone_equals_torchs():
    ours, reference = random_model(CONFIG), random_model(CONFIG)
    config = TrainConfig(steps=5, optimizer="adamw", weight_decay=0.1, learning_rate=1e-2)
    optimizer = Optimizer(ours, config)
    matrices = [p for p in reference.parameters() if p.dim() >= 2]
    vectors = [p for p in reference.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    torchs = torch.optim.AdamW(groups, lr=1e-2 * 0.5, betas=(0.9, 0.95), eps=1e-10)
    ids = torch.randint(0, 101, (3, 20))
    for _ in range(4):
        for model, move in ((ours, lambda: optimizer.step(0.5)), (reference, torchs.step)):
            model.zero_grad()
            model.loss(ids[:, :-1], ids[:, 1:]).backward()
            move()
    for (name, p), q in zip(ours.named_parameters(), reference.parameters(), strict=True):
        if not name.endswith("c_attn.bias"):  # the keys' bias has no gradient but rounding, which Adam makes large
            torch.testing.assert_close(p, q, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_state_goes_on_where_it_was(kind):
    config = TrainConfig(steps=5, optimizer=kind)
    ids = torch.randint(0, 101, (3, 20))

    def steps(model: GPT, optimizer: Optimizer, count: int) -> None:
        for _ in range(count):
            model.zero_grad()
            model.loss(ids[:, :-1], ids[:, 1:]).backward()
            optimizer.step(1.0)

    whole = random_model(CONFIG)
    steps(whole, Optimizer(whole, config), 6)
    first = random_model(CONFIG)
    before = Optimizer(first, config)
    steps(first, before, 3)
    second = GPT(CONFIG)
    second.load_state_dict(first.state_dict())
    after = Optimizer(second, config)
    after.load_state({name: tensor.clone() for name, tensor in before.state().items()})
    steps(second, after, 3)
    for p, q in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_state_of_another_model_is_refused():
    model = random_model(CONFIG)
    with pytest.raises(ValueError, match="belongs to another model"):
        Optimizer(model, TrainConfig(steps=1, optimizer="muon")).load_state({})


def test_the_learning_rate_rises_stays_and_ends_at_the_budget():
    config = TrainConfig(steps=100, warmup_steps=10, decay_ratio=0.5, min_lr_ratio=0.1)
    scales = [learning_rate_scale(config, step=s, progress=s / 100) for s in range(101)]
    assert scales[0] == pytest.approx(0.1)
    assert scales[9:51] == pytest.approx([1.0] * 42)
    assert scales[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(scales[10:]))


def test_loss_scale_leaves_out_an_overflow_and_halves():
    scale = LossScale(8.0)
    p = torch.nn.Parameter(torch.tensor([1.0]))
    scale.enlarge((3 * p).sum()).backward()
    scale.restore([p])
    assert p.grad.item() == 3.0
    assert scale.is_sound(3.0)
    assert not scale.is_sound(float("inf"))
    assert scale.factor == 4.0
    assert not LossScale(None).is_sound(float("nan")) and LossScale(None).is_sound(1.0)
