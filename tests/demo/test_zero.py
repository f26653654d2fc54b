"""ZeroGPU with a stand-in for the package `spaces`: what is decorated runs in another process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from demo import training, zero
from demo.session import Session
from demo.watching import watch
from slm.config import SampleConfig
from slm.launch import TrainSpec
from slm.precision import Int8Copy
from slm.runs import list_runs, read_events, status, summarize, training_holder
from tests.engine import random_lm
from tests.waiting import wait_for


@pytest.fixture
def lent(monkeypatch, tmp_path: Path, starter_data: Path):
    """A session on a machine that seems to be a Space with ZeroGPU."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "standins"))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    sys.modules.pop("spaces", None)
    assert zero.is_here()
    yield Session(tmp_path / "checkpoints", starter_data, zero=zero.Zero())
    sys.modules.pop("spaces", None)


def test_only_a_space_with_zerogpu_is_one(monkeypatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not zero.is_here()
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(zero.importlib.util, "find_spec", lambda name: None)
    assert not zero.is_here()


def test_a_large_model_writes_the_same_story_in_a_lease(lent: Session, monkeypatch) -> None:
    from slm.checkpoint import save

    lm = random_lm("gpt2")
    save(lent.checkpoints / "one", lm.model, lm.tokenizer, about={})
    small = lent.language_model("one")
    assert not isinstance(small, zero.Leased)
    monkeypatch.setattr(zero, "LEASED_PARAMETERS", 1)
    large = Session(lent.checkpoints, lent.data, zero=lent.zero).language_model("one")
    assert isinstance(large, zero.Leased)
    options = {"max_new_tokens": 9, "seed": 7}
    assert list(large.write_many("Once", 2, **options)) == list(small.write_many("Once", 2, **options))
    assert large.tokens_read("Once") == small.tokens_read("Once")
    assert large.generate("Once", **options) == small.generate("Once", **options)
    assert large.generate("Once", 9, seed=7) == small.generate("Once", 9, seed=7)
    with pytest.raises(ValueError, match="temperature"):
        large.generate("Once", temperature=-1.0)


def test_what_a_lease_writes_is_exact_and_scored_by_what_wrote_it(lent: Session) -> None:
    lm = random_lm("gpt2")
    lm.int8 = Int8Copy(random_lm("gpt2", seed=1).model, 0.004)
    assert "int8" in lm.weights_used(SampleConfig())
    asked: list[str] = []
    large = zero.Leased(lm, lent.checkpoints / "one", lambda path, *more: iter(asked.append(path) or []))
    assert large.weights_used(SampleConfig()) == "float32" and large.writer(SampleConfig()) is lm.model
    assert large.generate("Once") == "Once" and asked == [str(lent.checkpoints / "one")]


def test_leases_look_like_one_run_to_the_page(lent: Session, monkeypatch) -> None:
    monkeypatch.setattr(zero, "STRETCH_S", 1e-9)
    overrides = {"threads": 1, "eval_windows": 3, "sample_tokens": 5, "eval_interval": 2, "batch_size": 4}
    spec = TrainSpec(run="lent", data="starter", preset="golden", steps=3, overrides=overrides)
    run_dir = training.start(lent, spec, make_data=False)
    assert run_dir == lent.checkpoints / "lent"
    seen = set()

    def is_over() -> bool:
        over = training_holder(lent.checkpoints) is None
        assert watch(lent, "latest") is not None
        seen.add(list_runs(lent.checkpoints)[0].status)
        return over

    wait_for(is_over)
    assert seen <= {"running", "finished"} and status(run_dir) == "finished"
    events = read_events(run_dir)[0]
    assert [e["step"] for e in events if e["kind"] == "train"] == [1, 2, 3]
    assert [e["kind"] for e in events if e["kind"] in ("start", "end")] == ["start", "end"]

    monkeypatch.setattr(zero, "STRETCH_S", 30.0)
    training.resume(lent, run_dir, minutes=(summarize(run_dir).elapsed_s or 0.0) / 60 + 0.03)
    wait_for(lambda: training_holder(lent.checkpoints) is None)
    assert status(run_dir) == "finished"
    resumed = [e.get("resumed_from_step") for e in read_events(run_dir)[0] if e["kind"] == "start"]
    assert resumed == [None, 3]


def test_what_cannot_be_trained_is_told_at_once(lent: Session) -> None:
    spec = TrainSpec(run="lent", data="starter", preset="golden", steps=3, overrides={"device": "cuda:99"})
    with pytest.raises(ValueError, match="cuda:99"):
        training.start(lent, spec, make_data=False)
    assert not (lent.checkpoints / "lent").exists()
