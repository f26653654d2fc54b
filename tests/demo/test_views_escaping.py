"""Whatever a person or a model wrote reaches the page as text: it never becomes a tag, and nothing of it is lost."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from demo.views import alternatives, copies, data, differences, samples, size, status, story, words
from slm.data.copies import Copied, Match

PLAIN = "plain"
NASTY = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' onmouseover='alert(1)",
    "</p></section><h1>",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "${1 + 1} {{value}} `back`",
    "\U0001f436 caf\u00e9 \u201cquoted\u201d \u0645\u0631\u062d\u0628\u0627",
    "<" * 10_000,
]


def views_of(text: str) -> dict[str, str]:
    """Every view with `text` in every place that holds something a person or a model wrote."""
    run = {"name": text, "status": "error", "step": 3, "n_params": 7, "budget": {"steps": 5}}
    events = [
        {"kind": "start", "step": 0, "t": 1.0},
        {"kind": "train", "step": 3, "t": 2.0, "loss": 2.0, "elapsed_s": 1.0},
        {"kind": "sample", "step": 3, "prompt": text, "text": text},
        {"kind": "warning", "step": 3, "code": text, "message": text},
        {"kind": "end", "step": 3, "reason": "error", "message": text},
    ]
    whole = Match(0, len(text), 12, 3, text, 0)
    manifest = {"name": text, "description": text, "dropped": {text: 2}, "vocab_size": 7}
    return {
        "status": status.status_html(run, events, now=3.0),
        "samples": samples.samples_html(events),
        "story": story.story_html(text, text, note=text),
        "words": story.story_html(
            text, text, label=text, versions=[text, "x"], pieces=[story.Piece(0, text, 3, 0.1, chosen=True)]
        ),
        "alternatives": alternatives.alternatives_html(
            [alternatives.Alternative(5, text, 0.5, 0.7)], column=0, place=0, last=1, before=text, chosen=5, rank=1,
            settings=text, seed=7, story=text,
        ),
        "progress": data.progress_html({"stage": text, "done": 1, "total": 2}),
        "failed": data.progress_html({"stage": "error", "message": text}),
        "manifest": data.manifest_html(manifest),
        "preview": data.preview_html([text, {"text": text}]),
        "size": size.size_html({text: 5}, note=text),
        "note": words.note(text),
        "copies": copies.copied_html(Copied(text, [whole], whole, 0.5, 9.0), {0: text}, title=text),
        "differences": differences.differences_html([run, run], [{"preset": text}, {"preset": "x"}]),
    }


class Page(HTMLParser):
    """The tags of a piece of HTML in order, with the names of their attributes, and all its text."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[object] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("view", sorted(views_of(PLAIN)))
def test_text_never_becomes_markup(view, text):
    harmless, page = Page(views_of(PLAIN)[view]), Page(views_of(text)[view])
    assert page.tags == harmless.tags
    assert text.strip() in page.text


def test_half_characters_and_controls_do_not_reach_the_page():
    assert words.escape("a\ud83db\x00c\x1bd\ne") == "a\ufffdb\ufffdc\ufffdd\ne"
    story.story_html("\udc80", "\x07").encode("utf-8")
