"""What a page shows of the run it watches, sent once."""

from __future__ import annotations

from demo.session import Session
from demo.watching import shown_run, watch
from slm.runs import EventLog
from tests.demo.making import make_run


def test_the_run_shown_is_the_chosen_one_else_the_newest(session: Session) -> None:
    assert shown_run(session, "latest") is None
    make_run(session, "old", "train", created=1.0)
    make_run(session, "new", "train", "end", created=2.0)
    assert shown_run(session, "latest").name == "new"
    assert shown_run(session, "old").name == "old"
    assert shown_run(session, "gone").name == "new"


def test_nothing_is_sent_twice(session: Session) -> None:
    run = make_run(session, "one", "start", "train")
    view = watch(session, "latest")
    assert view is not None and watch(session, "latest", seen=view.version) is None
    with EventLog(run / "events.jsonl") as log:
        log.append("end", 2, reason="stopped", message="")
    later = watch(session, "latest", seen=view.version)
    assert later is not None and later.can_stop is False
    assert watch(session, "latest", seen=later.version) is None


def test_an_empty_folder_is_a_page_too(session: Session) -> None:
    view = watch(session, None)
    assert view is not None and "No run yet" in view.status and not view.can_stop and not view.can_resume
