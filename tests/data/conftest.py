"""Preparing quickly: a small tokenizer to start from, a file of stories, and a place for what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from slm.data import prepare
from slm.tokenizer import Tokenizer, load_gpt2, trim
from tests.data.prepared import STORIES, write


@pytest.fixture(scope="session")
def small_tokenizer() -> Tokenizer:
    """The first 600 tokens of GPT-2: trimming all 50,257 takes a second."""
    return trim(load_gpt2(), [0] * 50257, vocab_size=600)


@pytest.fixture
def start_from_a_small_tokenizer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, small_tokenizer: Tokenizer
) -> None:
    """Preparing trims the small tokenizer, where the test does not ask for `real_gpt2`."""
    if "real_gpt2" not in request.fixturenames:
        monkeypatch.setattr(prepare, "load_gpt2", lambda: small_tokenizer)


@pytest.fixture
def real_gpt2() -> None:
    """Asked for by tests that prepare with the whole of GPT-2."""


@pytest.fixture
def stories_file(tmp_path: Path) -> Path:
    """211 short stories."""
    return write(tmp_path / "own.jsonl", STORIES)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Where data sets go; it is not there yet."""
    return tmp_path / "data"
