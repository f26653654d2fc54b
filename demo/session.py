"""What the page's handlers share: where things lie, who may change them, the models in memory, the requests to stop.

One Session belongs to one server. It holds nothing that a reload of the page could lose: runs and data sets are on
the disk, and the models kept here are only there to save time.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.exporting import Exports
from demo.measuring import Speeds
from demo.memory import EventCache, ModelCache, Stops
from demo.rights import CLASS_PAGE, MAY_NOT, OWN_PAGE, SWITCHED_OFF, WORK, Limits, Pace, Rights
from demo.views.status import state_word
from demo.views.words import compact
from demo.written import WrittenStories
from slm.refusals import in_words
from slm.runs import RunSummary, check_name, find_snapshots, list_runs, read_json, resolve

if TYPE_CHECKING:
    from demo.zero import Zero
    from slm.generate import LanguageModel


MISTAKES = (ValueError, OSError)  # of a person, or the disk refuses something: told in a sentence
log = logging.getLogger(__name__)
MOST_OF_A_FAILURE = 300  # characters of what the engine said
READABLE_BPB = 1.3  # below, a model writes sentences; a minute of micro gets there
NEWEST = "newest"  # RUN@newest is whatever snapshot the run saved last


@dataclass(frozen=True)
class Session:
    """The places and rights of one server; `bundled` is where models lie that came along, if that is elsewhere."""

    checkpoints: Path
    data: Path
    rights: Rights = field(default_factory=Rights)
    bundled: Path | None = None
    zero: Zero | None = None
    models: ModelCache = field(default_factory=ModelCache)
    stops: Stops = field(default_factory=Stops)
    events: EventCache = field(default_factory=EventCache)
    speeds: Speeds = field(default_factory=Speeds)
    exports: Exports = field(default_factory=Exports)
    written: WrittenStories = field(default_factory=WrittenStories)
    notices: dict[str, str] = field(default_factory=dict)  # what a background thread has to say, by subject
    paces: dict[str, Pace] = field(default_factory=lambda: {work: Pace(n) for work, n in CLASS_PAGE.a_minute.items()})

    def __post_init__(self) -> None:
        if self.zero:
            object.__setattr__(self, "models", ModelCache(zero=self.zero))

    @property
    def limits(self) -> Limits:
        """What one visitor may ask for."""
        return CLASS_PAGE if self.rights.public else OWN_PAGE

    @property
    def most_tokens(self) -> int:
        return self.limits.tokens

    def allow_change(self, key: str | None) -> None:
        """Raise ValueError unless who sends this key may train, prepare and delete."""
        if not self.rights.holds(key):
            raise ValueError(SWITCHED_OFF if self.rights.switched_off else MAY_NOT)

    def allow_request(self, visitor: str, work: str) -> None:
        """Count one request for this kind of WORK; ValueError where this visitor asked for it too often."""
        if (most := self.limits.a_minute.get(work)) is None:
            return
        if wait_s := self.paces[work].wait_s(visitor):
            raise ValueError(
                f"you asked for {WORK[work]} {most} times within a minute; wait {math.ceil(wait_s)} seconds"
            )
        self.paces[work].count(visitor)

    def check_prompt(self, prompt: str | None) -> str:
        """The prompt, when it is short enough to be read; ValueError says how much too long it is."""
        return check_prompt(prompt, most=self.limits.prompt_characters)

    # --- runs ---------------------------------------------------------------------------------------------------------

    def runs(self) -> list[RunSummary]:
        """All runs, the newest first, then the bundled models."""
        own = list_runs(self.checkpoints)
        known = {run.name for run in own}
        came = list_runs(self.bundled) if self.bundled and self.bundled != self.checkpoints else []
        return own + [run for run in came if run.status == "bundled" and run.name not in known]

    def run_dir(self, name: str | None) -> Path:
        """The folder of a run or bundled model; ValueError for a name that is none."""
        places = [self.checkpoints, *([self.bundled] if self.bundled else [])]
        for folder in (place / check_name(name or "") for place in places):
            if folder.is_dir() and folder.resolve().parent == folder.parent.resolve():
                return folder
        raise ValueError(f"there is no run or model {name!r} here; reload the page to see what there is")

    def record(self, name: str) -> dict[str, Any]:
        """How a run was started, as its run.json says; empty where that cannot be read."""
        with contextlib.suppress(ValueError, FileNotFoundError):
            record = read_json(self.run_dir(name) / "run.json")
            return record if isinstance(record, dict) else {}
        return {}

    # --- models -------------------------------------------------------------------------------------------------------

    def model_choices(self) -> list[tuple[str, str]]:
        """(label, name) of everything that can write, for a dropdown: trained runs first, then bundled models.

        Of a run that trains now, its newest snapshot comes before all.
        """
        able = [run for run in self.runs() if run.status == "bundled" or run.snapshots]
        newest = [(newest_label(run), f"{run.name}@{NEWEST}") for run in able if run.status == "running"]
        return newest + [(model_label(run), run.name) for run in able]

    def default_model(self) -> str | None:
        """The model a newcomer meets: the newest trained here that writes well, else a bundled one, else any.

        In a class it is the newest snapshot of the run that all are watching, while it trains.
        """
        able = [run for run in self.runs() if run.status == "bundled" or run.snapshots]
        if self.rights.public and (training := [run for run in able if run.status == "running"]):
            return f"{training[0].name}@{NEWEST}"
        best = min(able, key=_rank, default=None)
        return best.name if best else None

    def model_path(self, value: str | None) -> Path:
        """The folder that a dropdown's value NAME, NAME@STEP or NAME@newest means; ValueError where there is none."""
        if not value:
            raise ValueError("there is no model yet: train one in the Train tab")
        name, _, step = value.partition("@")
        folder = self.run_dir(name)
        if not step:
            return folder
        if step == NEWEST:
            return newest_snapshot(folder)
        if not step.isdecimal() or not (folder / "snapshots" / step).is_dir():
            raise ValueError(f"run {name} has no snapshot {step!r}; choose another")
        return folder / "snapshots" / step

    def language_model(self, value: str | None) -> LanguageModel:
        """The model of a dropdown's value, ready to write."""
        folder = None
        try:
            folder = resolve(self.model_path(value))
            return self.models.get(folder)
        except (ValueError, OSError):
            # A training puts an old snapshot away when it saves the next, of a run's best model too.
            if folder == (newer := resolve(self.model_path(value))):
                raise
            return self.models.get(newer)

    def exact_name(self, value: str, about: Mapping[str, Any]) -> str:
        """The value that means this very model for good: NAME@STEP where NAME or NAME@newest soon means another."""
        name, _, step = value.partition("@")
        if not isinstance(about.get("step"), int) or step.isdecimal() or not find_snapshots(self.run_dir(name)):
            return value
        return f"{name}@{about['step']:06d}"

    def remark_on_model(self, value: str, about: Mapping[str, Any]) -> str:
        """Which snapshot of a training run wrote, and how old it is; empty for other models."""
        name, _, step = value.partition("@")
        if step != NEWEST or not isinstance(about.get("step"), int):
            return ""
        folder = self.run_dir(name) / "snapshots" / f"{about['step']:06d}"
        old = f", saved {age(folder)} ago" if folder.is_dir() else ""
        return f"{name} as it was after step {about['step']:,}{old}."

    def warm(self) -> None:
        """Import torch and load the model that the page offers first, so that the first story begins at once."""
        import slm

        assert slm.load
        with contextlib.suppress(ValueError):  # no model yet, or a broken one: whoever asks for it is told
            self.language_model(self.default_model())

    # --- data sets ----------------------------------------------------------------------------------------------------

    def manifest(self, name: str | None) -> dict[str, Any]:
        """What is known of a prepared data set; ValueError where there is none of this name."""
        try:
            return read_json(self.data / check_name(name or "") / "manifest.json")
        except FileNotFoundError:
            raise ValueError(f"there is no prepared data set {name!r}; prepare it in the Data tab") from None


