"""Stories out of one file: .txt, .jsonl, .json or .parquet, a story at a time.

The files are read here and not by the `datasets` library, which would import for seconds, copy them into a cache
in the user's home and turn each line of a .txt into a row; the Hub's files are its business (slm.data.sources).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slm.config import END_OF_TEXT

SUFFIXES = (".parquet", ".jsonl", ".json", ".txt")
COLUMN = "text"


def read_stories(path: Path) -> Iterator[str]:
    """The stories of a file, as they stand there; ValueError says where a file is not what its name promises."""
    readers = {".parquet": _read_parquet, ".jsonl": _read_jsonl, ".json": _read_json, ".txt": _read_text}
    return readers[path.suffix.lower()](path)


def count_stories(path: Path) -> int | None:
    """How many stories a file holds, where it says so itself."""
    return _open_parquet(path).metadata.num_rows if path.suffix.lower() == ".parquet" else None


def text_bytes(path: Path) -> int:
    """About how many bytes of text a file holds."""
    if path.suffix.lower() != ".parquet":
        return path.stat().st_size
    meta = _open_parquet(path).metadata
    columns = [meta.row_group(r).column(c) for r in range(meta.num_row_groups) for c in range(meta.num_columns)]
    return sum(column.total_uncompressed_size for column in columns if column.path_in_schema == COLUMN)


def _read_text(path: Path) -> Iterator[str]:
    """Stories between end-of-text marks; without marks, between runs of two or more blank lines; without those,
    between blank lines; without those, each line is a story."""
    blanks = _widest_separator(path)
    story: list[str] = []
    empty = 0
    for line in _lines(path):
        if blanks is None:
            *ended, line = line.split(END_OF_TEXT)
            for part in ended:
                yield "\n".join([*story, part])
                story = []
        empty = 0 if line.strip() else empty + 1
        if blanks is not None and story and empty >= blanks:
            yield "\n".join(story)
            story = []
        if line.strip() or story:
            story.append(line)
    if story:
        yield "\n".join(story)


def _widest_separator(path: Path) -> int | None:
    """How many blank lines part the stories (0 to 2); None where end-of-text marks do."""
    widest = empty = 0
    started = False
    for line in _lines(path):
        if END_OF_TEXT in line:
            return None
        if line.strip():
            widest, empty, started = max(widest, min(empty, 2)), 0, True
        elif started:
            empty += 1
    return widest


def _lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends, whatever these are; a byte order mark is left out."""
    with open(path, "rb") as file:
        _check_is_utf8_text(path, file.read(4096))
        file.seek(0)
        position = 0
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path} is not UTF-8 text: byte {position + error.start:,} (line {number:,}) is "
                    f"0x{raw[error.start]:02x}; save it as UTF-8 and try again"
                ) from None
            position += len(raw)
            yield from line.rstrip("\r\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _check_is_utf8_text(path: Path, start: bytes) -> None:
    zeros = sorted((start[0::2].count(0), start[1::2].count(0)))
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or (zeros[0] == 0 and zeros[1] > len(start) // 4):
        raise ValueError(f"{path} is UTF-16 text; save it as UTF-8 and try again")
    if b"\0" in start:
        raise ValueError(f"{path} is a binary file, not text: byte {start.index(0):,} is zero")
    if not start:
        raise ValueError(f"{path} is empty")


def _read_jsonl(path: Path) -> Iterator[str]:
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _text_of(_parse(line, f"line {number:,} of {path}"), f"line {number:,} of {path}")


def _read_json(path: Path) -> Iterator[str]:
    """A list of objects with `text`, an object whose `text` is a list, or JSON lines under another name."""
    lines = list(_lines(path))
    try:
        value = json.loads("\n".join(lines))
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply to be read: {error}") from None
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise ValueError(f"{path} is not JSON: {error}") from None
        yield from _read_jsonl(path)
        return
    rows = value if isinstance(value, list) else [value]
    if isinstance(value, dict) and isinstance(value.get(COLUMN), list):
        rows = [{COLUMN: text} for text in value[COLUMN]]
    for number, row in enumerate(rows, start=1):
        yield _text_of(row, f"row {number:,} of {path}")


def _parse(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{place} is not JSON: {error}") from None


def _text_of(row: Any, place: str) -> str:
    """A row's text; a missing value (null) is an empty story."""
    if not isinstance(row, dict):
        raise ValueError(f'{place} is no object with "{COLUMN}": it is {json.dumps(row)[:40]}')
    if COLUMN not in row:
        raise ValueError(missing_column(place, list(row)))
    text = row[COLUMN]
    if text is not None and not isinstance(text, str):
        raise ValueError(f'the "{COLUMN}" in {place} is no text: it is {json.dumps(text)[:40]}')
    return text or ""


def missing_column(place: str, columns: list[str]) -> str:
    """What to say of a table that has no column of stories."""
    found = ", ".join(map(str, columns)) or "none"
    return f"{place} has no column {COLUMN!r}; it has: {found}. Rename the column that holds the stories to {COLUMN!r}"


def check_column(columns: Any, place: str) -> None:
    """Raise ValueError where the table of these columns (a pyarrow schema) has none of stories, or it holds no text."""
    import pyarrow

    if COLUMN not in columns.names:
        raise ValueError(missing_column(place, columns.names))
    kind = columns.field(COLUMN).type
    if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
        raise ValueError(f"the column {COLUMN!r} of {place} holds {kind}, not text")


def _open_parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is not a parquet file: {error}") from None
    check_column(file.schema_arrow, str(path))
    return file


def _read_parquet(path: Path) -> Iterator[str]:
    for batch in _open_parquet(path).iter_batches(batch_size=1000, columns=[COLUMN], use_threads=False):
        for text in batch.column(0).to_pylist():
            yield text or ""
