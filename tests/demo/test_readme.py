"""What the README says of the page, and what it shows."""

from __future__ import annotations

import re
from pathlib import Path

from demo.rights import CLASS_PAGE

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_limits_of_a_class_are_those_of_the_page():
    most, a_minute = CLASS_PAGE, CLASS_PAGE.a_minute
    told = (
        f"prompts of {most.prompt_characters:,} characters, stories of {most.tokens} tokens, four at once; "
        f"from one address, in a minute, {a_minute['story']} requests for stories, {a_minute['view']} views of a model "
        f"or a run, {a_minute['word']} next words and {a_minute['file']} exported files; {most.queue} requests waiting "
        f"in all, {most.waiting} of them from one address; and uploads of {most.upload_mb} MB"
    )
    assert told in " ".join(README.split()) and most.stories == 4


def test_every_picture_and_file_that_is_named_is_there():
    for name in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / name).exists(), name
