"""Stories to token ids on all cores, in the order they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from slm.config import END_OF_TEXT
from slm.tokenizer import Tokenizer

CHUNK_CHARACTERS = 500_000
# Longer stories go through Tokenizer.encode, which knows about texts that tiktoken cannot take.
LONG_STORY = 50_000


@dataclass(frozen=True)
class Encoded:
    """Some stories as ids (uint16), each story followed by end-of-text."""

    ids: np.ndarray
    lengths: np.ndarray  # tokens of each story, without end-of-text
    size_bytes: int  # of the stories as UTF-8


def encode_stories(tokenizer: Tokenizer, stories: Iterable[str], *, workers: int) -> Generator[Encoded, None, None]:
    """Encode a stream of stories chunk by chunk; the same whatever the number of workers.

    Workers are threads: tiktoken gives up Python's lock while it encodes and hands back a buffer, so a chunk
    costs no lists and nothing is sent between processes (tiktoken 0.11 or newer: before, encode_to_numpy
    mistook special tokens). About two chunks a worker are in memory.
    """
    pending: deque[Future[Encoded]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="encode")
    try:
        for chunk in _chunks(stories):
            pending.append(pool.submit(_encode, tokenizer, chunk))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
