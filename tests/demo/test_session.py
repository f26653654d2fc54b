"""What a page may ask of its server: names that lead nowhere else, and the models there are."""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from demo.memory import ModelCache
from demo.rights import Rights
from demo.session import Session, check_prompt, sentence
from slm.runs import EventLog, record_process, write_json
from tests.demo.making import make_run

# --- names and words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", None, "C:\\x", "nobody", "x\x00"])
def test_a_name_leads_nowhere_else(session: Session, name: str | None) -> None:
    session.checkpoints.mkdir()
    (session.checkpoints.parent / "x").mkdir()
    for ask in (session.run_dir, session.model_path, session.manifest):
        with pytest.raises(ValueError):
            ask(name)


def test_a_link_out_of_the_folder_is_no_run(session: Session, tmp_path: Path) -> None:
    session.checkpoints.mkdir()
    (tmp_path / "secret").mkdir()
    (session.checkpoints / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError):
        session.run_dir("link")


@pytest.mark.parametrize("step", ["../..", "999999", "x", "0003"])
def test_a_snapshot_is_one_that_is_there(session: Session, step: str) -> None:
    (make_run(session, "one", "train") / "snapshots/000300").mkdir(parents=True)
    assert session.model_path("one@000300").name == "000300"
    with pytest.raises(ValueError):
        session.model_path(f"one@{step}")


def test_a_prompt_may_be_empty_but_not_endless() -> None:
    assert check_prompt(None, most=9) == ""
    assert check_prompt("a" * 20_000, most=20_000) == "a" * 20_000
    with pytest.raises(ValueError, match="20,001 characters, the most possible is 20,000"):
        check_prompt("a" * 20_001, most=20_000)


def test_an_error_is_one_sentence() -> None:
    assert sentence(ValueError("the model is gone")) == "The model is gone."
    assert sentence("Is it?") == "Is it?"
    assert sentence(ValueError()) == "Something went wrong."
    full = OSError(errno.ENOSPC, "No space left on device", "/data/mine")
    assert sentence(full) == "/data/mine cannot be used (No space left on device)."
    assert sentence(OSError("the Hub is away")) == "The Hub is away."


# --- models -------------------------------------------------------------------------------------------------


@pytest.fixture
def own_home(model_home: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoints folder that a test may change."""
    return Path(shutil.copytree(model_home, tmp_path / "home"))


def test_a_class_writes_with_the_newest_snapshot_of_what_trains(own_home: Path) -> None:
    run = own_home / "learning"
    write_json(run / "run.json", {"created": 9.0})
    record_process(run)
    session, watched = Session(own_home, own_home), Session(own_home, own_home, Rights("code"))
    assert watched.default_model() == "small"  # nothing saved yet
    with pytest.raises(ValueError, match="not saved a model yet"):
        watched.model_path("learning@newest")
    for step in ("000003", "000010"):
        shutil.copytree(own_home / "small", run / "snapshots" / step)
        assert watched.default_model() == "learning@newest" and session.default_model() == "small"
        assert watched.model_path("learning@newest").name == step
        assert watched.language_model("learning@newest").about["step"] == 5
    (label, value), *others = watched.model_choices()
    assert value == "learning@newest" and re.fullmatch(r"newest snapshot of learning .*step 10, \d+ (s|min) old", label)
    assert [name for _, name in others] == ["learning", "small"]
    remark = watched.remark_on_model("learning@newest", {"step": 10})
    assert re.fullmatch(r"learning as it was after step 10, saved \d+ (s|min) ago\.", remark)
    assert watched.remark_on_model("learning", {"step": 10}) == ""


def test_a_best_snapshot_that_is_replaced_while_it_is_read_gives_way_to_the_next(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own_home / "learning"
    write_json(run / "run.json", {"created": 9.0})
    shutil.copytree(own_home / "small", run / "snapshots/000003")
    write_json(run / "best.json", {"snapshot": "snapshots/000003"})
    session, read = Session(own_home, own_home), ModelCache.get

    def saved_meanwhile(cache: ModelCache, path: Path) -> Any:
        if path.name == "000003":
            path.rename(path.with_name("000010"))
            write_json(run / "best.json", {"snapshot": "snapshots/000010"})
        return read(cache, path)

    monkeypatch.setattr(ModelCache, "get", saved_meanwhile)
    assert session.language_model("learning").about["step"] == 5
    shutil.rmtree(run / "snapshots")
    with pytest.raises(ValueError, match="not saved a model yet"):
        session.language_model("learning")


def test_a_models_exact_name_means_the_same_when_its_run_has_saved_others(own_home: Path) -> None:
    session, run = Session(own_home, own_home), own_home / "learning"
    write_json(run / "run.json", {"created": 9.0})
    shutil.copytree(own_home / "small", run / "snapshots/000005")
    for value in ("learning", "learning@newest", "learning@000005"):
        assert session.exact_name(value, {"step": 5}) == "learning@000005"
    assert session.exact_name("small", {"step": 5}) == "small", "a model without snapshots has no other"
    assert session.exact_name("learning", {}) == "learning"


def test_a_newcomer_meets_the_bundled_model_unless_one_trained_here_writes_well(own_home: Path) -> None:
    session = Session(own_home, own_home)

    def trained(name: str, val_bpb: float, created: float) -> None:
        run = make_run(session, name, "start", created=created)
        with EventLog(run / "events.jsonl") as log:
            log.append("eval", 1, val_loss=2.0, val_bpb=val_bpb)
            log.append("end", 2, reason="stopped", message="")
        shutil.copytree(own_home / "small", run / "snapshots/000002")

    trained("hardly", 2.1, 9.0)
    assert session.default_model() == "small"
    trained("good", 1.1, 3.0)
    trained("better", 0.9, 2.0)
    assert session.default_model() == "good", "the newest of those that write well"
    shutil.rmtree(own_home / "small")
    shutil.rmtree(own_home / "good")
    shutil.rmtree(own_home / "better")
    assert session.default_model() == "hardly"


def test_the_models_that_came_along_are_there_wherever_runs_are_kept(own_home: Path, tmp_path: Path) -> None:
    session = Session(tmp_path / "elsewhere", tmp_path, bundled=own_home)
    assert [run.name for run in session.runs()] == ["small"]
    assert session.language_model(session.default_model()).about["step"] == 5
    (own_home / "a-run").mkdir()
    write_json(own_home / "a-run" / "run.json", {})
    assert [run.name for run in session.runs()] == ["small"]
