"""Deleting a prepared data set from the page."""

from __future__ import annotations

import shutil
import uuid

from demo import preparing
from demo.session import Session
from slm.runs import check_name, training_holder


def delete_dataset(session: Session, name: str | None) -> None:
    """Remove a data set, and the text or file that it was made from.

    Raises ValueError where there is none of this name, where it is being made, and where a training reads it.
    """
    session.manifest(name)
    name = check_name(name or "")
    folder = session.data / name
    if folder.resolve().parent != session.data.resolve():
        raise ValueError(f"data set {name} lies somewhere else; delete it there")
    if preparing.running_job(session.data) == name:
        raise ValueError(f"data set {name} is being prepared; wait until it is ready, or cancel it")
    if holder := training_holder(session.checkpoints):
        learnt = next((run.data for run in session.runs() if run.name == holder["run"]), None)
        if learnt in (name, None):  # a run that has only just begun does not say yet what it reads
            raise ValueError(f"run {holder['run']} is learning from {name} now; stop it first")
    # Moved first: a half-removed data set never stands in the list.
    aside = folder.with_name(f".deleted-{name}-{uuid.uuid4().hex[:8]}")
    folder.rename(aside)
    preparing.forget(name, session.data)
    shutil.rmtree(aside)
