"""Which snapshot the Inside tab looks into, while a training adds some and thins others out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
gr = pytest.importorskip("gradio")

from demo.inspecting import Stages, look, look_up, open_model  # noqa: E402
from demo.session import Session  # noqa: E402
from demo.tabs import inside  # noqa: E402
from slm.checkpoint import save  # noqa: E402
from slm.runs import write_json  # noqa: E402
from tests.engine import random_lm  # noqa: E402

STEPS = (5, 45, 231)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A run with three snapshots of different weights, and a model that came without its training."""
    for step in STEPS:
        lm = random_lm("nanochat", seed=step)
        save(tmp_path / f"c/run/snapshots/{step:06d}", lm.model, lm.tokenizer, about={"val_loss": step / 100})
    write_json(tmp_path / "c/run/run.json", {"run": "run", "created": 1.0, "train": {}})
    save(tmp_path / "c/plain", lm.model, lm.tokenizer, about={})
    return Session(tmp_path / "c", tmp_path / "d")


def remove(session: Session, step: int) -> None:
    shutil.rmtree(session.checkpoints / f"run/snapshots/{step:06d}")


@pytest.mark.parametrize("stages", [Stages("run", STEPS), Stages("run", ()), Stages("run", (5,))])
def test_what_a_slider_means_survives_the_way_over_the_page(stages):
    assert Stages.read(str(stages)) == stages


@pytest.mark.parametrize("text", [None, "", "run:1,x", "run:,", "run:-5", "x:\u00b2"])
def test_what_no_page_wrote_means_nothing(text):
    assert Stages.read(text).steps == ()


def test_places_and_steps():
    stages = Stages("run", STEPS)
    assert [stages.step_at(place) for place in (1, 2, 3, None, 0, 99)] == [5, 45, None, None, None, None]
    assert [stages.place_of(step) for step in (5, 45, 231, 20, 200, None)] == [1, 2, 3, 1, 3, 3]
    assert Stages("run", ()).place_of(7) == Stages("run", ()).place_of(None) == 1


def test_each_snapshot_is_looked_into(session: Session):
    stages = Stages.now(session, "run")
    assert stages == Stages("run", STEPS)
    seen = [look(session, "run", stages, place, "Once upon a time") for place in (1, 2, 3)]
    assert "after step 45 (number 2 of 3 snapshots, validation loss 0.45)" in seen[1]["title"]
    assert len({json.dumps(value["probs"]) for value in seen}) == 3
    for step, value in zip(STEPS, seen, strict=True):
        own = random_lm("nanochat", seed=step).inspect("Once upon a time", top=12)
        assert [[id for id, _ in row] for row in value["probs"]] == [[id for id, *_ in row] for row in own.probs]
        assert value["remark"] == ""


def test_the_right_end_is_the_newest_even_when_a_newer_has_come(session: Session):
    stages = Stages.now(session, "run")
    lm = random_lm("nanochat", seed=7)
    save(session.checkpoints / "run/snapshots/000400", lm.model, lm.tokenizer, about={})
    assert "after step 400 (the newest of 4 snapshots)" in open_model(session, "run", stages, 3).title
    assert "after step 45 " in open_model(session, "run", stages, 2).title


def test_of_a_snapshot_that_is_gone_the_nearest_is_shown_and_said(session: Session):
    stages = Stages.now(session, "run")
    remove(session, 45)
    opened = open_model(session, "run", stages, 2)
    assert "after step 5 (the first of 2" in opened.title
    assert opened.remark.startswith("The snapshot of step 45 is gone")


def test_a_snapshot_that_goes_while_it_is_read_is_looked_for_again(session: Session, monkeypatch):
    get = session.models.get

    def first_remove(path: Path):
        if path.name == "000045" and path.exists():
            remove(session, 45)
        return get(path)

    monkeypatch.setattr(session.models, "get", first_remove)
    assert "after step 5 " in open_model(session, "run", Stages("run", STEPS), 2).title


def test_a_broken_snapshot_is_told_and_not_looked_for_for_ever(session: Session):
    (session.checkpoints / "run/snapshots/000231/config.json").write_text("{")
    with pytest.raises(ValueError):
        open_model(session, "run", Stages("run", STEPS), 3)


