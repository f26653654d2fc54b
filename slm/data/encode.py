"""Stories to token ids on all cores, in the order they came."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slm.config import END_OF_TEXT
from slm.tokenizer import Tokenizer, load_tokenizer

CHUNK_CHARACTERS = 500_000
# Longer stories go through Tokenizer.encode, which knows about texts that tiktoken cannot take.
LONG_STORY = 50_000
# A text of so many chunks is encoded sooner than other processes have started.
CHUNKS_ALONE = 8
# Windows waits for 64 things at most, three of which are the pool's own.
MOST_ON_WINDOWS = 61

_tokenizer: Tokenizer  # in a worker process alone: what it encodes with


@dataclass(frozen=True)
class Encoded:
    """Some stories as ids (uint16), each story followed by end-of-text."""

    ids: np.ndarray
    lengths: np.ndarray  # tokens of each story, without end-of-text
    size_bytes: int  # of the stories as UTF-8


def encode_stories(
    tokenizer: Tokenizer, stories: Iterable[str], *, workers: int, scratch: Path | None = None
) -> Generator[Encoded, None, None]:
    """Encode a stream of stories chunk by chunk; the same whatever the number of workers.

    Workers are processes, for a text of more than a few megabytes; one worker is this process. About two chunks a
    worker are in memory. They read the tokenizer from a folder in `scratch`, which a process that is killed leaves
    behind; None is the system's own place for such. Raises ValueError where a worker dies.
    """
    chunks = _chunks(stories)
    for chunk in chunks if workers == 1 else itertools.islice(chunks, CHUNKS_ALONE):
        yield _encode(tokenizer, chunk)
    rest = next(chunks, None)
    if rest is not None:
        workers = min(workers, MOST_ON_WINDOWS) if sys.platform == "win32" else workers
        yield from _encode_elsewhere(tokenizer, itertools.chain([rest], chunks), workers=workers, scratch=scratch)


def cores() -> int:
    """How many of the machine's cores this process may use; a container may have been given fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _encode_elsewhere(
    tokenizer: Tokenizer, chunks: Iterable[list[str]], *, workers: int, scratch: Path | None
) -> Generator[Encoded, None, None]:
    pending: deque[Future[Encoded]] = deque()
    # Started afresh: a fork of a process with threads, as the page's and tokenizers' are, can hang.
    fresh = multiprocessing.get_context("spawn")
    # The tokenizer goes by file: a worker that dies at its start would leave a sender of so much waiting for ever.
    with tempfile.TemporaryDirectory(prefix="slm-encode-", dir=scratch) as folder:
        tokenizer.save(folder)
        pool = ProcessPoolExecutor(workers, mp_context=fresh, initializer=_begin_work, initargs=(folder,))
        try:
            for chunk in chunks:
                pending.append(pool.submit(_encode_here, chunk))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool:
            raise ValueError(
                "a process that tokenises has died: a script that prepares needs `if __name__ == '__main__':` around "
                "its work, and each process some memory; one worker needs neither (--workers 1)"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin_work(folder: str) -> None:
    """Make this process a worker, which ends when its parent does, even one that was killed."""
    global _tokenizer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to all of them; the parent answers it
    _tokenizer = load_tokenizer(folder)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is started by another process"

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _encode_here(stories: list[str]) -> Encoded:
    return _encode(_tokenizer, stories)


def _chunks(stories: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for story in stories:
        chunk.append(story)
        size += len(story)
        if size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _encode(tokenizer: Tokenizer, stories: list[str]) -> Encoded:
    mark, eot = END_OF_TEXT, tokenizer.eot_id
    # A story that speaks of end-of-text must not end there.
    if any(len(story) > LONG_STORY or mark in story for story in stories):
        ids = np.array([id for story in stories for id in (*tokenizer.encode(story), eot)], dtype=np.uint16)
    else:
        text = mark.join([*stories, ""])
        wide = tokenizer.encoding.encode_to_numpy(text, allowed_special={mark}, disallowed_special=())
        ids = wide.astype(np.uint16)
    lengths = np.diff(np.flatnonzero(ids == eot), prepend=-1) - 1
    return Encoded(ids, lengths, sum(len(story.encode()) for story in stories))
