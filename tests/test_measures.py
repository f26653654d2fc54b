"""Each measure on stories made by hand: one that is good, and one with the very fault that it is there to see."""

from __future__ import annotations

import pytest

from slm.measures import MEASURES, Known, Story, runs, words

GOOD = (
    " found a red kite in the tall grass. She ran home and asked her mom to help. They tied a long string to it and"
    " went up the hill. The wind took the kite high into the sky. Lily laughed and held on tight. In the evening she"
    ' put the kite beside her bed and said, "Good night, kite!"'
)
PROMPT = "Once upon a time there was a girl named Lily who wanted a kite. One day Lily"
KNOWN = Known(
    words=frozenset(words(PROMPT + GOOD)) | {"he", "his"},
    names=frozenset({"Lily", "Tim"}),
    sexes={"Lily": "female", "Tim": "male"},
)


def of(name: str, text: str, *, prompt: str = PROMPT, ended: bool = True, known: Known = KNOWN) -> float | None:
    return MEASURES[name].of(Story(prompt, text, ended), known)


def test_words_are_letters_and_apostrophes_in_lower_case():
    assert words("“Don’t!” said Zoë's 2 well-fed cats.") == ["don't", "said", "zoë's", "well", "fed", "cats"]
    assert runs("One, two! Three four", 3) == [("one", "two", "three"), ("two", "three", "four")]


def test_a_story_ends_properly_by_itself_and_after_a_sentence():
    assert of("ends_properly", GOOD) == 1
    assert of("ends_properly", GOOD + "\n") == 1
    assert of("ends_properly", GOOD, ended=False) == 0
    assert of("ends_properly", " found a red kite and") == 0
    assert of("ends_properly", "") == 0


def test_real_words_are_those_of_the_training_stories():
    assert of("real_words", GOOD) == 1
    assert of("real_words", " found a red kitle in the grassel.") == pytest.approx(5 / 7)
    assert of("real_words", " ... 42!") is None


def test_different_pairs_are_counted_over_the_same_number_of_words_whatever_the_length():
    many = " ".join(chr(97 + n % 26) * (1 + n // 26) for n in range(90))
    assert of("distinct_2", many) == 1
    assert of("distinct_2", "a b " * 30) == pytest.approx(2 / 59)
    assert of("distinct_2", "a b " * 50) == of("distinct_2", "a b " * 500) == pytest.approx(2 / 99)
    assert of("distinct_2", "too short to tell") is None
    assert of("distinct_2", GOOD) > 0.9


@pytest.mark.parametrize(
    "text",
    [
        " and the dog and the dog and the dog and the dog and the dog",
        " He was very, very, very, very, very, very, very, very, very, very, very, very sad.",
        " She liked to play with her ball." + GOOD + " She liked to play with her ball. Yes!" * 2,
    ],
)
def test_a_story_that_runs_in_circles_is_seen(text):
    assert of("loops", text) == 1


def test_what_good_stories_repeat_is_no_circle():
    assert of("loops", GOOD) == 0
    assert of("loops", " She ran and ran and ran." + ' "Hello!" Ben said.' * 3) == 0


def test_a_name_stays_unless_its_bearer_is_renamed_or_comes_from_nowhere():
    assert of("names_stay", " went out. Then Lily met a boy named Tim. Tim and Lily played.") == 1
    assert of("names_stay", " went out. Tim was glad. Lily and Tim played.") == pytest.approx(1 / 3)
    # A name that no training story has counts where it stands inside a sentence, and then everywhere.
    assert of("names_stay", " went out. Dava was glad, and Dava ran.", prompt="A bear named Diva") == 0
    assert of("names_stay", " slept. Nobody has a name here.") is None
    assert of("names_stay", " saw Lily.", prompt="One day a girl") is None


def test_only_words_of_meaning_count_as_taken_up():
    prompt = "Once upon a time a boy was looking for his shiny boxes and a key. He wanted"
    assert of("prompt_words", " opened the box.", prompt=prompt) == pytest.approx(1 / 4)
    assert of("prompt_words", " The boy's key is in a shining box.", prompt=prompt) == pytest.approx(1)
    assert of("prompt_words", " slept for a time, and he was wanted.", prompt=prompt) == 0
    assert of("prompt_words", GOOD, prompt="One day she went") is None


def test_a_name_of_the_prompt_is_no_word_that_is_taken_up():
    assert of("prompt_words", " Lily and Tim went home.", prompt="One day Lily and Tim") is None
    prompt = "Lily's boat was in Tim's pond, and a bear named Diva"
    assert of("prompt_words", " Lily, Tim and Diva slept.", prompt=prompt) == 0
    assert of("prompt_words", " Nobody had a boat on the pond.", prompt=prompt) == pytest.approx(2 / 4)
    # What is a name elsewhere is a word where it stands as one.
    assert of("prompt_words", " saw a lily.", prompt="One day a lily") == 1


def test_pronouns_agree_where_only_one_is_possible():
    assert of("pronouns_agree", GOOD) == 1
    assert of("pronouns_agree", " lost his kite. He cried until she found it.") == pytest.approx(1 / 3)
    assert of("pronouns_agree", " lost his kite. A boy found it.") is None
    assert of("pronouns_agree", " met a bear. He was kind.") is None
    assert of("pronouns_agree", " met Robin, and he was kind.") is None
    assert of("pronouns_agree", " slept.") is None


def test_runs_of_eight_words_that_stand_in_training_are_not_its_own():
    text = " She put the kite beside her bed and slept."
    copied = Known(copied=frozenset({("she", "put", "the", "kite", "beside", "her", "bed", "and")}))
    assert len(runs(text)) == 2
    assert of("own_runs", text, known=copied) == 0.5
    assert of("own_runs", text, known=Known()) == 1
    assert of("own_runs", " Too short.", known=copied) is None


def test_the_longest_copy_is_what_the_index_found():
    assert of("longest_copy", "abc", known=Known(longest_copies={"abc": 7})) == 7
    assert of("longest_copy", "abc") is None


def test_every_measure_says_in_a_sentence_what_it_is_and_takes_an_empty_story():
    for measure in MEASURES.values():
        measure.of(Story("", "", False), Known())
        assert measure.meaning.endswith(".") and len(measure.meaning) < 120
    assert MEASURES["loops"].words(0.107) == "10.7 %"
    assert MEASURES["longest_copy"].words(9.66) == "9.7 words"
    assert MEASURES["loops"].words(None) == MEASURES["loops"].words(float("nan")) == "–"
