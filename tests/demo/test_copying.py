"""The copy check of a page's stories: what they are compared with, and what is said where that is not there."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import pytest

from demo.copying import check, compared_with
from demo.session import Session
from demo.stories import Story
from slm.data.batches import Corpus
from slm.data.copies import COPIES
from slm.files import read_json, write_json

PAGE = "page"


@pytest.fixture
def session(starter_data: Path, tmp_path: Path) -> Session:
    """A data set `starter`, a run that learnt from it, and a bundled model that learnt from others of its source."""
    shutil.copytree(starter_data / "starter", tmp_path / "data/starter")
    known = {"name": "starter", "fingerprint": Corpus(starter_data / "starter").fingerprint, "source": "starter"}
    write_json(tmp_path / "checkpoints/own/run.json", {"data": known})
    write_json(tmp_path / "checkpoints/came/config.json", {})
    (tmp_path / "checkpoints/came/model.safetensors").touch()
    write_json(tmp_path / "checkpoints/came/slm.json", {"data": {**known, "name": "more", "fingerprint": "ab" * 32}})
    return Session(tmp_path / "checkpoints", tmp_path / "data")


def words(markup: str) -> str:
    return html.unescape(re.sub("<[^>]*>", " ", markup))


def why_not(session: Session) -> str:
    with pytest.raises(ValueError) as refused:
        compared_with(session, "came")
    return str(refused.value)


def test_a_model_is_compared_with_the_stories_that_it_learnt_from(session: Session) -> None:
    assert compared_with(session, "own") == (session.data / "starter", "")


def test_else_with_others_of_the_same_source_and_that_is_said(session: Session) -> None:
    folder, remark = compared_with(session, "came")
    assert folder == session.data / "starter"
    assert "stories that came learnt from are not here" in remark and "compares with starter" in remark
    session.written.keep(PAGE, [Story("came", "Once upon a time", 1)])
    assert remark in words(check(session, PAGE))


@pytest.mark.parametrize("lack", ["other source", "no index"])
def test_a_bundled_model_without_such_stories_says_that_they_did_not_come_along(session: Session, lack: str) -> None:
    if lack == "no index":
        shutil.rmtree(session.data / "starter" / COPIES)
    else:
        about = session.checkpoints / "came/slm.json"
        write_json(about, {"data": {**read_json(about)["data"], "source": "tinystories"}})
        assert "prepare tinystories in the Data tab" in why_not(session)
    assert "the stories that came learnt from did not come along with it" in why_not(session)


def test_a_run_whose_data_set_was_deleted_says_which_one(session: Session) -> None:
    shutil.rmtree(session.data / "starter")
    with pytest.raises(ValueError, match=r"learnt from \(starter\) are not on this computer"):
        compared_with(session, "own")


def test_of_two_stories_each_note_names_its_own(session: Session) -> None:
    shutil.rmtree(session.data / "starter")
    told = [Story("own", "Once", 1, label="temperature 0.3"), Story("came", "Once", 1)]
    session.written.keep(PAGE, told)
    first, second = check(session, PAGE).split("</article>")[:2]
    assert "Story 1 \u00b7 temperature 0.3" in words(first) and "(starter) are not on this computer" in words(first)
    assert "Story 2" in words(second) and "did not come along" in words(second)
    session.written.keep(PAGE, told[:1])
    assert "Story 1" not in check(session, PAGE)
