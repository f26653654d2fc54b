"""A run as one .zip that another machine shows and replays without training.

    NAME/run.json  NAME/events.jsonl  NAME/best.json                      how it was started, what happened
    NAME/snapshots/000300/config.json, model.safetensors, tokenizer.json  and their like, where weights are wanted
    NAME/snapshots/000300/report.json                                     its report card, where it has one

A zip may come from a stranger. Its files are taken by name from a list, counted while they are unpacked, and written
anew from what was understood of them (slm/understood.py); only weights are copied as they are, and those are
safetensors. Nothing is there before all is.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from slm import understood
from slm.events import EVENTS_FILE
from slm.files import read_json, replacing, write_json
from slm.folders import (
    ELSEWHERE_CHECKPOINTS,
    POINTERS,
    RUN_FILE,
    SNAPSHOTS,
    check_name,
    find_snapshots,
    is_checkpoint,
    is_run,
)
from slm.leftovers import claim, release, remove_leftovers
from slm.refusals import full_disk_told, make_folder
from slm.report import REPORT_FILE

WEIGHTS = ("none", "best", "all")
SNAPSHOT_JSON = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "slm.json")
SNAPSHOT_FILES = (*SNAPSHOT_JSON, REPORT_FILE, "model.safetensors")
MOST_FILES = 1_000
MOST_BYTES = 4_000_000_000
MOST_JSON_BYTES = 50_000_000
MOST_DIRECTORY_BYTES = 1_000_000
BLOCK = 1 << 20
_IGNORED = re.compile(r"__MACOSX/.*|.*\.DS_Store|.*/")
_SNAPSHOT = re.compile(rf"{SNAPSHOTS}/(\d{{1,9}})/({'|'.join(map(re.escape, SNAPSHOT_FILES))})")
_NOT_A_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OverflowError)


def pack(run_dir: str | Path, target: str | Path, *, weights: str = "best") -> Path:
    """Write a run to the .zip `target`, with no weights, those of its best model or those of all snapshots.

    Raises ValueError for a folder that is no run, where weights are wanted and none were saved, and for a full disk.
    """
    run_dir, target = Path(run_dir), Path(target)
    if weights not in WEIGHTS:
        raise ValueError(f"weights are {', '.join(WEIGHTS)}, not {weights!r}")
    if not is_run(run_dir):
        raise ValueError(f"{run_dir.name} is no run: a bundled model has no training to replay, export it as it is")
    snapshots = [p for p in find_snapshots(run_dir) if is_checkpoint(p)]
    best = _best_of(run_dir, snapshots)
    if weights != "none" and best is None:
        raise ValueError(f"run {run_dir.name} has not saved a model yet; it can be packed with weights none")
    taken = snapshots if weights == "all" else [p for p in snapshots if p == best and weights == "best"]
    files = [run_dir / RUN_FILE, run_dir / EVENTS_FILE]
    files += [folder / name for folder in taken for name in SNAPSHOT_FILES]
    advice = "give another place to write it to"
    with full_disk_told(target.parent, lost=f"{target.name} was not written", advice=advice):
        _write_zip(target, run_dir, files, best=best if best in taken else None)
    return target


def _write_zip(target: Path, run_dir: Path, files: list[Path], *, best: Path | None) -> None:
    """Write those of the run's files that there are, and which snapshot is the best of them."""
    with replacing(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            if file.is_file():
                # Weights do not shrink.
                kind = zipfile.ZIP_STORED if file.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
                archive.write(file, f"{run_dir.name}/{file.relative_to(run_dir).as_posix()}", kind)
        if best is not None:
            archive.writestr(f"{run_dir.name}/best.json", json.dumps({"snapshot": f"{SNAPSHOTS}/{best.name}"}))


def _best_of(run_dir: Path, snapshots: list[Path]) -> Path | None:
    named = []
    for pointer in POINTERS:
        try:
            named.append(str(read_json(run_dir / pointer)["snapshot"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue  # none of this name, or a damaged one: the next in line stands in
    known = {f"{SNAPSHOTS}/{p.name}": p for p in snapshots}
    return next((known[name] for name in named if name in known), snapshots[-1] if snapshots else None)


def unpack(file: str | Path, checkpoints: str | Path, *, name: str | None = None) -> Path:
    """Put the run of a .zip into a checkpoints folder, and return its folder there.

    Its name is the one given, else its own, with a number behind it where that is taken. Raises ValueError, in a
    sentence, for whatever is no such zip, too large, or not what its name promises, and for a full disk; nothing is
    left behind then.
    """
    checkpoints = Path(checkpoints)
    with full_disk_told(checkpoints, lost="nothing was kept of the run", advice=ELSEWHERE_CHECKPOINTS):
        make_folder(checkpoints, advice=ELSEWHERE_CHECKPOINTS)
        remove_leftovers(checkpoints)
        return _unpack(Path(file), checkpoints, name)


def _unpack(file: Path, checkpoints: Path, name: str | None) -> Path:
    """`unpack` into a folder that is there."""
    try:
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            own, members = _members(archive)
            folder = checkpoints / (_free_name(checkpoints, own) if name is None else check_name(name))
            if folder.exists():
                raise ValueError(f"there is a run or model {folder.name} already; give it another name")
            with replacing(folder) as part:
                part.mkdir()
                claim(part)
                _unpack_into(part, archive, members)
                release(part)
    except _NOT_A_ZIP as error:
        raise ValueError(f"{file.name} is no zip that can be read: {error}") from None
    return folder


def _check_directory(file: Path) -> None:
    """Refuse a zip whose table of contents is huge before it is read."""
    size = file.stat().st_size
    with open(file, "rb") as opened:
        opened.seek(max(0, size - 66_000))
        tail = opened.read()
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) < found + 22:
        raise zipfile.BadZipFile("it does not end as a zip does")
    # A zip under 2 GB has no use for the larger form of the table, which says another size.
    large = b"PK\x06\x07" in tail[:found] and size < 1 << 31
    if large or int.from_bytes(tail[found + 12 : found + 16], "little") > MOST_DIRECTORY_BYTES:
        raise ValueError(f"{file.name} holds too many files; a run has {MOST_FILES:,} at most")


def _members(archive: zipfile.ZipFile) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The run's name and its files by their place in it; ValueError for any that is none of a run's."""
    found: dict[str, zipfile.ZipInfo] = {}
    names = set()
    total = 0
    for info in archive.infolist():
        if _IGNORED.fullmatch(info.filename):
            continue
        top, _, place = info.filename.partition("/")
        known = place in (RUN_FILE, EVENTS_FILE, "best.json") or _SNAPSHOT.fullmatch(place)
        if not known or stat.S_ISLNK(info.external_attr >> 16) or place in found:
            raise ValueError(f"the zip holds {info.filename[:80]!r}, which is no part of a run: it is left alone")
        if info.flag_bits & 1:
            raise ValueError("the zip is encrypted; make it without a password")
        names.add(check_name(top))
        found[place] = info
        total += info.file_size
    if len(names) != 1 or RUN_FILE not in found or EVENTS_FILE not in found:
        raise ValueError(f"the zip is no run: one folder with {RUN_FILE} and {EVENTS_FILE} is expected in it")
    if len(found) > MOST_FILES or total > MOST_BYTES:
        raise ValueError(
            f"the zip unpacks to {len(found):,} files and {total / 1e6:,.0f} MB; the most taken is {MOST_FILES:,} "
            f"files and {MOST_BYTES / 1e6:,.0f} MB"
        )
    return names.pop(), found


def _free_name(checkpoints: Path, name: str) -> str:
    if not (checkpoints / name).exists():
        return name
    return next(n for i in range(2, 10_000) if not (checkpoints / (n := check_name(f"{name[:58]}-{i}"))).exists())


def _unpack_into(part: Path, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> None:
    write_json(part / RUN_FILE, understood.run_record(_object(archive, members[RUN_FILE])))
    with archive.open(members[EVENTS_FILE]) as source, open(part / EVENTS_FILE, "wb") as target:
        for event in understood.events(source):
            target.write(json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    left = MOST_BYTES
    for place, info in members.items():
        if not (found := _SNAPSHOT.fullmatch(place)):
            continue
        folder = part / SNAPSHOTS / f"{int(found[1]):06d}"
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / found[2]).exists():
            raise ValueError(f"the zip holds the snapshot of step {int(found[1])} twice")
        if found[2] in SNAPSHOT_JSON:
            value = _object(archive, info)
            value.pop("auto_map", None)  # names code to run, which no model of ours needs
            write_json(folder / found[2], value)
        elif found[2] == REPORT_FILE:
            if (card := understood.report_card(_object(archive, info))) is not None:
                write_json(folder / REPORT_FILE, card)
        else:
            left -= _copy(archive, info, folder / found[2], most=left)
            _check_weights(folder / found[2], place)
    snapshots = find_snapshots(part)
    for folder in snapshots:
        missing = [n for n in ("config.json", "tokenizer.json", "model.safetensors") if not (folder / n).is_file()]
        if missing:
            raise ValueError(f"the snapshot of step {int(folder.name):,} lacks {', '.join(missing)}")
    _write_pointers(part, snapshots, archive, members)


def _write_pointers(
    part: Path, snapshots: list[Path], archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]
) -> None:
    """best.json and last.json, made anew; by the second a resume sees that what it needs is missing."""
    if not snapshots:
        return
    wanted = _object(archive, members["best.json"]).get("snapshot") if "best.json" in members else None
    named = {f"{SNAPSHOTS}/{p.name}": p for p in snapshots}
    for pointer, folder in zip(POINTERS, (named.get(str(wanted), snapshots[-1]), snapshots[-1]), strict=True):
        about = read_json(folder / "slm.json") if (folder / "slm.json").is_file() else {}
        loss = about.get("val_loss")
        known = loss if understood.is_number(loss) else None
        write_json(
            part / pointer, {"snapshot": f"{SNAPSHOTS}/{folder.name}", "step": int(folder.name), "val_loss": known}
        )


def _object(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> dict[str, Any]:
    """The JSON object in a file of the zip."""
    with archive.open(info) as source:
        data = source.read(MOST_JSON_BYTES + 1)
    if len(data) > MOST_JSON_BYTES:
        raise ValueError(f"{info.filename} in the zip has more than {MOST_JSON_BYTES / 1e6:,.0f} MB")
    value = understood.parsed(data, info.filename)
    if not isinstance(value, dict):
        raise ValueError(f"{info.filename} in the zip should hold one JSON object")
    return value


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, *, most: int) -> int:
    """Unpack one file, never more bytes than `most`, whatever the zip's table of contents says; how many there were."""
    size = 0
    with archive.open(info) as source, open(target, "wb") as file:
        while block := source.read(BLOCK):
            size += len(block)
            if size > most:
                raise ValueError(f"the zip unpacks to more than {MOST_BYTES / 1e6:,.0f} MB")
            file.write(block)
    return size


def _check_weights(file: Path, place: str) -> None:
    try:
        with safe_open(file, framework="np") as handle:
            empty = not handle.keys()
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{place} in the zip is no whole safetensors file: {str(error)[:100]}") from None
    if empty:
        raise ValueError(f"{place} in the zip holds no weights")
