"""Which texts are read at all."""

from __future__ import annotations

import pytest

from slm.texts import MAX_CHARACTERS, check_characters, check_length


def test_a_text_may_be_long_and_no_longer():
    check_length("a" * MAX_CHARACTERS, "the text", advice="shorten it")
    with pytest.raises(ValueError, match=r"^the text has 1,000,001 characters, .* is 1,000,000; shorten it$"):
        check_length("a" * (MAX_CHARACTERS + 1), "the text", advice="shorten it")


@pytest.mark.parametrize("text", ["caf\udce9", "\ud83d", "abc\udfff!"])
def test_half_of_a_surrogate_pair_is_named_with_its_place(text):
    place = next(n for n, char in enumerate(text) if "\ud800" <= char <= "\udfff")
    with pytest.raises(ValueError, match=f"^character {place} of --prompt is .* no character: .*remove it$"):
        check_characters(text, "--prompt")


def test_every_whole_character_passes():
    check_characters("".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)])))
