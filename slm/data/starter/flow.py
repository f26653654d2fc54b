"""What makes a paragraph flow: a name that was just said becomes a pronoun, and 'said' changes its place."""
from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from slm.data.starter.cast import Character
from slm.data.starter.scene import Scene

_SENTENCE_END = re.compile(r'(?<=[.!?"])(?<!Mr\.)(?<!Mrs\.) (?=[A-Z"])')
_SPEAKER = re.compile(r'" (?:said|asked|cried|called|whispered|thought|begged|shouted|mumbled) ([A-Z][\w. '
    r']*)\.$')
_NAMED = re.compile(r"\b(?:named|called|name was) ([A-Z]\w*)\.$")
_SAID = re.compile(r'([,!])" said (?!Mrs?\.)([A-Z]\w*)\.')
_NOT_A_SUBJECT = ("and ", "or ", "the ")


def with_pronouns(paragraph: str, cast: Sequence[Character]) -> str:
    """Replace the name that opens a sentence by a pronoun, where the sentence before is about nobody else.

    "Mia sat down. Mia sighed." becomes "Mia sat down. She sighed.", and so after '"No," said Mia.';
    nothing inside quotation marks is touched.
    """
    sentences = _SENTENCE_END.split(paragraph)
    told = sentences[:1]
    quotes = sentences[0].count('"')
    for before, sentence in itertools.pairwise(sentences):
        for character in cast:
            named = sentence.startswith(character.name) and quotes % 2 == 0
            if named and _is_only_about(before, character, cast):
                sentence = _open_with_pronoun(sentence, character)
        quotes += sentence.count('"')
        told.append(sentence)
    return " ".join(told)


def _is_only_about(sentence: str, character: Character, cast: Sequence[Character]) -> bool:
    if '"' in sentence:
        speaker = _SPEAKER.search(sentence)
        about = speaker is not None and speaker[1] == character.name
    else:
        named = _NAMED.search(sentence)
        about = sentence.startswith((character.name + " ", character.name + "'s ")) or (
            named is not None and named[1] == character.name)
    return about and not any(other.name in sentence for other in cast if other is not character)


def _open_with_pronoun(sentence: str, character: Character) -> str:
    for ending, pronoun in ((" ", character.He), ("'s ", character.His)):
        start = character.name + ending
        rest = sentence[len(start):]
        if sentence.startswith(start) and not rest.startswith(_NOT_A_SUBJECT):
            return f"{pronoun} {rest}"
    return sentence


def vary_speech(paragraph: str, scene: Scene) -> str:
    """Turn some of the tags 'said Mia' around to 'Mia said', and let some exclamations be cried."""
    def turned(match: re.Match[str]) -> str:
        end, who = match.groups()
        if end == "!" and scene.chance(0.5):
            return f'!" cried {who}.'
        return f'{end}" {who} said.' if scene.chance(0.3) else match.group()

    return _SAID.sub(turned, paragraph)
