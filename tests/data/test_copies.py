"""The copy check: what it finds is what a search through every training token finds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slm import cli, folders
from slm.data import copies, order
from slm.data.batches import Corpus
from slm.data.copies import CopyIndex, build_index, has_index
from slm.files import read_json, write_json
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def index(starter_data: Path) -> CopyIndex:
    return CopyIndex(starter_data / "starter")


@pytest.fixture
def own(starter_data: Path, tmp_path: Path) -> Path:
    """A data set of the test's own."""
    return Path(shutil.copytree(starter_data / "starter", tmp_path / "own"))


def stories_of(ids: np.ndarray, eot: int) -> list[np.ndarray]:
    return [story[:-1].astype(np.int64) for story in np.split(ids, np.flatnonzero(ids == eot) + 1) if len(story)]


def longest_by_hand(story: np.ndarray, ids: np.ndarray) -> int:
    """The longest stretch of a story that stands in `ids`: every place is tried, token by token."""
    best = 0
    for begin in range(len(story)):
        places, length = np.flatnonzero(ids == story[begin]), 1
        while len(places) and begin + length < len(story):
            places = places[places + length < len(ids)]
            places = places[ids[places + length] == story[begin + length]]
            length += bool(len(places))
        best = max(best, length)
    return best


def test_the_longest_stretch_is_the_one_that_trying_every_place_finds(index: CopyIndex) -> None:
    ids = np.asarray(index.corpus.train)
    for story in stories_of(np.asarray(index.corpus.validation), index.corpus.tokenizer.eot_id)[:11]:
        found = index.stretches(story)
        for begin, end, place in found:
            assert (ids[place : place + end - begin] == story[begin:end]).all()
        longest = max(end - begin for begin, end, _ in found)
        wanted = longest_by_hand(story, ids)
        assert wanted - order.STRIDE < longest <= wanted
        # With these stories the few tokens that may be missing never are.
        assert longest == wanted


@pytest.mark.parametrize("piece", [32_768, 1 << 20])
def test_pieces_find_what_one_piece_finds(own: Path, index: CopyIndex, monkeypatch, piece: int) -> None:
    monkeypatch.setattr(order, "PIECE", piece)
    told = list(build_index(own))
    assert told == [*range(piece, len(index.corpus.train), piece), len(index.corpus.train)]
    again = CopyIndex(own)
    for story in stories_of(np.asarray(index.corpus.validation), index.corpus.tokenizer.eot_id)[:5]:
        assert {end - begin for begin, end, _ in again.stretches(story)} >= {
            max(end - begin for begin, end, _ in index.stretches(story))
        }


def test_the_places_are_in_the_order_of_the_tokens_that_follow(index: CopyIndex) -> None:
    ids = np.asarray(index.corpus.train).tolist()
    places = np.fromfile(index.corpus.folder / "copies" / "order.bin", dtype="<u4").tolist()
    assert sorted(places) == list(range(0, len(ids), order.STRIDE))
    following = [(ids + [0] * order.DEPTH)[place : place + order.DEPTH] for place in places]
    assert following == sorted(following)


def test_a_training_story_is_a_copy_from_end_to_end(index: CopyIndex) -> None:
    story = index.corpus.tokenizer.decode(
        stories_of(np.asarray(index.corpus.train), index.corpus.tokenizer.eot_id)[7].tolist()
    )
    copied = index.find(story)
    assert copied.share == 1.0 and [m.text for m in copied.matches] == [story]
    assert copied.longest == copied.matches[0]
    assert (copied.longest.begin, copied.longest.end, copied.longest.words) == (0, len(story), len(story.split()))
    assert index.story_around(copied.longest.place + 5) == story


