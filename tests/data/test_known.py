"""What the training stories hold, against a search by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slm.config import END_OF_TEXT
from slm.data import known
from slm.data.batches import Corpus
from slm.data.known import Runs, Vocabulary, stories_of, training_text
from slm.measures import runs, words


@pytest.fixture(scope="module")
def corpus(starter_data: Path) -> Corpus:
    return Corpus(starter_data / "starter")


@pytest.mark.parametrize("tokens", [1009, 1 << 20])
def test_runs_are_found_as_a_search_through_every_story_finds_them(corpus, monkeypatch, tokens):
    monkeypatch.setattr(known, "PIECE_TOKENS", tokens)
    training = list(stories_of(corpus.train, corpus.tokenizer))
    unseen = list(stories_of(corpus.validation, corpus.tokenizer))[:5]
    texts = [*unseen, training[3], "", "Nobody ever wrote these words."]
    wanted = {run for story in training for run in runs(story, 5)}
    found = Runs(texts, 5)
    for text, _ in training_text(corpus):
        found.look_in(words(text))
    for n, text in enumerate(texts):
        assert found.found(n).tolist() == [run in wanted for run in runs(text, 5)]
    assert found.found(5).all() and not len(found.found(6)) and not found.found(7).any()
    assert found.copied() == wanted & {run for text in texts for run in runs(text, 5)}


def test_no_run_reaches_from_one_story_into_the_next(corpus):
    first, second = list(stories_of(corpus.train, corpus.tokenizer))[:2]
    across = " ".join([*words(first)[-3:], *words(second)[:3]])
    found = Runs([across], 6)
    for text, _ in training_text(corpus):
        found.look_in(words(text))
    assert found.found(0).tolist() == [False]


def test_the_pieces_are_the_training_stories_and_end_with_one(corpus, monkeypatch):
    monkeypatch.setattr(known, "PIECE_TOKENS", 1009)
    pieces = list(training_text(corpus))
    assert len(pieces) > 3
    assert "".join(text for text, _ in pieces) == corpus.tokenizer.decode(corpus.train.tolist())
    assert all(text.endswith(END_OF_TEXT) for text, _ in pieces)
    assert pieces[-1][1] == len(corpus.train)


def test_stories_of_a_stream_are_those_between_its_marks(corpus):
    eot = corpus.tokenizer.eot_id
    ids = np.array([*corpus.tokenizer.encode("One."), eot, eot, *corpus.tokenizer.encode("Two.")])
    assert list(stories_of(ids, corpus.tokenizer)) == ["One.", "Two."]


def test_names_are_what_stands_with_a_capital_inside_sentences():
    text = (
        "A girl named Lily met Tim. Lily and her mom saw Tim and his dad. Mom saw Lily, Mom saw Tim. A lily grew. "
        "Rex and his toy saw Rex. The rex was old, the rex was big, the rex slept."
    )
    vocabulary = Vocabulary()
    vocabulary.look_in(text, words(text))
    vocabulary.look_in(text, words(text))
    assert vocabulary.names() == {"Lily", "Tim"}
    assert vocabulary.sexes() == {"Lily": "female", "Tim": "male"}
    assert {"lily", "rex", "mom"} <= set(vocabulary.words)
