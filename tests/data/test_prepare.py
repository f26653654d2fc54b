"""Preparing to the end: the ids are those of the stories, and the manifest says what they are."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from slm.config import PrepareConfig
from slm.data import encode, prepare
from slm.data.batches import Corpus
from slm.data.clean import Cleaning
from slm.data.sources import open_source
from slm.tokenizer import load_gpt2
from tests.data.prepared import STORIES, contents, run, stories_in, write

pytestmark = pytest.mark.usefixtures("start_from_a_small_tokenizer")


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


def test_a_sample_is_enough_to_count_tokens(data_dir, stories_file, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", 300)
    monkeypatch.setattr(prepare, "COUNTED_BYTES", 1000)
    told = list(prepare.prepare(PrepareConfig(source=str(stories_file), vocab="512", workers=1), data_dir))
    assert max(p["done"] for p in told if p["stage"] == "count") < 100
    assert told[-1]["manifest"]["train"]["stories"] == 200


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


@pytest.mark.parametrize(
    "settings, name",
    [
        ({}, "starter-4096"),
        ({"vocab": "gpt2"}, "starter-gpt2"),
        ({"limit": 50}, "starter-4096-first50"),
        ({"source": "tinystories"}, "tinystories-4096"),
        ({"source": "somebody/My Stories"}, "My-Stories-4096"),
        ({"source": "/no/such/place/tales.v2"}, "tales-v2-4096"),
        ({"source": "x" * 300}, "x" * 40 + "-4096"),
        ({"source": "~nobody-of-this-name/tales"}, "tales-4096"),
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


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"source": "other.jsonl"}, r"source \S*own\.jsonl, not \S*other\.jsonl"),
        ({"vocab": "500"}, "vocab 512, not 500"),
        ({"limit": 100}, "limit None, not 100"),
        ({"seed": 3}, "seed 1337, not 3"),
    ],
)
def test_a_data_set_made_from_something_else_is_not_replaced(data_dir, stories_file, tmp_path, changed, told):
    run(data_dir, stories_file, name="mine")
    write(tmp_path / "other.jsonl", STORIES[:101])
    before = contents(data_dir / "mine")
    settings = {**changed, "source": str(tmp_path / changed.get("source", "own.jsonl"))}
    with pytest.raises(ValueError, match=rf"^there is a data set 'mine' .*\({told}\): .* --name, or delete \S*mine"):
        run(data_dir, **settings, name="mine")
    assert contents(data_dir / "mine") == before and [p.name for p in data_dir.iterdir()] == ["mine"]


def test_one_relative_path_in_two_folders_is_two_sources(data_dir, tmp_path, monkeypatch):
    for name, stories in (("a", STORIES), ("b", STORIES[:101])):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "own.jsonl", stories)
    monkeypatch.chdir(tmp_path / "a")
    run(data_dir, "own.jsonl")
    run(data_dir, tmp_path / "a" / "own.jsonl")  # said otherwise, and the same
    monkeypatch.chdir(tmp_path / "b")
    with pytest.raises(ValueError, match="made from something else"):
        run(data_dir, "own.jsonl")


def test_a_damaged_data_set_may_be_prepared_again_and_other_folders_stay(data_dir, stories_file):
    run(data_dir, stories_file, name="mine")
    (data_dir / "mine" / "manifest.json").write_text("{")
    assert run(data_dir, stories_file, name="mine", seed=3)["train"]["stories"] == 200
    (data_dir / "texts").mkdir()
    assert run(data_dir, stories_file, name="texts")["name"] == "texts"  # nothing was in it
    (data_dir / "photos").mkdir()
    (data_dir / "photos" / "us.jpg").touch()
    with pytest.raises(ValueError, match=r"photos is there already and is no data set; .* --name$"):
        run(data_dir, stories_file, name="photos")
    assert (data_dir / "photos" / "us.jpg").exists()


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
