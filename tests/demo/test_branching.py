"""Stories that branch: what is kept, what is drawn again, and what a page may ask for."""

from __future__ import annotations

import base64
import gc
import math
import shutil
import struct
import threading
from pathlib import Path

import pytest

from demo import branching
from demo.branching import look, next_words
from demo.session import Session
from demo.stories import Story, branch, grow_branch, opening, sample_settings, score, settings_label, write
from demo.telling import columns_html, pieces, version_name
from demo.views.alternatives import last_words, token_word
from demo.views.next_words import next_value
from demo.views.story import surprise_levels
from demo.written import MOST_VERSIONS, Choice, Versions, WrittenStories
from slm.config import END_OF_TEXT, SampleConfig
from slm.generate import Written
from slm.runs import read_json, write_json

PAGE = "page"


@pytest.fixture
def session(model_home: Path) -> Session:
    return Session(model_home, model_home)


def told(session: Session, prompt: str = "Once upon a time", **settings: object) -> Story:
    """A finished story with its scores, kept as the page's."""
    wanted = sample_settings({"temperature": 1.0, "seed": 11, "max_new_tokens": 17, **settings}, most_tokens=1000)
    *_, stories = write(session, ["small"], prompt=prompt, count=1, settings=wanted, stop=threading.Event())
    score(session, stories)
    session.written.keep(PAGE, stories)
    return stories[0]


def branched(session: Session, story: Story, place: int, token: int) -> Story:
    new, stream = branch(session, story, place, token)
    for _ in grow_branch(new, stream, stop=threading.Event()):
        pass
    return new


def another(story: Story, place: int) -> int:
    return (story.ids[place] + 1) % 500


@pytest.mark.parametrize("place", [0, 5, 16])
def test_a_branch_keeps_what_stood_before_and_takes_the_same_random_numbers(session: Session, place: int) -> None:
    story = told(session)
    new = branched(session, story, place, another(story, place))
    assert new.ids[: place + 1] == [*story.ids[:place], another(story, place)]
    assert (new.seed, new.kept, new.settings.temperature) == (11, place + 1, 1.0)
    assert new.text == "".join(w.text for w in new.written) and new.tokens <= place + 1 + 17
    lm = session.language_model("small")
    kept = [new.ids[: place + 1]]
    again = lm.write_many("Once upon a time", 1, 17, kept=kept[0], temperature=1.0, top_p=None, seed=11)
    assert [w for (w,) in again] == new.written
    assert story.text == told(session).text, "the old version is as it was"


def test_the_word_that_stands_there_goes_on_with_a_new_seed(session: Session) -> None:
    story = told(session)
    seeds = {branch(session, story, 5, story.ids[5])[0].seed for _ in range(5)}
    assert seeds - {11}


def test_end_of_text_ends_the_story_there(session: Session) -> None:
    story = told(session)
    end = session.language_model("small").tokenizer.eot_id
    new = branched(session, story, 3, end)
    assert (new.state, new.ids, new.text) == ("ended", story.ids[:3], "".join(w.text for w in story.written[:3]))
    score(session, [new])
    assert len(new.scores) == 4 and new.scores[-1].id == end
    assert "ended the story here" in looked_at(session, new, 3)


def test_a_story_that_broke_off_goes_on(session: Session) -> None:
    story = told(session)
    new = branched(session, story, 17, 300)
    assert new.ids[:18] == [*story.ids, 300] and len(new.ids) > 18
    assert "broke off" in looked_at(session, story, 17)


def test_a_branch_grows_no_longer_than_the_page_allows(session: Session) -> None:
    story = told(session, max_new_tokens=1000, temperature=0)
    assert story.state == "full"
    assert branch(session, story, 989, another(story, 989))[0].settings.max_new_tokens == 10
    with pytest.raises(ValueError, match="1000 tokens up to there, the most on this page is 1000"):
        branch(session, story, 999, another(story, 999))


