"""Where stories come from: the Hub, a file, a folder, or the starter stories; always as train and validation."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slm.config import TINYSTORIES_HUB_IDS
from slm.data.clean import clean_story, digest
from slm.data.readers import COLUMN, SUFFIXES, check_column, count_stories, read_stories, text_bytes
from slm.refusals import shown

STARTER_COUNT = 20_000
STARTER_REMEMBERED = 100_000  # up to this many are told once and kept, about 1 KB each
VALIDATION_SHARE = 0.05
MOST_VALIDATION_STORIES = 5_000
_EMPTY = 2**64 - 1  # the key of empty stories, which are no one's validation story
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval"),
}
# Files that stand beside stories and hold none.
_NOT_STORIES = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "requirements.txt",
                "license.txt", "readme.txt"}


@dataclass(frozen=True)
class Stories:
    """Stories that can be read again and again: each iteration calls `read`."""

    read: Callable[[], Iterator[str]]

    def __iter__(self) -> Iterator[str]:
        return self.read()


@dataclass(frozen=True, kw_only=True)
class Source:
    """Stories as they come, before cleaning. What is not known without reading them all is None."""

    train: Stories
    validation: Stories
    description: str
    counts: dict[str, int] | None = None  # stories by part
    text_bytes: int | None = None


def local_source(source: str) -> Path | None:
    """The file or folder here that a source names, where it names one."""
    if source in ("", "starter", *TINYSTORIES_HUB_IDS):
        return None
    try:
        path = Path(source).expanduser()
    except RuntimeError:  # a ~name that is nobody's
        return None
    return path if os.path.exists(path) else None  # which takes a name of any length; a Path's own method raises


def open_source(source: str, *, limit: int | None = None, seed: int = 1337) -> Source:
    """The source called tinystories, tinystories-clean or starter, a local file or folder, or a Hub id.

    A source without a validation part gives up 5 % of its different stories for one, at least 1 and at most
    5,000: those with the lowest hashes, keyed by `seed`. `limit` takes the first training stories only.
    Raises ValueError for a source that is not there or holds no stories.
    """
    if source == "starter":
        return _open_starter(STARTER_COUNT if limit is None else limit, seed)
    if source in TINYSTORIES_HUB_IDS:
        return _open_hub(TINYSTORIES_HUB_IDS[source], limit, seed)
    if path := local_source(source):
        if path.is_dir():
            return _open_files(_find_files(path), str(path), limit, seed)
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"{path} is none of the files that can be read: {', '.join(SUFFIXES)}")
        return _open_files({"train": [path]}, path.name, limit, seed)
    if re.fullmatch(r"\w[\w.-]*/[\w.-]+", source) and not source.lower().endswith(SUFFIXES):
        return _open_hub(source, limit, seed)
    known = ", ".join(["starter", *TINYSTORIES_HUB_IDS])
    raise ValueError(
        f"there is no source {shown(source)!r}: it is no file or folder here, no Hub id, and none of {known}"
    )


def _open_starter(count: int, seed: int) -> Source:
    """The first stories told are the validation stories; no two are the same."""
    from slm.data import starter

    held_out = _validation_size(count)
    description = f"{count:,} starter stories, made up by this project"
    if count < 2:
        raise ValueError(_too_few(description, count))
    told = Stories(lambda: starter.stories(seed, count))
    if count <= STARTER_REMEMBERED:
        told = Stories(list(told).__iter__)
    return Source(
        train=Stories(lambda: itertools.islice(told, held_out, None)),
        validation=Stories(lambda: itertools.islice(told, held_out)),
        description=description,
        counts={"train": count - held_out, "validation": held_out},
    )


def _open_files(files: dict[str, list[Path]], title: str, limit: int | None, seed: int) -> Source:
    parts = {name: _chain(paths) for name, paths in files.items()}
    for path in itertools.chain.from_iterable(files.values()):
        count_stories(path)  # a file without the column is told before work begins
    size = sum(text_bytes(path) for paths in files.values() for path in paths)
    names = [path.name for paths in files.values() for path in paths]
    description = f"{title}: {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}" if len(names) > 1 else title
    train = _first(parts["train"], limit)
    if "validation" not in parts:
        return _split(train, seed, description=description, text_bytes=size)
    return Source(
        train=train,
        validation=parts["validation"],
        description=description,
        counts=_known_counts(files, limit),
        text_bytes=size if limit is None else None,
    )


def _known_counts(files: dict[str, list[Path]], limit: int | None) -> dict[str, int] | None:
    counts = {}
    for name, paths in files.items():
        known = [count_stories(path) for path in paths]
        if None in known:
            return None
        counts[name] = sum(n for n in known if n is not None)
    if limit is not None:
        counts["train"] = min(counts["train"], limit)
    return counts


def _find_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each part in a folder laid out like a data set of the Hub, of the first kind there is."""
    found = [
        path for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    stories = [path for path in found if path.name.lower() not in _NOT_STORIES]
    for suffix in SUFFIXES:
        paths = [path for path in stories if path.suffix.lower() == suffix]
        if paths:
            break
    else:
        names = ", ".join(path.name for path in found[:5]) or "nothing"
        raise ValueError(f"{folder} holds no {', '.join(SUFFIXES)} with stories; it holds {names}")
    parts: dict[str | None, list[Path]] = {}
    for path in paths:
        parts.setdefault(_part_of(path.relative_to(folder).with_suffix("").as_posix()), []).append(path)
    return _train_and_validation(parts, str(folder))


def _part_of(name: str) -> str | None:
    """The part that a file's path or a split's name speaks of."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    return next((part for part, known in _SPLIT_WORDS.items() if words.intersection(known)), None)


def _train_and_validation(parts: dict, place: str) -> dict:
    """Train and, where there is one, validation; files that name no part are train, a test part is validation."""
    train = parts.get("train") or parts.get(None)
    if not train:
        raise ValueError(f"{place} has no training stories, only {', '.join(map(str, parts))}")
    validation = parts.get("validation") or parts.get("test")
    return {"train": train, "validation": validation} if validation else {"train": train}


def _open_hub(hub_id: str, limit: int | None, seed: int) -> Source:
    splits: dict[str | None, dict[str, Any]] = {}
    for name, rows in _load_hub(hub_id).items():
        if len(rows):
            splits.setdefault(_part_of(name), {})[name] = rows
    parts = {part: _only_split(part, named, hub_id) for part, named in _train_and_validation(splits, hub_id).items()}
    for rows in parts.values():
        check_column(rows.features.arrow_schema, hub_id)
    description = f"{hub_id} from the Hugging Face Hub"
    train = _first(_rows(parts["train"]), limit)
    size = parts["train"].info.dataset_size if limit is None else None
    if "validation" not in parts:
        return _split(train, seed, description=description, text_bytes=size)
    counts = {name: len(rows) for name, rows in parts.items()}
    if limit is not None:
        counts["train"] = min(counts["train"], limit)
    return Source(
        train=train, validation=_rows(parts["validation"]), description=description, counts=counts, text_bytes=size
    )


def _only_split(part: str, splits: dict[str, Any], hub_id: str) -> Any:
    """The split that is a part of a Hub data set: of several, such as train and train_small, the one of that name."""
    exact = [name for name in splits if name.lower() in ("train", "validation", "test")]
    if len(splits) > 1 and len(exact) != 1:
        raise ValueError(
            f"{hub_id} has {len(splits)} splits that could be its {part} stories, {', '.join(splits)}: download the "
            "files of the one that is meant, and give their folder as the source"
        )
    return splits[exact[0] if exact else next(iter(splits))]


def _load_hub(hub_id: str) -> dict:
    """The splits of a data set on the Hub, downloaded into the cache of the `datasets` library."""
    import datasets

    from slm.network import offline_unless_reachable

    try:
        with offline_unless_reachable():
            return datasets.load_dataset(hub_id)
    except Exception as error:  # the library raises what its network, parsers and servers raise
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(
            f"{hub_id} could not be loaded from the Hugging Face Hub ({reason[:200]}); without a connection, take "
            "the source `starter` or a local file or folder"
        ) from error


def _rows(rows: Any) -> Stories:
    return Stories(lambda: (text or "" for batch in rows.iter(1000) for text in batch[COLUMN]))


def _chain(paths: list[Path]) -> Stories:
    return Stories(lambda: itertools.chain.from_iterable(map(read_stories, paths)))


def _first(stories: Stories, limit: int | None) -> Stories:
    return Stories(lambda: itertools.islice(stories, limit))


def _split(stories: Stories, seed: int, *, description: str, text_bytes: int | None) -> Source:
    """Train and validation by the hash of each story once it is clean, so that copies stay together."""
    keys = np.fromiter((_split_key(story, seed) for story in stories), dtype=np.uint64)
    different = np.unique(keys[keys != _EMPTY])
    if len(different) < 2:
        raise ValueError(_too_few(description, len(different)))
    held_out = keys <= different[_validation_size(len(different)) - 1]
    return Source(
        train=Stories(lambda: itertools.compress(stories, ~held_out)),
        validation=Stories(lambda: itertools.compress(stories, held_out)),
        description=description,
        counts={"train": int((~held_out).sum()), "validation": int(held_out.sum())},
        text_bytes=text_bytes,
    )


def _split_key(story: str, seed: int) -> int:
    clean = clean_story(story)[0]
    return digest(clean, seed=seed) if clean else _EMPTY


def _validation_size(stories: int) -> int:
    return min(max(round(stories * VALIDATION_SHARE), 1), MOST_VALIDATION_STORIES)


def _too_few(description: str, stories: int) -> str:
    found = "1 story" if stories == 1 else f"{stories} stories"
    return f"{description}: {found} in it; at least 2 different ones are needed, one to learn from and one to test on"
