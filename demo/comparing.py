"""What a page knows of the Runs tab that it shows, so that it is sent only what is new while a run trains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from demo.session import Session
from demo.views.chart import chart_value
from demo.watching import compare_chart
from slm.events import EVENTS_FILE
from slm.runs import RunSummary

NO_CURVE = "No curve is chosen. A model that came with the project has none: it came without its training."


@dataclass(frozen=True)
class Seen:
    """The curves that a page shows by name, and digests of the names in its lists, of its table, and of the curves.

    An empty digest is one that the page does not know: what it stands for is sent.
    """

    names: tuple[str, ...] = ()
    lists: str = ""
    table: str = ""
    curves: str = ""

    def __str__(self) -> str:
        return json.dumps([self.names, self.lists, self.table, self.curves])

    @classmethod
    def parse(cls, text: str | None) -> Seen:
        """What a page sent; an empty Seen for what is none."""
        try:
            names, *digests = json.loads(text or "")
        except (ValueError, TypeError):
            return cls()
        if not isinstance(names, list) or len(digests) != 3 or not all(isinstance(w, str) for w in names + digests):
            return cls()
        return cls(tuple(names), *digests)

    def choosing(self, names: Sequence[str]) -> Seen:
        """The same table with other curves, which are drawn already but may have grown meanwhile."""
        return replace(self, names=tuple(names), curves="")


def seen_now(session: Session, names: Sequence[str]) -> Seen:
    """What a page would show now with these curves; the table is new when a run starts, ends, saves or is measured."""
    runs = session.runs()
    rows = [(run.name, run.status, run.snapshots, run.best_step, run.val_loss) for run in runs]
    shown = tuple(run.name for run in trained(runs) if run.name in names)[: session.limits.curves]
    sizes = [(name, _size(session, name)) for name in shown]
    return Seen(shown, _digest([run.name for run in runs]), _digest(rows), _digest(sizes))


def trained(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs that have a curve: a bundled model has none."""
    return [run for run in runs if run.status != "bundled"]


def curves_chart(session: Session, names: Sequence[str]) -> dict[str, Any]:
    """The curves of these runs over each other; what stands in their place where none is chosen."""
    value = compare_chart(session, names)
    return value if value["runs"] else chart_value([], nothing=NO_CURVE)


def _size(session: Session, name: str) -> int:
    file = session.checkpoints / name / EVENTS_FILE
    return file.stat().st_size if file.exists() else 0


def _digest(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=8).hexdigest()
