"""The copy check of the stories that a page wrote last."""

from __future__ import annotations

from demo.session import Session, sentence
from demo.views.copies import copied_html, longest_first
from demo.views.words import note
from slm.data.copies import CopyIndex
from slm.data.prepare import find_dataset
from slm.runs import trained_on


def check(session: Session, page: str) -> str:
    """What of the page's last stories stands in the stories that their models learnt from, as HTML."""
    stories = session.written.of(page)
    if not stories:
        return note("There is no story yet: press Write first.")
    several = len(stories) > 1
    return "".join(_check(session, story.model, story.prompt + story.text, named=several) for story in stories)


def _check(session: Session, model: str, text: str, *, named: bool) -> str:
    try:
        data = trained_on(session.run_dir(model.partition("@")[0]))
        index = CopyIndex(find_dataset(session.data, fingerprint=data["fingerprint"], name=data["name"]))
        found = index.find(text)
    except ValueError as error:
        return note(sentence(error), kind="warning")
    sources = {match.place: index.story_around(match.place) for match in longest_first(found)}
    return copied_html(found, sources, title=model if named else "")