@pytest.mark.parametrize(("place", "token"), [(-1, 5), (18, 5), (5, -1), (5, 512)])
def test_a_word_that_is_not_there_cannot_be_chosen(session: Session, place: int, token: int) -> None:
    with pytest.raises(ValueError, match="not there any more"):
        branch(session, told(session), place, token)


def looked_at(session: Session, story: Story, place: int) -> str:
    session.written.keep(PAGE, [story])
    return look(session, PAGE, 0, place)


def test_a_look_tells_the_probability_and_the_rank_of_what_was_drawn(session: Session) -> None:
    story = told(session, max_new_tokens=61)  # past the context of 37
    for place in (0, 36, 37, 60):
        panel, scored = looked_at(session, story, place), story.scores[place]
        assert f"guess number {scored.rank:,}, " in panel
        assert f'data-token="{story.ids[place]}"' in panel and panel.count('aria-current="true"') == 1
        assert panel.count("data-token=") == 10 + (scored.rank > 10)
    with pytest.raises(ValueError, match="not there any more"):
        look(session, PAGE, 0, 62)
    with pytest.raises(ValueError, match="press Write"):
        look(session, "other page", 0, 0)
    story.scores = []  # not yet there in the moment after the last token
    assert "likely" in looked_at(session, story, 5) and "guess number" not in looked_at(session, story, 5)
    story.state = "writing"
    with pytest.raises(ValueError, match="not there any more"):
        look(session, PAGE, 0, 0)


def test_tokens_of_one_character_are_one_word(session: Session) -> None:
    lm = session.language_model("small")
    ids = lm.tokenizer.encode("a\U0001f436b")
    assert len(ids) > 3
    story = Story("small", "", 1, state="full")
    for (new,) in lm.write_many("", 1, 1, kept=ids, seed=1):
        if story.tokens < len(ids):
            story.take(new)
    told_pieces = list(pieces(story))
    assert [(p.place, p.text) for p in told_pieces[:-1]] == [(0, "a"), (1, "\U0001f436"), (len(ids) - 1, "b")]
    assert "".join(p.text for p in told_pieces[:-1]) == story.text


def test_a_stop_in_the_middle_of_a_character_can_be_looked_at(session: Session) -> None:
    lm = session.language_model("small")
    first, *_ = lm.tokenizer.encode("\U0001f436")
    story = Story("small", "Once", 1, state="stopped", written=[Written(first, "")], tokens=1)
    score(session, [story])
    assert [(p.place, p.text.strip()) for p in pieces(story)] == [(1, "\u2026")]
    panel = looked_at(session, story, 0)
    assert "Here came \u201cF0\u201d (part of a character, named by its bytes)" in panel
    assert 'title="part of a character, named by its bytes; here now' in panel and "\ufffd" not in panel
    assert branched(session, story, 0, lm.tokenizer.encode("a")[0]).text.startswith("a")
    assert "slm-word" in columns_html([Versions([story])])


@pytest.mark.parametrize(
    ("prompt", "read", "says"),
    [
        (None, "", ""),
        ("Once", "Once", ""),
        ("Once\n", "Once\n", ""),
        ("Once ", "Once", "was left out"),
        (" \n ", "", "only spaces"),
        ("\U0001f436", "\U0001f436", ""),
    ],
)
def test_spaces_at_the_end_of_a_prompt_are_left_out_and_said(session, prompt, read, says) -> None:
    assert opening(session, prompt)[0] == read
    assert says in opening(session, prompt)[1] and bool(says) == bool(opening(session, prompt)[1])


def test_two_settings_are_told_with_one_seed(session: Session) -> None:
    mine = sample_settings({"temperature": 0.5, "seed": 3, "max_new_tokens": 13}, most_tokens=100)
    other = sample_settings({"temperature": 1.2, "top_k": 5, "seed": 3, "max_new_tokens": 13}, most_tokens=100)
    *_, stories = write(session, ["small"], prompt="Once", count=2, settings=mine, other_settings=other,
                        stop=threading.Event())
    assert [story.seed for story in stories] == [3, 4, 3, 4]
    assert [story.label for story in stories[1:3]] == ["temperature 0.5, top-k off", "temperature 1.2, top-k 5"]
    lm = session.language_model("small")
    assert stories[2].text == "".join(lm.stream("Once", 13, temperature=1.2, top_k=5, top_p=None, seed=3))
    assert settings_label(mine, mine) == ""
    with pytest.raises(ValueError, match="choose 1 to 4"):
        next(write(session, ["small"], prompt="", count=5, settings=mine, stop=threading.Event()))


