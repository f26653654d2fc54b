"""A report card made of a small model: what it wrote is what it always writes, people are measured in the same way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from slm import cli
from slm.config import SampleConfig
from slm.data.batches import Corpus
from slm.data.known import stories_of
from slm.evaluate import evaluate
from slm.generate import LanguageModel
from slm.measures import MEASURES, words
from slm.report import Prompts
from slm.reporting import MOST_TOKENS, _data_name, human_stories, learn, make_report, write_stories
from slm.scores import scores
from tests.engine import random_lm

PROMPTS = Prompts(("Once upon a time there was a", "One day Mia said,"), "two.json", "ab")


@pytest.fixture(scope="module")
def corpus(starter_data: Path) -> Corpus:
    return Corpus(starter_data / "starter")


@pytest.fixture(scope="module")
def lm(corpus: Corpus):
    return random_lm("nanochat", block_size=97, tokenizer=corpus.tokenizer)


def test_stories_are_those_that_generate_gives_and_know_whether_they_ended(lm):
    stories = write_stories(lm, PROMPTS.texts[0], [5, 6, 7], max_new_tokens=11)
    for story, seed in zip(stories, (5, 6, 7), strict=True):
        assert story.prompt + story.text == lm.generate(story.prompt, max_new_tokens=11, seed=seed)
    assert not any(story.ended for story in stories)


def test_a_story_that_the_model_ends_has_ended(lm, monkeypatch):
    monkeypatch.setattr("slm.generate.generate_ids", lambda *_, seeds, **__: iter([[7] * len(seeds), [None, 7]]))
    assert [s.ended for s in write_stories(lm, "Once", [1, 2], max_new_tokens=2)] == [True, False]


def test_people_are_cut_after_as_many_words_as_the_prompts_have(corpus):
    cut = human_stories(corpus, PROMPTS.texts, count=9)
    whole = list(stories_of(corpus.validation, corpus.tokenizer))
    assert len(cut) == 9
    for n, story in enumerate(cut):
        assert len(words(story.prompt)) == pytest.approx(len(words(PROMPTS.texts[n % 2])), abs=2)
        assert any(told.startswith(story.prompt + story.text) for told in whole)
        assert story.ended == (story.prompt + story.text in whole)
    with pytest.raises(ValueError, match="long enough"):
        human_stories(corpus, ["word " * 5000])


@pytest.mark.parametrize(
    ("there", "short", "chosen"),
    [(40, {}, [0, 10, 20, 30]), (40, {10}, [0, 20, 30, 1]), (7, {}, [0, 2, 4, 6]), (3, {}, [0, 1, 2])],
)
def test_people_are_taken_from_all_over_the_data_set(corpus, monkeypatch, there, short, chosen):
    told = [f"{n} begins" + ("." if n in short else " and goes on" * 20) for n in range(there)]
    monkeypatch.setattr("slm.reporting.stories_of", lambda *_: iter(told))
    cut = human_stories(corpus, PROMPTS.texts, count=4)
    assert [int(story.prompt.split()[0]) for story in cut] == chosen


def test_a_report_says_what_was_measured_and_how(corpus, lm):
    losses = evaluate(lm, ["Once upon a time."])
    steps = list(make_report(lm, corpus, PROMPTS, losses=losses, num_seeds=3))
    assert [s for i, s in enumerate(steps) if not i or s["stage"] != steps[i - 1]["stage"]][-1]["stage"] == "done"
    assert {s["stage"] for s in steps} == {"write", "training stories", "copies", "done"}
    assert all(0 <= s["done"] <= s["total"] for s in steps)
    report = steps[-1]["report"]
    assert report["seeds"] == [1, 2, 3] and report["prompts"] == {"name": "two.json", "sha256": "ab", "count": 2}
    assert report["data"]["fingerprint"] == corpus.fingerprint and report["losses"] == losses
    assert report["settings"]["greedy"]["temperature"] == 0
    assert set(report["measures"]) == set(MEASURES)
    assert report["measures"]["ends_properly"]["sampled"]["count"] == 6
    assert report["measures"]["ends_properly"]["greedy"]["count"] == 2
    assert [s["seed"] for s in report["stories"]] == [1, 2]
    for turn, (story, prompt) in enumerate(zip(report["stories"], PROMPTS.texts, strict=True)):
        # All three at once, as they were written: alone, a draw on an edge may fall to the other side.
        assert lm.generate_many(prompt, 3, max_new_tokens=MOST_TOKENS, seed=1)[turn] == prompt + story["text"]
    # Stories of the same hand as the training stories have their words; random weights do not.
    found = report["measures"]["real_words"]
    assert found["human"]["mean"] > 0.95 > found["sampled"]["mean"]


def test_the_likeliest_words_are_taken_without_a_penalty(corpus, lm, monkeypatch):
    shy = LanguageModel(lm.model, lm.tokenizer, sampling=SampleConfig(repetition_penalty=1.3))
    monkeypatch.setattr("slm.reporting.MOST_TOKENS", 9)
    report = list(make_report(shy, corpus, PROMPTS, losses={}, num_seeds=1))[-1]["report"]
    penalties = {side: settings["repetition_penalty"] for side, settings in report["settings"].items()}
    assert penalties == {"greedy": None, "sampled": 1.3}


@pytest.mark.parametrize("damage", ["damaged", "of other stories"])
def test_a_damaged_index_costs_the_longest_copies_alone(corpus, tmp_path, damage):
    folder = Path(shutil.copytree(corpus.folder, tmp_path / "starter"))
    index = json.loads((folder / "copies/index.json").read_text())
    wrong = {"damaged": {"version": index["version"]}, "of other stories": {**index, "fingerprint": "ab"}}[damage]
    (folder / "copies/index.json").write_text(json.dumps(wrong))
    with pytest.warns(UserWarning, match="no longest copies are told: the index of starter .* --rebuild makes it anew"):
        known = next(p["known"] for p in learn(Corpus(folder), ["Once upon a time"]) if "known" in p)
    assert not known.longest_copies and "once" in known.words


def test_a_training_story_is_no_words_of_its_own(corpus):
    from slm.measures import Story

    told = next(iter(stories_of(corpus.train, corpus.tokenizer)))
    known = next(p["known"] for p in learn(corpus, [told]) if "known" in p)
    found = scores([Story("", told, True)], known)
    assert found["own_runs"].mean == 0 and found["real_words"].mean == 1
    assert found["longest_copy"].mean == len(told.split())


def test_the_data_go_by_the_name_that_the_model_knows_them_by(corpus, lm):
    known = {"data": {"name": "own", "fingerprint": corpus.fingerprint}}
    for about, name in ((known, "own"), ({"data": {"name": "own", "fingerprint": "x"}}, "starter"), ({}, "starter")):
        named = LanguageModel(lm.model, lm.tokenizer, about)
        assert _data_name(named, corpus) == name


def test_a_report_of_no_story_is_refused(corpus, lm):
    with pytest.raises(ValueError, match="num_seeds is 0"):
        next(make_report(lm, corpus, PROMPTS, losses={}, num_seeds=0))


def test_too_few_seeds_are_told_before_the_model_is_looked_for(starter_data, capsys):
    words = ["evaluate", "--checkpoint", "absent", "--data-dir", str(starter_data), "--data", "starter", "--report"]
    assert cli.main([*words, "--seeds", "0"]) == 2
    assert "--seeds is 0, the least possible is 1" in capsys.readouterr().err
