"""Handlers of the Runs tab, called without a page."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio")
import gradio as gr

from demo import reporting
from demo.comparing import NO_CURVE, Seen, seen_now
from demo.session import Session
from demo.stories import Story
from demo.tabs import runs
from demo.tabs.runs import NOTHING_TOLD
from slm.runs import EventLog, write_json
from tests.demo.making import make_bundled, make_trained

pytestmark = pytest.mark.usefixtures("told")


def value(update: Any) -> Any:
    return update.get("value", "kept") if isinstance(update, dict) else update


def test_the_run_is_deleted_that_was_named(session: Session, told: list[str]) -> None:
    for name in ("a", "b"):
        make_trained(session, name, end="stopped")
    runs.delete_chosen(session, "a", "")
    assert [run.name for run in session.runs()] == ["b"] and told == ["Deleted: a is gone."]


def test_a_bundled_model_brings_no_curve(session: Session) -> None:
    make_trained(session, "own")
    make_bundled(session, "came")
    seen, compare, curve, _, _ = runs.choose_run(session, None, "came", str(seen_now(session, ["own"])))
    assert compare["value"] == [] and compare["choices"] == ["own"]
    assert curve["runs"] == [] and curve["nothing"] == NO_CURVE and Seen.parse(seen).names == ()
    _, compare, curve, _, _ = runs.choose_run(session, None, "own", seen)
    assert compare["value"] == ["own"] and [run["name"] for run in curve["runs"]] == ["own"]
    _, _, run, compare, curve, *_ = runs.paint(session, None, "came", [])
    assert value(run) == "kept" and compare["value"] == [] and curve["nothing"] == NO_CURVE


def test_what_is_new_takes_nothing_from_who_looks(session: Session) -> None:
    run = make_trained(session, "one", snapshots=2)
    seen = str(seen_now(session, ["one"]))
    assert runs.tick(session, "one", ["one"], seen, 1) == gr.skip()
    with EventLog(run / "events.jsonl") as log:
        log.append("eval", 2, val_loss=2.0, val_bpb=0.8)
    after, table, chosen, compare, _, stage = runs.tick(session, "one", ["one"], seen, 1)
    assert "0.800" in table["value"][0]
    assert chosen == compare == gr.skip()  # the lists are the same
    assert "value" not in stage and stage["maximum"] == 2
    asked, after = json.loads(after)
    assert asked == seen and runs.tick(session, "one", ["one"], after, 1) == gr.skip()
    make_trained(session, "two")
    after, _, chosen, compare, _, stage = runs.tick(session, "one", ["one"], after, 1)
    assert [name for name, _ in chosen["choices"]] == compare["choices"] == ["one", "two"]
    assert "value" not in chosen and "value" not in compare and "value" not in stage


def test_the_time_machine_goes_to_the_last_snapshot_where_its_own_was_put_away(session: Session) -> None:
    run = make_trained(session, "one", snapshots=3)
    seen = str(seen_now(session, ["one"]))
    shutil.rmtree(run / "snapshots/000002")
    with EventLog(run / "events.jsonl") as log:
        log.append("eval", 3, val_loss=2.0, val_bpb=0.8)
    *_, stage = runs.tick(session, "one", ["one"], seen, 3)
    assert (stage["maximum"], stage["value"]) == (2, 2)
    *_, stage = runs.tick(session, "one", ["one"], seen, 1)
    assert "value" not in stage


def test_a_story_of_the_time_machine_ends_when_another_run_is_chosen(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = SimpleNamespace(session_hash="page")
    make_trained(session, "one", snapshots=1)

    def write(*args: Any, **options: Any) -> Any:
        for text in ("Once", "Once upon"):
            yield [Story("one", "", 7, text=text)]

    monkeypatch.setattr(runs, "write", write)
    for chosen, left in (("two", 0), ("one", 1)):  # late news of the choice of "one" does not end a story of it
        telling = runs.tell(session, "one", "", 7, 1, page)
        assert "Once" in next(telling)
        row = SimpleNamespace(row_value=[chosen])
        assert NOTHING_TOLD in runs.forget_told(session, page, chosen) == runs.forget_row(session, page, row)
        assert len(list(telling)) == left


def test_what_became_of_a_report_card_goes_with_the_name(session: Session) -> None:
    for name in ("a", "b"):
        make_trained(session, name, end="stopped")
        write_json(session.checkpoints / f".reports/{name}/job.json", {})
        assert reporting.progress(session, name)["stage"] == "error"
    runs.delete_chosen(session, "a", "")
    runs.rename_chosen(session, "b", "c", "")
    for name in ("a", "b"):
        make_trained(session, name, end="stopped")
        assert reporting.progress(session, name) is None


def test_what_is_gone_is_chosen_no_more(session: Session) -> None:
    make_trained(session, "one")
    shown = Seen(("gone", "one"), curves="old")
    seen, _, chosen, compare, _, stage = runs.tick(session, "gone", ["gone", "one"], str(shown), 1)
    assert chosen["value"] == "one" and compare["value"] == ["one"] and stage == gr.skip()
    asked, seen = json.loads(seen)
    assert asked == str(shown)
    assert Seen.parse(seen).names == ("one",) and Seen.parse(seen).curves == "old"  # so that the curves are sent


def test_an_empty_new_name_is_asked_for(session: Session, told: list[str]) -> None:
    make_trained(session, "one", end="stopped")
    for name in ("", "  ", None):
        runs.rename_chosen(session, "one", name, "")
    assert told == ["Not yet: type the new name first."] * 3
    runs.rename_chosen(session, "one", " other ", "")
    assert told[-1] == "Renamed: one is called other now." and (session.checkpoints / "other").is_dir()
