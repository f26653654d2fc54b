from __future__ import annotations

import errno
import gc
import hashlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest

from slm import leftovers
from slm.config import PrepareConfig
from slm.data import encode, prepare
from slm.data.batches import Corpus
from slm.data.clean import Cleaning
from slm.data.encode import encode_stories
from slm.data.sources import open_source
from slm.processes import start_mark
from slm.tokenizer import load_gpt2, trim
from tests.waiting import wait_for

STORIES = [f"Once there were {i} birds — “{i * 7919 % 1000}” — and a café.\n\nThe end." for i in range(211)]


@pytest.fixture(scope="module")
def small_tokenizer():
    """The first 600 tokens of GPT-2: trimming all 50,257 takes a second."""
    return trim(load_gpt2(), [0] * 50257, vocab_size=600)


@pytest.fixture(autouse=True)
def start_from_a_small_tokenizer(request, monkeypatch, small_tokenizer):
    if "real_gpt2" not in request.fixturenames:
        monkeypatch.setattr(prepare, "load_gpt2", lambda: small_tokenizer)


@pytest.fixture
def real_gpt2():
    """Asked for by tests that prepare with the whole of GPT-2."""


@pytest.fixture
def stories_file(tmp_path):
    return write(tmp_path / "own.jsonl", STORIES)


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def write(path: Path, stories: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": s}) + "\n" for s in stories), encoding="utf-8")
    return path


def run(data_dir: Path, source: Path | str, **settings) -> dict:
    """Prepare to the end and return the manifest."""
    config = PrepareConfig(**{"source": str(source), "vocab": "512", "workers": 1, **settings})
    return list(prepare.prepare(config, data_dir))[-1]["manifest"]


def stories_in(corpus: Corpus, split: str) -> list[str]:
    """The stories of a part, cut at end-of-text and decoded."""
    ids = np.asarray(getattr(corpus, split))
    ends = np.flatnonzero(ids == corpus.tokenizer.eot_id)
    assert ends[-1] == len(ids) - 1
    starts = [0, *(ends[:-1] + 1)]
    return [corpus.tokenizer.decode(ids[a:b].tolist()) for a, b in zip(starts, ends, strict=True)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a data set but the time it was made."""
    files = {path.name: path.read_bytes() for path in [*folder.glob("*.*"), folder / "copies" / "order.bin"]}
    manifest = json.loads(files["manifest.json"])
    del manifest["created"]
    return {**files, "manifest.json": json.dumps(manifest).encode()}


@pytest.mark.parametrize("vocab, size", [("512", 512), ("gpt2", 50257)])
def test_the_ids_decode_to_the_clean_stories(data_dir, tmp_path, real_gpt2, vocab, size):
    raw = [*STORIES, STORIES[3], "  ", "Itâ€™s \r\nhere.", "It says <|endoftext|> here.", "long " * 20_000, "😊" * 50]
    source = open_source(str(write(tmp_path / "own.jsonl", raw)))
    cleaning = Cleaning()
    validation = list(cleaning.validation(source.validation))
    train = list(cleaning.train(source.train))
    manifest = run(data_dir, tmp_path / "own.jsonl", vocab=vocab, name="mine")
    corpus = Corpus(data_dir / "mine")
    assert stories_in(corpus, "train") == train
    assert stories_in(corpus, "validation") == validation
    assert {"It’s\nhere.", "It says <|endoftext|> here."} <= {*train, *validation}
    assert manifest["vocab_size"] == corpus.tokenizer.vocab_size == size
    assert (manifest["dropped"], manifest["repaired"]) == ({"duplicates": 1, "empty": 1, "overlap": 0}, 1)
    for split, kept in (("train", train), ("validation", validation)):
        assert manifest[split] == {
            "stories": len(kept),
            "tokens": len(getattr(corpus, split)),
            "bytes": sum(len(s.encode()) for s in kept),
        }


def test_a_manifest_says_what_the_ids_are(data_dir, stories_file):
    manifest = run(data_dir, stories_file, name="mine")
    folder = data_dir / "mine"
    assert manifest == json.loads((folder / "manifest.json").read_text())
    assert sorted(p.name for p in folder.iterdir()) == [
        "copies", "manifest.json", "preview.json", "tokenizer.json", "tokenizer_config.json", "train.bin",
        "validation.bin",
    ]
    train, validation = ((folder / f"{split}.bin").read_bytes() for split in ("train", "validation"))
    assert manifest["fingerprint"] == hashlib.sha256(train + validation).hexdigest()
    ids = np.frombuffer(train, dtype="<u2")
    shares = [n / len(ids) for n in Counter(ids.tolist()).values()]
    assert manifest["unigram_entropy"] == pytest.approx(-sum(p * math.log(p) for p in shares), rel=1e-9)
    assert 0 < manifest["bigram_entropy"] < manifest["unigram_entropy"]
    lengths = np.diff(np.flatnonzero(ids == 511), prepend=-1) - 1
    assert manifest["longest_story_tokens"] == lengths.max()
    edges, counts = manifest["length_histogram"]["edges"], manifest["length_histogram"]["counts"]
    assert np.histogram(lengths, bins=edges)[0].tolist() == counts and sum(counts) == manifest["train"]["stories"]
    assert (manifest["name"], manifest["source"], manifest["vocab"]) == ("mine", str(stories_file), "512")
    assert manifest["description"] == "own.jsonl"
    preview = json.loads((folder / "preview.json").read_text(encoding="utf-8"))
    assert len(preview) == len(set(preview)) == 20 and set(preview) <= set(STORIES)


def test_progress_is_told_in_one_shape(data_dir, stories_file, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", 1000)
    told = list(prepare.prepare(PrepareConfig(source=str(stories_file), vocab="512", workers=2), data_dir))
    assert list(dict.fromkeys(p["stage"] for p in told)) == ["read", "count", "tokenise", "index", "done"]
    assert all({"stage", "done", "total", "elapsed_s", "stage_s"} == set(p) - {"manifest"} for p in told)
    assert all(0 <= p["stage_s"] <= p["elapsed_s"] for p in told)
    for stage in ("count", "tokenise"):
        steps = [p for p in told if p["stage"] == stage]
        assert [p["done"] for p in steps] == sorted(p["done"] for p in steps)
        assert steps[-1]["done"] <= steps[-1]["total"]
    assert told[-1]["done"] == told[-1]["total"] == 211
    assert told[-2]["done"] == told[-2]["total"] == told[-1]["manifest"]["train"]["tokens"]


def test_a_vocabulary_says_how_much_of_the_text_it_covers(data_dir, tmp_path, real_gpt2):
    source = write(tmp_path / "words.jsonl", ["the " * 900 + "extraordinary " * 100, "the end", "an end"])
    manifest = run(data_dir, source, name="few", vocab="258")
    corpus = Corpus(data_dir / "few")
    kept = {corpus.tokenizer.token_bytes(id) for id in range(corpus.tokenizer.vocab_size)}
    gpt2 = load_gpt2()
    ids = [id for story in stories_in(corpus, "train") for id in (*gpt2.encode(story), gpt2.eot_id)]
    assert manifest["vocab_coverage"] == pytest.approx(sum(gpt2.token_bytes(id) in kept for id in ids) / len(ids))
    assert manifest["vocab_used"] == len(set(np.asarray(corpus.train).tolist()))
    assert run(data_dir, source, name="all", vocab="gpt2")["vocab_coverage"] == 1.0


def test_the_result_does_not_depend_on_the_number_of_workers(data_dir, stories_file, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", 300)
    monkeypatch.setattr(encode, "CHUNKS_ALONE", 1)
    run(data_dir / "1", stories_file, name="mine", workers=1)
    run(data_dir / "3", stories_file, name="mine", workers=3)
    assert contents(data_dir / "1" / "mine") == contents(data_dir / "3" / "mine")


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


def test_a_sample_is_enough_to_count_tokens(data_dir, stories_file, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", 300)
    monkeypatch.setattr(prepare, "COUNTED_BYTES", 1000)
    told = list(prepare.prepare(PrepareConfig(source=str(stories_file), vocab="512", workers=1), data_dir))
    assert max(p["done"] for p in told if p["stage"] == "count") < 100
    assert told[-1]["manifest"]["train"]["stories"] == 200


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


def test_a_script_without_a_main_guard_prepares(data_dir, stories_file, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom slm.config import PrepareConfig\nfrom slm.data.prepare import prepare\n"
        "*_, last = prepare(PrepareConfig(source=sys.argv[1], vocab='512', workers=3), sys.argv[2])\n"
        "print(last['stage'])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(prepare.__file__).parents[2])}
    done = subprocess.run([sys.executable, script, stories_file, data_dir], capture_output=True, text=True, env=env)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_script_without_a_main_guard_is_told_of_it_where_the_text_is_long(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from slm.data import encode\nfrom slm.tokenizer import load_gpt2\nencode.CHUNKS_ALONE = 0\n"
        "list(encode.encode_stories(load_gpt2(), ['a story'], workers=2))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(prepare.__file__).parents[2])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert "needs `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]


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


def test_a_data_set_is_replaced_whole_and_its_readers_keep_theirs(data_dir, stories_file, tmp_path):
    run(data_dir, stories_file, name="mine")
    reader = Corpus(data_dir / "mine")
    before = np.array(reader.train)
    other = write(tmp_path / "other.jsonl", [s.replace("birds", "bears") for s in STORIES[:101]])
    unfinished = prepare.prepare(PrepareConfig(source=str(other), name="mine", vocab="512"), data_dir)
    while next(unfinished)["stage"] != "tokenise":
        assert len(Corpus(data_dir / "mine").train) == len(before)
    unfinished.close()
    gc.collect()
    assert [p.name for p in data_dir.iterdir()] == ["mine"]
    assert (np.array(Corpus(data_dir / "mine").train) == before).all()
    run(data_dir, other, name="mine")
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


@pytest.mark.parametrize(
    "settings, name",
    [
        ({}, "starter-4096"),
        ({"vocab": "gpt2"}, "starter-gpt2"),
        ({"limit": 50}, "starter-4096-first50"),
        ({"source": "tinystories"}, "tinystories-4096"),
        ({"source": "somebody/My Stories"}, "My-Stories-4096"),
        ({"source": "/no/such/place/tales.v2"}, "tales-v2-4096"),
        ({"source": "x" * 99}, "x" * 40 + "-4096"),
        ({"source": "/"}, "stories-4096"),
        ({"name": "mine"}, "mine"),
    ],
)
def test_the_name_says_source_vocabulary_and_limit(settings, name):
    assert prepare.default_name(PrepareConfig(**settings)) == name


def test_a_local_source_gives_its_own_name(tmp_path, stories_file):
    folder = tmp_path / "my.tales"
    folder.mkdir()
    assert prepare.default_name(PrepareConfig(source=str(stories_file))) == "own-4096"
    assert prepare.default_name(PrepareConfig(source=f"{folder}/")) == "my-tales-4096"


@pytest.mark.parametrize("name", ["../out", "", "a/b", ".hidden", "x" * 65])
def test_a_bad_name_is_refused_before_anything_happens(data_dir, stories_file, name):
    with pytest.raises(ValueError, match="name"):
        run(data_dir, stories_file, name=name)
    assert not data_dir.exists()


def test_data_sets_are_listed_by_name_and_the_unreadable_passed_over(data_dir, stories_file):
    assert prepare.list_datasets(data_dir) == []
    for name in ("b", "a"):
        run(data_dir, stories_file, name=name)
    (data_dir / "a").rename(data_dir / "renamed")
    for name, content in {"broken": "{", "list": "[]", ".hidden": "{}", "other": "{}"}.items():
        (data_dir / name).mkdir()
        (data_dir / name / "manifest.json").write_text(content)
    assert [m["name"] for m in prepare.list_datasets(data_dir)] == ["b", "renamed"]


def test_starter_stories_become_a_data_set(data_dir):
    manifest = run(data_dir, "starter", limit=101)
    assert manifest["train"]["stories"] == 96 and manifest["validation"]["stories"] == 5
    assert sum(manifest["dropped"].values()) == manifest["repaired"] == 0


@pytest.mark.slow
def test_the_excerpt_of_tinystories_stays_whole(data_dir, real_gpt2, tinystories_folder):
    manifest = run(data_dir, tinystories_folder, vocab="4096", workers=2)
    assert sum(manifest["dropped"].values()) == manifest["repaired"] == 0
    assert manifest["validation"]["stories"] == 1_000 and 21_000 < manifest["train"]["stories"] < 22_000
    assert manifest["train"]["bytes"] / manifest["train"]["tokens"] > 3.8
    assert stories_in(Corpus(data_dir / manifest["name"]), "validation") == list(
        open_source(str(tinystories_folder)).validation
    )
