from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slm.files import read_json, replacing, write_json

ROOT = Path(__file__).resolve().parent.parent


def test_json_keeps_values_and_writes_null_for_what_is_no_number(tmp_path):
    value = {"a": [1, 2.5, "é\n", None, True], "b": {"nan": math.nan, "inf": -math.inf}, "p": tmp_path, "t": (1, 2)}
    write_json(tmp_path / "deep" / "x.json", value)
    expected = {"a": [1, 2.5, "é\n", None, True], "b": {"nan": None, "inf": None}, "p": str(tmp_path), "t": [1, 2]}
    assert read_json(tmp_path / "deep" / "x.json") == expected
    assert os.listdir(tmp_path / "deep") == ["x.json"]


def test_broken_json_is_named(tmp_path):
    (tmp_path / "x.json").write_text('{"a": ')
    with pytest.raises(ValueError, match=r"x\.json is not JSON"):
        read_json(tmp_path / "x.json")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(RuntimeError, match="halfway"), replacing(tmp_path / "x") as part:
        part.write_text("new")
        raise RuntimeError("halfway")
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_folder_replaces_a_folder(tmp_path):
    for content in ("old", "new"):
        with replacing(tmp_path / "x") as part:
            (part / "in").mkdir(parents=True)
            (part / "in" / content).write_text(content)
    assert [p.name for p in (tmp_path / "x" / "in").iterdir()] == ["new"]
    assert os.listdir(tmp_path) == ["x"]


def test_readers_only_ever_see_whole_files(tmp_path):
    code = """
import sys
from slm.files import write_json
print("go", flush=True)
for n in range(300):
    write_json(sys.argv[1], {"n": n, "text": "x" * (n * 100)})
"""
    write_json(tmp_path / "x.json", {"n": -1, "text": ""})
    child = subprocess.Popen([sys.executable, "-c", code, tmp_path / "x.json"], cwd=ROOT, stdout=subprocess.PIPE)
    child.stdout.readline()
    while child.poll() is None:
        value = read_json(tmp_path / "x.json")
        assert len(value["text"]) == max(0, value["n"]) * 100
    assert read_json(tmp_path / "x.json")["n"] == 299


def test_a_name_that_is_read_at_the_moment_is_replaced_a_little_later(tmp_path, monkeypatch):
    replace, refused = os.replace, []

    def busy_at_first(source, target):
        if len(refused) < 3:
            refused.append(target)
            raise PermissionError(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy_at_first)
    write_json(tmp_path / "x.json", 7)
    assert read_json(tmp_path / "x.json") == 7 and len(refused) == 3


def test_a_file_that_is_too_large_is_told_unread(tmp_path):
    with open(tmp_path / "x.json", "wb") as file:
        file.truncate(2_500_000)
    with pytest.raises(ValueError, match=r"x\.json has 2\.5 MB, the most possible is 2\.4 MB"):
        read_json(tmp_path / "x.json", most_bytes=2_400_000)
    write_json(tmp_path / "x.json", "x" * 97)
    assert read_json(tmp_path / "x.json", most_bytes=100) == "x" * 97
