"""A preparation that ends too soon, or is not alone: nothing half-made is read, kept or in the way."""

from __future__ import annotations

import errno
import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from slm import leftovers
from slm.config import PrepareConfig
from slm.data import encode, prepare
from slm.data.batches import Corpus
from slm.processes import start_mark
from tests.data.prepared import STORIES, contents, run, write
from tests.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.usefixtures("start_from_a_small_tokenizer")

SLOW = """
import sys, time
from slm import leftovers
from slm.config import PrepareConfig
from slm.data import encode, prepare
from slm.tokenizer import load_tokenizer
encode.CHUNK_CHARACTERS, encode.CHUNKS_ALONE = 1000, 1
prepare.load_gpt2 = lambda: load_tokenizer(sys.argv[3])
for progress in prepare.prepare(PrepareConfig(source=sys.argv[1], name="mine", vocab="512", workers=2), sys.argv[2]):
    if progress["stage"] == "tokenise" and progress["done"] > 100:
        print("half", flush=True)
        time.sleep(3600)
"""


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in its background passes over it
from slm import cli
from slm.data import encode, prepare
from slm.tokenizer import load_tokenizer
encode.CHUNK_CHARACTERS, encode.CHUNKS_ALONE = 1000, 0
prepare.load_gpt2 = lambda: load_tokenizer(sys.argv[3])
class Slow(prepare.Part):
    def write(self, path, encoded):
        for _ in super().write(path, encoded):
            print("half", flush=True)
            time.sleep(3600)
            yield
prepare.Part = Slow
sys.exit(cli.main(["prepare", "--source", sys.argv[1], "--vocab", "512", "--workers", "2", "--data-dir", sys.argv[2]]))
"""


def children(pid: int) -> list[int]:
    """The processes that this one started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="kills with SIGKILL and looks into /proc")
