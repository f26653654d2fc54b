"""The copy check of the stories that a page wrote last."""

from __future__ import annotations

from pathlib import Path

from demo.session import Session, sentence
from demo.stories import Story
from demo.views.copies import copied_html, longest_first, not_compared_html
from demo.views.words import note
from slm.data.copies import CopyIndex, has_index
from slm.data.prepare import find_dataset, list_datasets
from slm.runs import is_run, trained_on


def check(session: Session, page: str) -> str:
    """What of the page's last stories stands in the stories that their models learnt from, as HTML."""
    stories = session.written.of(page)
    if not stories:
        return note("There is no story yet: press Write first.")
    if len(stories) == 1:
        return _check(session, stories[0], "")
    return "".join(
        _check(session, story, f"Story {n}" + (f" \u00b7 {story.label}" if story.label else ""))
        for n, story in enumerate(stories, 1)
    )


def _check(session: Session, story: Story, title: str) -> str:
    try:
        folder, remark = compared_with(session, story.model.partition("@")[0])
        index = CopyIndex(folder)
        found = index.find(story.prompt + story.text)
    except ValueError as error:
        return not_compared_html(sentence(error), title=title)
    sources = {match.place: index.story_around(match.place) for match in longest_first(found)}
    return copied_html(found, sources, title=title, remark=remark)


def compared_with(session: Session, name: str) -> tuple[Path, str]:
    """The data set that a model's stories are compared with, and what a person should know where it is another one.

    The one that it learnt from, else the largest of the same source. Raises ValueError where there is neither.
    """
    run_dir = session.run_dir(name)
    data = trained_on(run_dir)
    try:
        return find_dataset(session.data, fingerprint=data["fingerprint"], name=data["name"]), ""
    except ValueError:
        kin = [m for m in list_datasets(session.data) if m.get("source") == data.get("source", m["fingerprint"])]
        kin = [m for m in kin if has_index(session.data / m["name"])]
        if not kin:
            if is_run(run_dir):
                raise
            raise ValueError(
                f"the stories that {name} learnt from did not come along with it, so there is nothing to compare with; "
                f"prepare {data.get('source', 'the same collection')} in the Data tab, or choose a model trained here"
            ) from None
    other = max(kin, key=lambda m: m["train"]["tokens"])["name"]
    return session.data / other, (
        f"The very stories that {name} learnt from are not here. This compares with {other}, which was prepared from "
        "the same collection: it may have copied more than is underlined."
    )
