"""Scores over several stories: their figures, and how far they are from people's."""

from __future__ import annotations

import pytest

from slm.measures import MEASURES, Known, Story
from slm.scores import LEAST_DEVIATION, Score, distance, score, scores


def test_a_score_leaves_out_stories_without_a_value():
    found = score([1.0, None, 2.0, 6.0])
    assert (found.mean, found.count) == (3.0, 3)
    assert found.deviation == pytest.approx(7**0.5)
    assert found.stderr == pytest.approx((7 / 3) ** 0.5)
    assert score([None]) == Score(None, None, None, 0)


def test_every_measure_has_a_score():
    assert set(scores([Story("", "", False)], Known())) == set(MEASURES)


def test_the_distance_from_people_is_in_their_own_deviations():
    people = dict.fromkeys(MEASURES, Score(0.5, 0.01, 0.1, 100))
    assert distance(people, people) == 0
    far = {**people, "loops": Score(0.8, 0.1, 0.3, 9)}
    assert distance(far, people) == pytest.approx(3 / len(MEASURES))
    same = {**people, "loops": Score(0.0, 0.0, 0.0, 100)}
    assert distance(far, same) == pytest.approx(0.8 / LEAST_DEVIATION / len(MEASURES))
    unknown = {**far, "names_stay": score([])}
    assert distance(unknown, people) == pytest.approx(3 / (len(MEASURES) - 1))
