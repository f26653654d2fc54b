"""Tokenizers on disk: what was saved, what others wrote, and what is refused."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

import slm.tokenizer
from slm.bpe_files import to_chars
from slm.config import END_OF_TEXT
from slm.tokenizer import Tokenizer, load_tokenizer
from tests.vocabularies import STORY, package_file
from tests.waiting import QUICK_S


def test_load_gives_back_what_was_saved(tokenizer: Tokenizer, tokenizer_folder: Path) -> None:
    loaded = load_tokenizer(tokenizer_folder)
    assert loaded == tokenizer and hash(loaded) == hash(tokenizer) and loaded.name == tokenizer.name
    assert loaded.encode(STORY) == tokenizer.encode(STORY)
    assert sorted(path.name for path in tokenizer_folder.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]


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


def test_a_token_that_would_take_hours_to_take_apart_is_refused_at_once(tmp_path: Path) -> None:
    doubled = ["a" * 2**n for n in range(21)]
    chars = [*(to_chars(bytes([byte])) for byte in range(256)), *doubled[1:], END_OF_TEXT]
    (tmp_path / "vocab.json").write_text(json.dumps({char: id for id, char in enumerate(chars)}), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("".join(f"{half} {half}\n" for half in doubled[:-1]), encoding="utf-8")
    begin = time.perf_counter()
    told = "its 277 tokens are too long to be read: 7,572 bytes on average, the longest 1,048,576, where GPT-2's have 6"
    with pytest.raises(ValueError, match=told):
        load_tokenizer(tmp_path)
    assert time.perf_counter() - begin < QUICK_S