def test_a_sentence_taken_from_a_story_is_found_inside_other_words(index: CopyIndex) -> None:
    told = stories_of(np.asarray(index.corpus.train), index.corpus.tokenizer.eot_id)[3][40:71]
    middle = index.corpus.tokenizer.decode(told.tolist())
    text = f"Zyx qwv \u201cpsst\u201d caf\u00e9 \U0001f436!{middle} Jkl zzz qqq"
    copied = index.find(text)
    match = max(copied.matches, key=lambda m: m.tokens)
    assert middle.strip() in text[match.begin : match.end]
    assert text[match.begin : match.end] == match.text
    assert match.begin >= text.index("\U0001f436") and match.end <= text.index("zzz")
    assert 0 < copied.share < 1


@pytest.mark.parametrize("text", ["", "\U0001f436", " ", "q", "\u4e00\u4e8c" * 300])
def test_what_stands_nowhere_is_no_copy(index: CopyIndex, text: str) -> None:
    copied = index.find(text)
    assert copied.matches == [] and copied.share == 0.0
    assert copied.longest is None or copied.longest.tokens < copies.LEAST_TOKENS


def test_a_text_of_a_hundred_megabytes_is_refused_at_once(index: CopyIndex) -> None:
    with pytest.raises(ValueError, match=r"has 100,000,000 characters, .* look for a part of it"):
        index.find("a" * 100_000_000)


def test_matches_do_not_overlap_and_say_what_they_hold(index: CopyIndex) -> None:
    decode, eot = index.corpus.tokenizer.decode, index.corpus.tokenizer.eot_id
    for story in stories_of(np.asarray(index.corpus.validation), eot)[:7]:
        copied = index.find(decode(story.tolist()))
        ends = [0, *(m.end for m in copied.matches)]
        assert all(m.begin >= end for m, end in zip(copied.matches, ends, strict=False))
        assert all(copied.text[m.begin : m.end] == m.text and m.tokens >= copies.LEAST_TOKENS for m in copied.matches)
        assert copied.longest.tokens >= max((m.tokens for m in copied.matches), default=0)
        assert copied.usual_words > 0


def test_a_data_set_without_an_index_says_so_and_gets_one(own: Path) -> None:
    shutil.rmtree(own / "copies")
    assert not has_index(own)
    with pytest.raises(ValueError, match="no index for the copy check: python -m slm copied --data own --rebuild"):
        CopyIndex(own)
    for _ in build_index(own):
        assert not has_index(own)
    assert has_index(own) and CopyIndex(own).about["tokens"] == len(Corpus(own).train)


@pytest.mark.parametrize("field", ["fingerprint", "tokens", "stride", "version", "piece_tokens"])
def test_an_index_of_other_stories_is_not_used(own: Path, field: str) -> None:
    about = read_json(own / "copies" / "index.json")
    write_json(own / "copies" / "index.json", {**about, field: 0})
    with pytest.raises(ValueError, match="does not fit it"):
        CopyIndex(own)
    (own / "copies" / "index.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        CopyIndex(own)


def test_a_killed_build_leaves_the_earlier_index_and_no_litter(own: Path) -> None:
    before = (own / "copies" / "order.bin").read_bytes()
    code = (
        "import sys, time; from slm.data import copies, order; order.PIECE = 64\n"
        "for done in copies.build_index(sys.argv[1]): print(done, flush=True); time.sleep(3600)"
    )
    words = [sys.executable, "-c", code, str(own)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    assert list(own.glob(".copies.*.part"))
    assert (own / "copies" / "order.bin").read_bytes() == before and CopyIndex(own)
    list(build_index(own))
    assert not list(own.glob(".copies.*"))
    assert (own / "copies" / "order.bin").read_bytes() == before


def test_a_bundled_model_is_found_by_name_wherever_the_runs_are_kept(
    own: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    write_json(tmp_path / "bundled" / "tiny" / "slm.json", {"data": {"fingerprint": Corpus(own).fingerprint}})
    monkeypatch.setattr(folders, "bundled_dir", lambda: tmp_path / "bundled")
    places = ["--data-dir", str(own.parent), "--checkpoints", str(tmp_path / "runs")]
    assert cli.main(["copied", "--checkpoint", "tiny", *places]) == 0
    assert cli.main(["copied", "--checkpoint", "absent", *places]) == 2
    assert "no run or model 'absent' here" in capsys.readouterr().err