def test_a_preparation_that_was_killed_leaves_nothing_in_the_way(data_dir, stories_file, tmp_path, small_tokenizer):
    (tmp_path / "tokenizer").mkdir()
    small_tokenizer.save(tmp_path / "tokenizer")
    command = [sys.executable, "-c", SLOW, stories_file, data_dir, tmp_path / "tokenizer"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "half\n"
        (left,) = data_dir.iterdir()
        assert left.name.endswith(".part") and (left / "train.bin").exists()
        assert list(left.glob("slm-encode-*"))  # with the tokenizer, so that a kill leaves nothing elsewhere
        leftovers.remove_leftovers(data_dir)
        assert left.exists()  # its process is at work
        assert prepare.list_datasets(data_dir) == []
        workers = children(process.pid)
        assert len(workers) >= 2
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert left.exists()
    wait_for(lambda: not any(start_mark(pid) for pid in workers))  # none outlives the preparation it worked for
    run(data_dir, stories_file, name="mine")
    assert [p.name for p in data_dir.iterdir()] == ["mine"]
    run(data_dir / "untouched", stories_file, name="mine")
    assert contents(data_dir / "mine") == contents(data_dir / "untouched" / "mine")


def passes_over_interrupts(pid: int) -> bool:
    """Whether SIGINT is one of the signals that the process ignores."""
    ignored = re.search(r"^SigIgn:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(ignored[1], 16) >> (signal.SIGINT - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
def test_an_interrupt_from_the_terminal_is_told_once_and_leaves_nothing(
    data_dir, stories_file, tmp_path, small_tokenizer
):
    """The terminal sends it to all processes of the command: those that tokenise have nothing to say."""
    (tmp_path / "tokenizer").mkdir()
    small_tokenizer.save(tmp_path / "tokenizer")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, stories_file, data_dir, tmp_path / "tokenizer"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "half\n"
        assert len(children(process.pid)) >= 2
        wait_for(lambda: all(map(passes_over_interrupts, children(process.pid))))
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, said) == (130, "slm: interrupted\n")
    assert list(data_dir.iterdir()) == []


def test_two_that_prepare_the_same_at_once_do_not_clash(data_dir, stories_file, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", 1000)
    both = [prepare.prepare(PrepareConfig(source=str(stories_file), name="mine", vocab="512"), data_dir) for _ in "ab"]
    for _ in zip(*both, strict=True):
        pass
    for one in both:
        list(one)
    run(data_dir / "alone", stories_file, name="mine")
    shutil.move(data_dir / "alone" / "mine", data_dir / "expected")
    (data_dir / "alone").rmdir()
    assert sorted(p.name for p in data_dir.iterdir()) == ["expected", "mine"]
    assert contents(data_dir / "mine") == contents(data_dir / "expected")


def test_a_data_set_is_replaced_whole_and_its_readers_keep_theirs(data_dir, stories_file):
    run(data_dir, stories_file, name="mine")
    reader = Corpus(data_dir / "mine")
    before = np.array(reader.train)
    write(stories_file, [s.replace("birds", "bears") for s in STORIES[:101]])
    unfinished = prepare.prepare(PrepareConfig(source=str(stories_file), name="mine", vocab="512"), data_dir)
    while next(unfinished)["stage"] != "tokenise":
        assert len(Corpus(data_dir / "mine").train) == len(before)
    unfinished.close()
    gc.collect()
    assert [p.name for p in data_dir.iterdir()] == ["mine"]
    assert (np.array(Corpus(data_dir / "mine").train) == before).all()
    run(data_dir, stories_file, name="mine")
    assert Corpus(data_dir / "mine").manifest["train"]["stories"] == 96
    if os.name == "posix":
        assert (np.array(reader.train) == before).all()


def test_a_data_set_moved_aside_by_one_that_was_killed_comes_back(data_dir, stories_file):
    run(data_dir, stories_file, name="mine")
    aside = data_dir / ".mine.0123abcd.old"
    (data_dir / "mine").rename(aside)
    leftovers.remove_leftovers(data_dir)
    assert aside.exists()  # perhaps somebody is about to put another in its place
    real = time.time
    try:
        time.time = lambda: real() + 61
        leftovers.remove_leftovers(data_dir)
    finally:
        time.time = real
    assert [p.name for p in data_dir.iterdir()] == ["mine"]


@pytest.mark.parametrize("name, after_s", [(".mine.0123abcd.part", 24 * 3600), (".deleted-mine-0123abcd", 60)])
def test_what_was_left_behind_elsewhere_or_half_removed_goes_when_it_is_old(tmp_path, monkeypatch, name, after_s):
    left = tmp_path / name
    left.mkdir()
    (left / "train.bin").touch()
    if left.suffix == ".part":  # each start of a container has another name, so its process cannot be asked
        with monkeypatch.context() as patch:
            patch.setattr("slm.processes.socket.gethostname", lambda: "another-machine")
            leftovers.claim(left)
    real = time.time
    for later_s, stays in ((after_s - 30, True), (after_s + 30, False)):
        monkeypatch.setattr("slm.leftovers.time.time", lambda later_s=later_s: real() + later_s)
        leftovers.remove_leftovers(tmp_path)
        assert left.exists() == stays


def test_a_full_disk_is_told_in_one_sentence_and_nothing_stays(data_dir, stories_file, monkeypatch):
    class FullDisk(prepare.Part):
        def write(self, path, encoded):
            yield from super().write(path, encoded)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prepare, "Part", FullDisk)
    with pytest.raises(ValueError, match=r"^the disk of .* is full, .* nothing was kept .* SLM_DATA$"):
        run(data_dir, stories_file)
    assert list(data_dir.iterdir()) == []


def test_room_on_the_disk_is_looked_at_first(data_dir, stories_file, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with pytest.raises(ValueError, match=r"takes about 0.0 GB, 0.0 GB are free at .*--limit"):
        run(data_dir, stories_file)
    assert list(data_dir.iterdir()) == []


def test_nothing_left_to_learn_from_is_refused(data_dir, tmp_path):
    folder = tmp_path / "same"
    folder.mkdir()
    write(folder / "train.jsonl", ["One.", " ", "Two."])
    write(folder / "validation.jsonl", ["Two.", "One."])
    with pytest.raises(ValueError, match=r"leaves no train stories \(1 empty, 2 overlap\)"):
        run(data_dir, folder)
    write(folder / "validation.jsonl", [" "])
    with pytest.raises(ValueError, match=r"leaves no validation stories \(1 empty\)"):
        run(data_dir, folder)
    assert list(data_dir.iterdir()) == []


def test_an_error_in_the_middle_of_a_file_leaves_nothing(data_dir, tmp_path):
    (tmp_path / "train.txt").write_bytes("\n\n\n".join(STORIES).encode() + b"\xff")
    write(tmp_path / "validation.jsonl", ["V."])
    folder = tmp_path / "texts"
    folder.mkdir()
    shutil.move(tmp_path / "train.txt", folder / "train.txt")
    (folder / "validation.txt").write_text("One.")
    with pytest.raises(ValueError, match="0xff"):
        run(data_dir, folder)
    assert list(data_dir.iterdir()) == []
