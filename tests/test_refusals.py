"""What the disk refuses, as sentences."""

from __future__ import annotations

import errno
import os

import pytest

from slm.refusals import full_disk_told, in_words, make_folder, shown

NO_ROOM = [OSError(errno.ENOSPC, "No space left on device"), OSError("4096 requested and 17 written")]


@pytest.mark.parametrize("error", NO_ROOM, ids=["the system's", "numpy's"])
def test_a_full_disk_says_where_what_is_lost_and_the_way_out(tmp_path, error):
    place = tmp_path / "not" / "there"
    with pytest.raises(ValueError) as caught, full_disk_told(place, lost="no zip", advice="go elsewhere"):
        raise error
    told = f"{caught.value}"
    assert told.startswith(f"the disk of {place} is full, ") and told.endswith("no zip; make room, or go elsewhere")


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), OSError("ours"), KeyError("x")])
def test_what_is_no_full_disk_stays_what_it_is(tmp_path, error):
    with pytest.raises(type(error)) as caught, full_disk_told(tmp_path, lost="no zip", advice="go elsewhere"):
        raise error
    assert caught.value is error


def test_a_folder_is_made_or_it_is_said_why_not(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b", advice="go elsewhere")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(ValueError, match=r"^the folder .* cannot be made \(.+\); go elsewhere$"):
            make_folder(place, advice="go elsewhere")


def test_a_full_disk_is_left_to_who_knows_what_is_lost(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(OSError, match="No space left"):
        make_folder(tmp_path / "a", advice="go elsewhere")


def test_the_systems_number_is_not_for_people(tmp_path):
    assert in_words(OSError(errno.EACCES, "Permission denied", "a.txt")) == "a.txt cannot be used (Permission denied)"
    assert in_words(OSError(errno.EIO, "I/O error")) == "a file or the output cannot be used (I/O error)"
    assert in_words(OSError("a sentence of our own")) == "a sentence of our own"
    assert shown("x" * 300) == "x" * 120 + "..." and shown(tmp_path) == str(tmp_path)