def test_a_model_without_snapshots_needs_no_slider(session: Session):
    assert open_model(session, "plain", Stages("run", STEPS), 1).title == "plain"
    text, slider = inside.choose_model(session, "plain")
    assert (text, slider["visible"]) == ("plain:", False)


def test_no_byte_of_a_character_is_shown_as_a_box(session: Session):
    seen = look(session, "plain", Stages("plain", ()), None, "Once \U0001f436")
    guesses = {name for layer in seen["lens"] for name, _ in layer}
    assert any(set(name) <= set("0123456789ABCDEF ") for name in guesses), "this model guesses bytes"
    assert "\ufffd" not in json.dumps([seen["lens"], seen["names"]], ensure_ascii=False)
    with pytest.raises(ValueError, match="no text to look into"):
        look(session, "plain", Stages("plain", ()), None, "")


@pytest.mark.parametrize("model", [None, "", "nobody", "../c/run"])
def test_no_model_is_a_sentence(session: Session, model):
    with pytest.raises(ValueError):
        look(session, model, Stages("", ()), 1, "Once")


def test_an_empty_text_and_no_word_are_sentences(session: Session):
    with pytest.raises(ValueError, match="no text"):
        look(session, "plain", Stages("", ()), 1, "")
    with pytest.raises(ValueError, match="type a word"):
        look_up(session, "plain", Stages("", ()), 1, "  ")


def test_a_text_longer_than_the_context_is_seen_at_its_end(session: Session):
    value = look(session, "plain", Stages("", ()), 1, "a big day " * 40)
    assert len(value["ids"]) == 23
    assert value["skipped"] > 23


def test_a_word_is_read_as_it_stands_in_a_sentence(session: Session):
    lm = random_lm("nanochat")
    value = look_up(session, "plain", Stages("", ()), 1, "girl")
    assert value["ids"] == lm.tokenizer.encode(" girl")
    assert len(value["ids"]) == 1
    several = look_up(session, "plain", Stages("", ()), 1, "xylophones and others")
    assert len(several["ids"]) == 6
    assert "\u2026" in several["lead"]


# --- following a training -----------------------------------------------------------------------------------------


def follow(session: Session, stages: Stages, place: int):
    return inside.follow(session, "run", str(stages), place)


def nothing(update) -> bool:
    return update == gr.skip()


def test_a_page_at_the_right_end_follows_and_one_elsewhere_keeps_its_step(session: Session):
    stages = Stages.now(session, "run")
    assert all(nothing(update) for update in follow(session, stages, 3))
    lm = random_lm("nanochat", seed=7)
    save(session.checkpoints / "run/snapshots/000400", lm.model, lm.tokenizer, about={})
    text, slider, newest = follow(session, stages, 3)
    assert text == newest == "run:5,45,231,400"
    assert (slider["value"], slider["maximum"]) == (4, 4)
    text, slider, newest = follow(session, stages, 2)
    assert slider["value"] == 2 and nothing(newest)
    remove(session, 5)
    assert follow(session, Stages.read(text), 2)[1]["value"] == 1  # still step 45


def test_a_run_that_was_deleted_is_no_error_of_a_tick(session: Session):
    shutil.rmtree(session.checkpoints / "run")
    assert all(nothing(update) for update in follow(session, Stages("run", STEPS), 3))


def test_a_look_is_left_out_where_the_page_asked_for_another_meanwhile(session: Session, monkeypatch):
    page, stages = SimpleNamespace(session_hash="page"), str(Stages.now(session, "run"))

    def ask(place: int):
        return inside.look_inside(session, page, "run", stages, place, "Once upon a time")

    whole, newer = inside.look, []

    def slow(*args):
        seen = whole(*args)
        if not newer:
            newer.append(None)
            newer[0] = ask(2)
        return seen

    monkeypatch.setattr(inside, "look", slow)
    assert ask(1) == gr.skip() and "after step 45" in newer[0]["title"]
    assert "after step 5 " in ask(1)["title"]
