"""Stories to ids in several processes: nothing is lost, the memory has an end, and no more of them than help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slm.data import encode
from slm.data.encode import encode_stories
from slm.tokenizer import load_gpt2
from tests.data.prepared import STORIES


@pytest.mark.parametrize("alone", [2, 10**9])
def test_chunks_encode_as_stories_do(monkeypatch, alone):
    monkeypatch.setattr(encode, "CHUNKS_ALONE", alone)
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", 200)
    monkeypatch.setattr(encode, "LONG_STORY", 300)
    tokenizer = load_gpt2()
    texts = ["a  ", "  b\n\n", "\n", "it's <|endoftext|>", "x" * 301, "don't\t", "😊é" * 31, *STORIES[:31]]
    chunks = list(encode_stories(tokenizer, texts, workers=3))
    assert len(chunks) > 5
    assert [id for c in chunks for id in c.ids.tolist()] == [
        id for t in texts for id in (*tokenizer.encode(t), tokenizer.eot_id)
    ]
    assert [n for c in chunks for n in c.lengths.tolist()] == [len(tokenizer.encode(t)) for t in texts]
    assert sum(c.size_bytes for c in chunks) == sum(len(t.encode()) for t in texts)


def test_only_some_chunks_are_in_memory(monkeypatch):
    monkeypatch.setattr(encode, "CHUNKS_ALONE", 0)
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield "word " * 1000

    chunks = encode_stories(load_gpt2(), endless(), workers=2)
    next(chunks)
    chunks.close()
    assert len(taken) <= 7 * encode.CHUNK_CHARACTERS / 5000


def test_windows_gets_no_more_workers_than_it_can_wait_for(monkeypatch):
    monkeypatch.setattr(encode, "CHUNKS_ALONE", 0)
    asked = []

    def pool(workers, **settings):
        asked.append(workers)
        raise KeyboardInterrupt

    monkeypatch.setattr(encode, "ProcessPoolExecutor", pool)
    for platform in ("win32", "linux"):
        monkeypatch.setattr("sys.platform", platform)
        with pytest.raises(KeyboardInterrupt):
            next(encode_stories(load_gpt2(), ["a story"], workers=100))
    assert asked == [61, 100]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that keeps processes to some cores")
def test_workers_are_as_many_as_the_cores_that_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7})
    assert encode.cores() == 3


def test_a_script_without_a_main_guard_is_told_of_it_where_the_text_is_long(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from slm.data import encode\nfrom slm.tokenizer import load_gpt2\nencode.CHUNKS_ALONE = 0\n"
        "list(encode.encode_stories(load_gpt2(), ['a story'], workers=2))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(encode.__file__).parents[2])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert "needs `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]