def _rank(run: RunSummary) -> tuple[int, bool]:
    """Lower for a model that is better to begin with."""
    bundled = run.status == "bundled"
    good = not bundled and run.val_bpb is not None and run.val_bpb < READABLE_BPB
    return (0 if good else 1 if bundled else 2), run.name == "golden"


def newest_snapshot(run_dir: Path) -> Path:
    """The snapshot that a run saved last; ValueError where it has none yet."""
    if not (snapshots := find_snapshots(run_dir)):
        raise ValueError(f"run {run_dir.name} has not saved a model yet; wait a moment")
    return snapshots[-1]


def newest_label(run: RunSummary) -> str:
    """One line that tells the newest snapshot of a run that trains, with its age."""
    folder = newest_snapshot(run.path)
    return f"newest snapshot of {run.name} (training) \u00b7 step {int(folder.name):,}, {age(folder)} old"


def age(folder: Path) -> str:
    """How long ago a snapshot was saved: "40 s", "3 min"."""
    seconds = max(0.0, time.time() - folder.stat().st_mtime)
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def model_label(run: RunSummary) -> str:
    """One line that tells a model from the others: "micro-starter-001, finished, step 300, 2.6 M"."""
    parts = [run.name, state_word(run.status)]
    if run.status != "bundled":
        parts.append(f"step {run.step:,}")
    if run.n_params:
        parts.append(f"{compact(run.n_params)} parameters")
    return " \u00b7 ".join(parts)


def check_prompt(prompt: str | None, *, most: int) -> str:
    """The prompt, when it has at most so many characters; ValueError says how much too long it is."""
    prompt = prompt or ""
    if len(prompt) > most:
        raise ValueError(f"the prompt has {len(prompt):,} characters, the most possible is {most:,}; shorten it")
    return prompt


def message(error: Exception | str) -> str:
    """What an error says; of what the disk refused, the file and the reason."""
    return in_words(error) if isinstance(error, OSError) and error.strerror else str(error)


def failure(error: Exception) -> str:
    """Why a model could not go on: a mistake as it stands, of anything else the first line; the log has all of it."""
    if isinstance(error, MISTAKES):
        return message(error)
    log.error("a model failed", exc_info=error)
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return f"the model could not write: {first[:MOST_OF_A_FAILURE]}"


def sentence(error: Exception | str) -> str:
    """An error's message as one sentence: a capital at its beginning, a point at its end.

    A name (of a setting, a file or a model: whatever is no plain word) stays as it is written.
    """
    text = message(error).strip() or "Something went wrong"
    first = text.split(maxsplit=1)[0].rstrip(",;:.!?")
    begin = text[0].upper() if first.replace("'", "").isalpha() else text[0]
    return begin + text[1:] + ("" if text[-1] in ".!?" else ".")
