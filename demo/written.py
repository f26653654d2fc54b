"""What each page wrote last: its stories side by side, and the versions that each of them branched into."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.stories import Story

MOST_VERSIONS = 20


@dataclass(frozen=True)
class Choice:
    """Another token for one place of a story: of the `column`-th story shown, the `place`-th token after the prompt.

    `story` is the name of the one that the person saw there.
    """

    column: int
    place: int
    token: int
    story: str


@dataclass
class Versions:
    """A story and what it branched into, in the order of their making."""

    stories: list[Story]
    shown: int = 0

    @property
    def story(self) -> Story:
        return self.stories[self.shown]


@dataclass
class _Page:
    columns: list[Versions] = field(default_factory=list)
    choice: Choice | None = None


class WrittenStories:
    """The stories that each page wrote last, for whoever wants to know more of them or to go on from them."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._pages: OrderedDict[str, _Page] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, page: str, stories: list[Story]) -> None:
        """These are the page's stories now, each in its only version."""
        with self._lock:
            self._pages[page] = _Page([Versions([story]) for story in stories])
            self._pages.move_to_end(page)
            while len(self._pages) > self._most:
                self._pages.popitem(last=False)

    def columns(self, page: str) -> list[Versions]:
        """The page's stories side by side, each with its versions."""
        with self._lock:
            return list(self._pages.get(page, _Page()).columns)

    def of(self, page: str) -> list[Story]:
        """The stories that the page shows."""
        return [versions.story for versions in self.columns(page)]

    def column(self, page: str, index: int) -> Versions:
        """One of the page's stories; ValueError where it is not there any more."""
        columns = self.columns(page)
        if not 0 <= index < len(columns):
            raise ValueError("this story is not here any more; press Write for a new one")
        return columns[index]

    def branch(self, page: str, index: int, story: Story) -> None:
        """Show a new version of one of the page's stories; ValueError where it has too many."""
        versions = self.column(page, index)
        with self._lock:
            if len(versions.stories) >= MOST_VERSIONS:
                raise ValueError(f"a story has {MOST_VERSIONS} versions at most; press Write to begin a new one")
            versions.stories.append(story)
            versions.shown = len(versions.stories) - 1

    def give_up(self, page: str, story: Story, old: Story) -> None:
        """Forget a version that came to nothing, and show the one that it branched from."""
        for versions in self.columns(page):
            with self._lock:
                if any(one is story for one in versions.stories):
                    versions.stories = [one for one in versions.stories if one is not story]
                    versions.shown = next((at for at, one in enumerate(versions.stories) if one is old), 0)

    def show(self, page: str, index: int, version: int) -> None:
        """Show another version; ValueError where there is none of this number."""
        versions = self.column(page, index)
        if not 0 <= version < len(versions.stories):
            raise ValueError(f"this story has {len(versions.stories)} versions, none of them is number {version + 1}")
        versions.shown = version

    def ask(self, page: str, choice: Choice) -> None:
        """Note the token that a person chose; `asked` hands it on once. ValueError where that story is not shown."""
        if self.column(page, choice.column).story.name != choice.story:
            raise ValueError("another story stands here now; choose a word of it")
        with self._lock:
            self._pages[page].choice = choice

    def asked(self, page: str) -> Choice | None:
        with self._lock:
            if (found := self._pages.get(page)) is None:
                return None
            choice, found.choice = found.choice, None
            return choice