def test_the_chart_has_every_score_and_what_was_seen(session: Session) -> None:
    lm = session.language_model("small")
    chart = next_words(session, PAGE, "small", "Once upon a time ", after_story=True)  # there is no story yet
    raw = base64.b64decode(chart["logits"])
    logits, seen = lm.next_logits("Once upon a time")
    assert struct.unpack(f"<{len(logits)}f", raw) == pytest.approx(logits.tolist())
    assert chart["seen"] == sorted(set(seen)) and chart["after"] == "Once upon a time"
    assert [row["id"] for row in chart["rows"]] == logits.topk(branching.TOP).indices.tolist()
    story = told(session, prompt="Lily")
    chart = next_words(session, PAGE, "small", "Once", after_story=True)
    assert set(story.ids) <= set(chart["seen"])


def test_a_bar_of_a_part_of_a_character_is_named_by_its_bytes() -> None:
    rows = next_value([(7, b"\xf0\x9f"), (8, b" dog")], "", [], text="")["rows"]
    assert rows == [
        {"id": 7, "word": "F0 9F", "title": "F0 9F: part of a character, named by its bytes"},
        {"id": 8, "word": "dog", "title": "dog"},
    ]


def test_a_story_is_looked_at_and_branched_by_the_snapshot_that_wrote_it(
    model_home: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    write_json(run / "run.json", {"created": 1.0})
    snapshot(model_home / "small", run, 3)
    session = Session(tmp_path, tmp_path)
    wanted = sample_settings({"temperature": 1.0, "seed": 11, "max_new_tokens": 17}, most_tokens=1000)
    *_, (story,) = write(session, ["run@newest"], prompt="Once", count=1, settings=wanted, stop=threading.Event())
    score(session, [story])
    session.written.keep(PAGE, [story])
    before, new = look(session, PAGE, 0, 5), branched(session, story, 5, another(story, 5))
    for step in (7, 9, 11):  # more than the server keeps in memory
        snapshot(model_home / "small", run, step, strength=3.0)
        session.language_model(f"run@{step:06d}")
    gc.collect()
    assert story.writer() is None and story.model == "run@000003"
    assert look(session, PAGE, 0, 5) == before
    assert branched(session, story, 5, another(story, 5)).text == new.text
    shutil.rmtree(run / "snapshots/000003")
    session.language_model("run@000007")
    session.language_model("run@000009")
    gc.collect()
    asks = (lambda: look(session, PAGE, 0, 5), lambda: branch(session, story, 5, 1), lambda: score(session, [story]))
    for ask in asks:
        with pytest.raises(ValueError, match="the model that wrote this story is gone"):
            ask()


def snapshot(model: Path, run: Path, step: int, *, strength: float = 1.0) -> None:
    """A snapshot of a run: a model like the given one, its weights this many times as strong."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(model, run / f"snapshots/{step:06d}"))
    weights = {name: strength * weight for name, weight in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "slm.json", {**read_json(folder / "slm.json"), "step": step})


# --- what a page has written --------------------------------------------------------------------------------


def test_versions_are_kept_shown_and_bounded() -> None:
    written = WrittenStories(most=2)
    first = Story("m", "Once", 1)
    written.keep(PAGE, [first])
    for kept in range(1, MOST_VERSIONS):
        written.branch(PAGE, 0, Story("m", "Once", 1, kept=kept))
        assert written.of(PAGE)[0].kept == kept
    with pytest.raises(ValueError, match="20 versions at most"):
        written.branch(PAGE, 0, first)
    written.show(PAGE, 0, 0)
    assert written.of(PAGE) == [first]
    for column, version in ((0, 20), (0, -1), (1, 0), (-1, 0)):
        with pytest.raises(ValueError):
            written.show(PAGE, column, version)
    for page in ("a", "b"):
        written.keep(page, [first])
    assert written.of(PAGE) == []


def test_a_version_that_came_to_nothing_leaves_the_one_before_it() -> None:
    written = WrittenStories()
    first, other, second, failed = (Story("m", text, 1) for text in ("Once", "Once", "Twice", "Once"))
    written.keep(PAGE, [other, first])
    written.branch(PAGE, 1, second)
    written.show(PAGE, 1, 0)
    written.branch(PAGE, 1, failed)
    written.give_up(PAGE, failed, first)
    assert [one is first for one in written.column(PAGE, 1).stories] == [True, False]
    assert written.of(PAGE)[0] is other and written.of(PAGE)[1] is first
    written.give_up(PAGE, failed, first)
    written.give_up("other", failed, first)  # a page that is gone
    assert len(written.column(PAGE, 1).stories) == 2


def test_a_choice_is_handed_on_once() -> None:
    written = WrittenStories()
    with pytest.raises(ValueError, match="press Write"):
        written.ask(PAGE, Choice(0, 1, 2, "gone"))
    story = Story("m", "Once", 1)
    written.keep(PAGE, [story])
    choice = Choice(0, 1, 2, story.name)
    written.ask(PAGE, choice)
    assert [written.asked(PAGE), written.asked(PAGE), written.asked("other")] == [choice, None, None]


def test_a_choice_is_of_the_story_that_was_seen() -> None:
    """A panel may stand there that came late, of a story that another one or another version has taken the place of."""
    written = WrittenStories()
    old, new = Story("m", "Once", 1), Story("m", "Once", 1)
    written.keep(PAGE, [old])
    written.branch(PAGE, 0, new)
    with pytest.raises(ValueError, match="another story stands here now"):
        written.ask(PAGE, Choice(0, 1, 2, old.name))
    assert written.asked(PAGE) is None


@pytest.mark.parametrize("data", [None, {}, {"column": "0"}, {"column": 0.5}, {"column": True}, {"column": [0]}])
def test_what_a_script_sends_is_a_number_or_nothing(data: object) -> None:
    pytest.importorskip("gradio")
    from types import SimpleNamespace

    from demo.tabs.choosing import _whole

    with pytest.raises(ValueError, match="choose another"):
        _whole(SimpleNamespace(_data=data), "column")


# --- words --------------------------------------------------------------------------------------------------


def test_tokens_are_shown_as_people_read_them() -> None:
    shown = {" girl": "girl", "ly": "\u2026ly", "Once": "Once", ".": ".", "\n": "\u21b5", " ": "\u2423"}
    assert {text: token_word(text) for text in shown} == shown
    assert token_word(END_OF_TEXT) == "(the end)"
    assert last_words("Once upon a time", 9) == "\u2026 a time"
    assert last_words("abcdefgh", 3) == "\u2026fgh"
    assert last_words("Once", 9) == "Once"


def test_surprise_grows_with_rank_and_with_improbability() -> None:
    ranks = [surprise_levels(rank, 1.0)[0] for rank in (1, 2, 3, 4, 10, 11, 100, 101)]
    probs = [surprise_levels(1, prob)[1] for prob in (0.5, 0.4, 0.1, 0.09, 0.01, 0.009, 0.001, 0.0001)]
    assert ranks == probs == [0, 1, 1, 2, 2, 3, 3, 4]
    assert surprise_levels(1, math.exp(-700))[1] == 4


def test_a_version_is_named_by_its_word() -> None:
    long = Story("m", "Once", 1, kept=1, written=[Written(1, " supercalifragilistic")])
    assert version_name(long) == "\u201csupercalifrag\u2026\u201d at 1"
    assert version_name(Story("m", "Once", 1, settings=SampleConfig())) == "the first"
