"""Text to ids and back, as transformers does it, with all of GPT-2's vocabulary and with a part of it."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path

import pytest

import slm.tokenizer
from slm.config import END_OF_TEXT
from slm.tokenizer import Tokenizer, load_gpt2, load_tokenizer, trim
from tests.vocabularies import STORY, TEXTS, TYPED_END

POOLS = [
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ",
    "etaoin  ",
    "0123456789²½Ⅷ٣",
    " \t\n\r\x0b\x0c\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000",
    "".join(map(chr, range(32))) + "\x7f\u180e\u200b\u200d\ufeff",
    ".,!?'\"-—“”‘’…<|>=/\\_()[]{}*#@&%$",
    "\u0301\u0308\u0323\u0336\u20dd\ufe0f",
    "😀👍🏽👩‍👧🇩🇪❤",
    "小女孩从前дедушкаखरगोशقطةひらがな",
]
WORDS = ["'s", "'ll", "'re", " the", "Once", "ing", "\n\n", "    ", "aaaa", "....", "ÃÂÃÂ"]


def random_text(rng: random.Random) -> str:
    """Mixed, repeated and any characters there are, but no surrogates."""
    parts = []
    for _ in range(rng.randint(1, 6)):
        kind = rng.random()
        if kind < 0.6:
            parts.append("".join(rng.choices(rng.choice(POOLS), k=rng.randint(1, 9))))
        elif kind < 0.75:
            parts.append(rng.choice(WORDS) * rng.randint(1, 3))
        else:
            code = rng.randrange(rng.choice([0x300, 0x3000, 0x110000]))
            parts.append(chr(code if not 0xD800 <= code < 0xE000 else 0x2019))
    return "".join(parts)


def random_texts(count: int) -> list[str]:
    rng = random.Random(20231)
    return [random_text(rng) for _ in range(count)]


# --- transformers as the reference ------------------------------------------------------------------------------------


def test_same_ids_as_transformers(tokenizer: Tokenizer, tokenizer_folder: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer
    theirs = auto.from_pretrained(tokenizer_folder)
    assert (len(theirs), theirs.bos_token_id, theirs.eos_token_id, theirs.unk_token_id) == (
        tokenizer.vocab_size,
        *[tokenizer.eot_id] * 3,
    )
    texts = TEXTS + TYPED_END + random_texts(10_000)
    different = [
        text
        for text, ids in zip(texts, theirs(texts)["input_ids"], strict=True)
        if tokenizer.encode(text) != ids or theirs.decode(ids) != text
    ]
    assert different == []

    assert theirs(END_OF_TEXT, split_special_tokens=False)["input_ids"] == [tokenizer.eot_id]


@pytest.mark.parametrize("model_type", ["gpt2", "nanochat"])
def test_transformers_loads_it_beside_any_model(model_type: str, trimmed: Tokenizer, tmp_path: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer
    trimmed.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    theirs = auto.from_pretrained(tmp_path)
    assert theirs(TEXTS)["input_ids"] == trimmed.encode_batch(TEXTS)
    assert theirs.convert_tokens_to_ids(END_OF_TEXT) == theirs.eos_token_id == trimmed.eot_id


def test_folder_that_transformers_wrote_loads(trimmed: Tokenizer, tmp_path: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer
    trimmed.save(tmp_path / "ours")
    auto.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    assert load_tokenizer(tmp_path / "theirs") == trimmed


# --- encoding and decoding --------------------------------------------------------------------------------------------


def test_gpt2_ids() -> None:
    gpt2 = load_gpt2()
    assert (gpt2.vocab_size, gpt2.eot_id, gpt2.name) == (50257, 50256, "gpt2")
    assert gpt2.encode("Once upon a time") == [7454, 2402, 257, 640]
    assert gpt2.decode([7454, 2402, 257, 640, 50256]) == "Once upon a time<|endoftext|>"


def test_any_text_comes_back(tokenizer: Tokenizer) -> None:
    for text in TEXTS + TYPED_END + random_texts(1_009):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.eot_id not in ids
    assert tokenizer.encode_batch(TEXTS) == [tokenizer.encode(text) for text in TEXTS]


def test_parts_of_characters(trimmed: Tokenizer) -> None:
    ids = trimmed.encode("莉")
    assert [trimmed.token_bytes(id) for id in ids] == [b"\xe8", b"\x8e", b"\x89"]
    assert trimmed.decode(ids[:2]) == "\ufffd"
    assert trimmed.decode_bytes(ids[:2]) == b"\xe8\x8e"
    assert trimmed.token_bytes(trimmed.eot_id) == END_OF_TEXT.encode()


def test_lone_surrogate_is_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match=r"character 3 of the text is '\\ud83d'"):
        tokenizer.encode("abc\ud83d def \ude00")


@pytest.mark.parametrize("wrong", [-1, 1031, 50257])
def test_id_outside_the_vocabulary(wrong: int, trimmed: Tokenizer) -> None:
    for call in (trimmed.token_bytes, lambda id: trimmed.decode([5, id]), lambda id: trimmed.decode_bytes([id])):
        with pytest.raises(ValueError, match=f"id {wrong} is outside this vocabulary: gpt2-1031 has ids 0 to 1030"):
            call(wrong)


def test_long_runs_of_spaces_are_cut_without_changing_ids(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = TEXTS + TYPED_END + random_texts(2_003)
    whole = tokenizer.encode_batch(texts)
    monkeypatch.setattr(slm.tokenizer, "_LONG_SPACES", 2)
    assert sum(len(list(slm.tokenizer._parts(text))) > 1 for text in texts) > 300
    assert tokenizer.encode_batch(texts) == whole


@pytest.mark.parametrize("run", [" ", " \n\t", "\u00a0", "a"])
def test_a_million_of_the_same(run: str, gpt2: Tokenizer) -> None:
    text = "x" + run * (1_100_000 // len(run)) + "end of it"
    assert gpt2.decode(gpt2.encode(text)) == text


def test_a_copy_in_another_process_is_equal(trimmed: Tokenizer) -> None:
    copy = pickle.loads(pickle.dumps(trimmed))
    assert copy == trimmed and copy.encode(STORY) == trimmed.encode(STORY)


def test_different_vocabularies_are_not_equal(gpt2: Tokenizer, trimmed: Tokenizer) -> None:
    assert gpt2 != trimmed and trimmed != "gpt2-1031"


# --- trimming ---------------------------------------------------------------------------------------------------------


def test_trimmed_vocabulary_is_closed(gpt2: Tokenizer, trimmed: Tokenizer) -> None:
    assert (trimmed.vocab_size, trimmed.eot_id, trimmed.name) == (1031, 1030, "gpt2-1031")
    tokens = [trimmed.token_bytes(id) for id in range(trimmed.eot_id)]
    assert {bytes([byte]) for byte in range(256)} <= set(tokens)
    order = {gpt2.token_bytes(id): id for id in range(gpt2.eot_id)}
    assert [order[token] for token in tokens] == sorted(order[token] for token in tokens)
    merged_from = {left + right: (left, right) for left, right in gpt2.merges}
    for id, token in enumerate(tokens):
        assert trimmed.encoding.encode_single_token(token) == id
        assert set(merged_from.get(token, ())) <= set(tokens)
    # Kept tokens are merged as GPT-2 merges them, and each is what its own bytes encode to.
    assert trimmed.merges == [pair for pair in gpt2.merges if pair[0] + pair[1] in set(tokens)]


def test_frequent_tokens_are_kept(gpt2: Tokenizer) -> None:
    counts = [0] * gpt2.vocab_size
    for id in gpt2.encode(STORY):
        counts[id] += 1
    full = gpt2.encode(STORY)
    assert trim(gpt2, counts, vocab_size=499).decode_bytes(range(498)).count(b" happily") == 1
    lengths = [len(trim(gpt2, counts, vocab_size=size).encode(STORY)) for size in (257, 307, 401, 499)]
    assert lengths[0] == len(STORY) and lengths[-1] == len(full)
    assert lengths == sorted(lengths, reverse=True)


def test_every_size_is_met_exactly(gpt2: Tokenizer, trimmed: Tokenizer) -> None:
    counts = [random.Random(id).randrange(100) for id in range(trimmed.vocab_size)]
    for size in [*range(257, 277), 997, 1030]:
        small = trim(trimmed, counts, vocab_size=size)
        assert (small.vocab_size, small.eot_id) == (size, size - 1)
        assert small.decode(small.encode(STORY)) == STORY
    assert trim(trimmed, counts, vocab_size=1031) is trimmed
    assert trim(gpt2, [0] * 50257, vocab_size=60_000) is gpt2


def test_counts_of_any_integer_kind(trimmed: Tokenizer) -> None:
    numpy = pytest.importorskip("numpy")
    counts = [random.Random(id).randrange(100) for id in range(trimmed.vocab_size)]
    unsigned = numpy.array(counts, dtype=numpy.uint8)
    assert trim(trimmed, unsigned, vocab_size=307) == trim(trimmed, counts, vocab_size=307)


def test_trim_refuses(gpt2: Tokenizer) -> None:
    with pytest.raises(ValueError, match=r"256 ids are too few: .* need 257"):
        trim(gpt2, [0] * 50257, vocab_size=256)
    with pytest.raises(ValueError, match="1000 counts do not fit 50257 ids"):
        trim(gpt2, [0] * 1000, vocab_size=512)
