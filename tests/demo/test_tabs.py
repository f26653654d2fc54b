"""Handlers of the Train, Data and Write tabs, called without a page."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio")
import gradio as gr

from demo import measuring
from demo.forms import STARTER, preset_values
from demo.measuring import Speed
from demo.rights import Rights
from demo.session import Session
from demo.tabs import data, runs, train, write
from demo.views.size import NOT_MEASURED
from slm.runs import record_process, write_json
from tests.demo.making import make_bundled, make_trained

pytestmark = pytest.mark.usefixtures("told")


# --- Train --------------------------------------------------------------------------------------------------


def form(**changes: Any) -> list[Any]:
    return [changes.get("data", STARTER), "golden", changes.get("minutes", 1.0), "", *preset_values("golden")]


def test_a_mistake_is_told_to_who_made_it_alone(session: Session, told: list[str]) -> None:
    list(train.start_training(session, *form(minutes=0), ""))
    list(train.resume_training(session, "latest", 5.0, ""))
    assert told[0].startswith("Not started: there is no end") and told[1].startswith("Not resumed: there is no run")
    assert session.notices == {}


def test_pupils_see_what_is_foretold_once_the_machine_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights("a-code"))
    monkeypatch.setattr(measuring, "_ask", lambda key: Speed(1234.0, 100.0, "cpu"))
    assert NOT_MEASURED.split(":")[0] in train.look_ahead(session, *form(), "")[1]
    key = session.rights.unlock("a-code", "teacher")
    assert "1.23 k tokens a second" in train.look_ahead(session, *form(), key)[1]
    assert "1.23 k tokens a second" in train.look_ahead(session, *form(), "")[1]


def test_what_is_wrong_with_the_form_stays_said(session: Session) -> None:
    counts = {"stories": 1, "tokens": 7, "bytes": 28}
    write_json(session.data / "own/manifest.json", {"fingerprint": "x", "vocab_size": 512, "train": counts})
    told = train.explain(session, *form(data="own"))
    assert "own has 7 tokens" in told[0] and told[0] == told[2]
    # Once more with the forecast, which comes last whatever older answers came between.
    assert train.look_ahead(session, *form(data="own"), "") == told


def test_where_nobody_trains_nobody_measures(tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights(switched_off=True))
    assert "switched off" in train.look_ahead(session, *form(), "")[1]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "learning rate falls quickly"),
        ({"decay_ratio": 0.4, "min_lr_ratio": 0.1}, "learning rate falls quickly"),
        ({"decay_ratio": 0.0}, "learning rate stays,"),
        ({"decay_ratio": 0.4, "min_lr_ratio": 1.0}, "learning rate stays,"),
    ],
)
def test_finish_says_what_becomes_of_the_learning_rate(
    session: Session, told: list[str], monkeypatch: pytest.MonkeyPatch, settings: dict[str, float], says: str
) -> None:
    run = make_trained(session, "one")
    write_json(run / "run.json", {"name": "one", "created": 1.0, "train": settings})
    monkeypatch.setattr(train, "shown_run", lambda *_: SimpleNamespace(name="one", status="running", path=run))
    monkeypatch.setattr(train.launch, "finish", lambda path: None)
    train.finish_training(session, "one", "")
    assert len(told) == 1 and told[0].startswith("Finishing: it") and says in told[0]


@pytest.mark.parametrize(("state", "minutes", "said"), [("finished", 3.0, " for 2 min more"), ("stopped", None, "")])
def test_resume_says_what_a_finished_run_gets_on_top(
    session: Session, monkeypatch: pytest.MonkeyPatch, state: str, minutes: float | None, said: str
) -> None:
    make_trained(session, "one", end=state)
    asked = []
    monkeypatch.setattr(train, "training", SimpleNamespace(resume=lambda *_, minutes: asked.append(minutes)))
    first, _ = train.resume_training(session, "one", 2.0, "")
    assert f"Going on with one{said}: the next numbers" in first and asked == [minutes]


# --- Data ---------------------------------------------------------------------------------------------------


def prepare(session: Session, text: str, file: Path | None) -> tuple[Any, Any]:
    return data.start_preparing(session, "text", "", text, file and str(file), "512", "", "", "")


def test_a_text_and_a_file_are_one_too_many(
    session: Session, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    monkeypatch.setattr(data.preparing, "start", lambda config, folder: begun.append(config.name))
    file = tmp_path / "story.txt"
    file.write_text("Once.")
    says, upload = prepare(session, "Twice.", file)
    assert "take the file away, or empty the text" in says and upload == gr.skip()
    assert begun == [] and told[0].startswith("Not started: there is a text and a file")
    _, upload = prepare(session, " ", file)
    assert begun == ["story-512"] and upload["value"] is None
    prepare(session, "Twice.", None)
    assert begun[1] == "own-text-1"


def test_the_newest_data_set_is_shown_first(session: Session) -> None:
    for name, created in (("a", 1.0), ("b", 2.0)):
        write_json(session.data / name / "manifest.json", {"name": name, "fingerprint": name, "created": created})
    chosen, offered = data.paint(session, None, "")[3:]
    assert [name for _, name in chosen["choices"]] == ["b", "a"]
    assert "value" not in chosen and json.loads(offered) == [None, "b"]


def test_a_new_data_set_is_offered_to_who_has_chosen_nothing_else_by_then(session: Session) -> None:
    for name, created in (("a", 1.0), ("made", 2.0)):
        write_json(session.data / name / "manifest.json", {"name": name, "fingerprint": name, "created": created})
    write_json(session.data / ".jobs/made/job.json", {})
    write_json(session.data / ".jobs/made/progress.json", {"stage": "done", "elapsed_s": 1.0})
    *_, chosen, offered = data.tick(session, "a", "tokenise", "")
    assert "value" not in chosen and json.loads(offered) == ["a", "made"]
    seen, *_, offered = data.tick(session, "a", "done a,old {}", "")
    assert json.loads(offered) == ["a", "made"], "made while nobody looked"
    assert data.tick(session, "a", seen, "") == gr.skip()
    write_json(session.data / "made/preview.json", ["The story of it."])
    name, manifest, preview = json.loads(data.show(session, "made"))
    assert name == "made" and ">made<" in manifest and "The story of it." in preview


def test_the_chosen_data_set_stays_whenever_the_tab_is_painted(session: Session) -> None:
    for name, created in (("a", 1.0), ("made", 2.0)):
        write_json(session.data / name / "manifest.json", {"name": name, "fingerprint": name, "created": created})
    write_json(session.data / ".jobs/made/job.json", {})
    write_json(session.data / ".jobs/made/progress.json", {"stage": "done", "elapsed_s": 1.0})
    seen, *_, offered = data.paint(session, None, "")
    assert json.loads(offered) == [None, "made"] and isinstance(seen, str)
    kept, *_, offered = data.paint(session, "a", "")
    assert json.loads(offered) == ["a", "a"]
    assert kept == gr.skip() and data.tick(session, "a", seen, "") == gr.skip()
    write_json(session.data / "another/manifest.json", {"name": "another", "fingerprint": "x", "created": 3.0})
    for known in (seen, ""):
        assert json.loads(data.tick(session, "a", known, "")[-1]) == ["a", "a"]


def test_a_data_set_that_is_deleted_brings_none_up_but_in_its_own_place(session: Session, told: list[str]) -> None:
    for created, name in enumerate(("old", "b", "newest"), 1):
        write_json(session.data / name / "manifest.json", {"name": name, "fingerprint": name, "created": created})
    for created, name in ((1, "old"), (2, "newest")):
        write_json(session.data / f".jobs/{name}/job.json", {})
        write_json(session.data / f".jobs/{name}/progress.json", {"stage": "done", "elapsed_s": 1.0})
        os.utime(session.data / f".jobs/{name}/job.json", (created, created))
    seen, *_ = data.paint(session, None, "")
    data.delete_set(session, "newest", "")
    assert json.loads(data.tick(session, "b", seen, "")[-1]) == ["b", "b"]
    assert json.loads(data.tick(session, "newest", seen, "")[-1]) == ["newest", "b"]


def test_what_the_disk_refuses_is_told(
    session: Session, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.data.write_text("a file, where a folder should be made")
    says, upload = prepare(session, "Once.", None)
    assert "cannot be used (" in says and upload == gr.skip()
    assert told.pop().startswith(f"Not started: {tmp_path}")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/a/folder")

    refused = "/a/folder cannot be used (Permission denied)."
    run = make_trained(session, "one", snapshots=1, end="stopped")
    monkeypatch.setattr(train, "spec", lambda *_: SimpleNamespace(run="two"))
    monkeypatch.setattr(train, "refresh_data", lambda *_: gr.skip())
    monkeypatch.setattr(train, "training", SimpleNamespace(start=refuse, resume=refuse))
    for name in ("unpack", "delete_run", "rename_run"):
        monkeypatch.setattr(runs, name, refuse)
    list(train.start_training(session, *form(), ""))
    list(train.resume_training(session, "one", 5.0, ""))
    runs.bring_in(session, "a.zip", "")
    runs.delete_chosen(session, "one", "")
    runs.rename_chosen(session, "one", "other", "")
    assert told == [f"{begin}: {refused}" for begin in ("Not started", "Not resumed", "Not brought in")] + [
        f"Not yet: {refused}"
    ] * 2
    assert run.is_dir()


# --- Write --------------------------------------------------------------------------------------------------


def test_a_model_is_offered_in_place_of_one_that_is_not_there(session: Session) -> None:
    make_bundled(session, "came")
    assert [json.loads(text) for text in write.refresh(session, None, "gone")[3:]] == [[None, "came"], ["gone", ""]]
    mine, other, _, *offered = write.refresh(session, "came", "")
    assert [json.loads(text) for text in offered] == [["came", "came"], ["", ""]]
    assert "value" not in mine and "value" not in other


def test_a_class_follows_what_trains_where_nobody_has_chosen_a_model(tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoints", tmp_path / "data", Rights("a-code"))
    make_bundled(session, "came")
    *_, suggested, offered, _ = write.refresh(session, None, "", "")
    assert suggested == "came" and json.loads(offered) == [None, "came"]
    record_process(make_trained(session, "learning", snapshots=2))
    own = Session(session.checkpoints, session.data)
    for page, asked, last, then in [
        (session, "came", "came", "learning@newest"),
        (session, "came", "", "came"),  # somebody chose it
        (session, "learning", "came", "learning"),
        (session, "learning@newest", "learning@newest", "learning@newest"),
        (own, "came", "came", "came"),
    ]:
        *_, suggested, offered, _ = write.refresh(page, asked, "", last)
        assert json.loads(offered) == [asked, then]
        assert suggested == (gr.skip() if then == asked else then)


def test_the_data_set_is_deleted_that_was_named(session: Session, told: list[str]) -> None:
    for name in ("a", "b"):
        write_json(session.data / name / "manifest.json", {"name": name, "fingerprint": name})
    data.delete_set(session, "a", "")
    assert [path.name for path in session.data.iterdir()] == ["b"] and told == ["Deleted: the data set a is gone."]
