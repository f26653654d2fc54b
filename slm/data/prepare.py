"""Make a data set that training can map into memory: token ids on disk, their tokenizer, and what is known of them.

    data/NAME/
      train.bin validation.bin                 uint16 ids, little-endian, each story followed by end-of-text
      tokenizer.json tokenizer_config.json     the vocabulary, as transformers loads it
      manifest.json                            see _manifest
      preview.json                             some of the training stories
      copies/                                  the index of the copy check, where it is wanted (slm.data.copies)
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slm import __version__
from slm.config import PrepareConfig
from slm.data.bigrams import bigram_entropy
from slm.data.clean import Cleaning
from slm.data.copies import build_index
from slm.data.encode import cores, encode_stories
from slm.data.parts import Part, Preview
from slm.data.sources import Source, local_source, open_source
from slm.files import read_json, read_object, replacing, write_json
from slm.folders import ELSEWHERE_DATA
from slm.leftovers import claim, release, remove_leftovers
from slm.refusals import full_disk_told, make_folder
from slm.runs import check_name, is_name
from slm.tokenizer import Tokenizer, load_gpt2, trim

COUNTED_BYTES = 200_000_000  # enough text to know which tokens are frequent
BYTES_ON_DISK = 0.75  # for each byte of text: two and a half bytes a token, nearly four bytes of text in one


def prepare(config: PrepareConfig, data_dir: str | Path) -> Iterator[dict[str, Any]]:
    """Make the data set `config` describes in `data_dir`, yielding how far it is.

    Yields {"stage", "done", "total", "elapsed_s", "stage_s"}, where stage is read, count, tokenise or index, done and
    total are stories (total may be None), for index tokens, and stage_s is the time since the stage began; last
    {"stage": "done", ..., "manifest"}. The same config and source give the same ids, whatever the number of workers.
    The folder appears when it is whole and only then replaces one of its name. Raises ValueError for a name that
    something else has, for a source that cannot be read or holds too little, for a folder that cannot be made and for a
    full disk.
    """
    folder = Path(data_dir) / default_name(config)
    with full_disk_told(folder.parent, lost="nothing was kept of the new data set", advice=ELSEWHERE_DATA):
        make_folder(folder.parent, advice=ELSEWHERE_DATA)
        remove_leftovers(folder.parent)
        _refuse_to_replace(folder, config)
        with replacing(folder) as part:
            part.mkdir()
            claim(part)
            yield from _prepare_in(part, config, folder.name)


def default_name(config: PrepareConfig) -> str:
    """The data set's name: the one given, else the source, the vocabulary and the limit; ValueError for a bad one."""
    if config.name is not None:
        return check_name(config.name)
    title = config.source.rsplit("/", 1)[-1]
    if source := local_source(config.source):
        title = source.stem if source.is_file() else source.resolve().name
    words = [re.sub(r"[^A-Za-z0-9_]+", "-", title).strip("-")[:40] or "stories", config.vocab]
    return check_name("-".join(words if config.limit is None else [*words, f"first{config.limit}"]))


def list_datasets(data_dir: str | Path) -> list[dict[str, Any]]:
    """The manifests of the data sets in a folder, by name; folders without a readable one are passed over."""
    found = []
    for path in sorted(Path(data_dir).glob("*/manifest.json")):
        if not is_name(path.parent.name):
            continue
        with contextlib.suppress(ValueError, OSError):
            manifest = read_json(path)
            if isinstance(manifest, dict) and "fingerprint" in manifest:
                found.append({**manifest, "name": path.parent.name})
    return found


def find_dataset(data_dir: str | Path, *, fingerprint: str, name: str | None = None) -> Path:
    """The folder of the data set with this fingerprint, whatever it is called; ValueError where there is none."""
    for manifest in list_datasets(data_dir):
        if manifest["fingerprint"] == fingerprint:
            return Path(data_dir) / manifest["name"]
    raise ValueError(
        f"the stories that this model learnt from ({name or 'a data set without a name'}) are not on this computer, so "
        "there is nothing to compare with; prepare the same data set, or choose a model trained here"
    )


def _refuse_to_replace(folder: Path, config: PrepareConfig) -> None:
    """Raise ValueError where `folder` holds what is no data set, or one that was made from something else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / "manifest.json").exists():
        raise ValueError(f"{folder} is there already and is no data set; give another name with --name")
    made = read_object(folder / "manifest.json")  # nothing is known of a damaged one, which is to be prepared again
    wanted = {"source": config.source, "vocab": config.vocab, "limit": config.limit, "seed": config.seed}
    if (path := _full_path(config)) and made.get("source_path"):
        wanted["source"], made["source"] = path, made["source_path"]
    there = {name: made.get(name, value) for name, value in wanted.items()}
    if other := [f"{name} {there[name]}, not {value}" for name, value in wanted.items() if there[name] != value]:
        raise ValueError(
            f"there is a data set {folder.name!r} already, made from something else ({'; '.join(other)}): give another "
            f"name with --name, or delete {folder} first"
        )


def _full_path(config: PrepareConfig) -> str | None:
    """Where the source lies, if here: one relative path means other files in another folder."""
    source = local_source(config.source)
    return str(source.resolve()) if source else None


def _prepare_in(part: Path, config: PrepareConfig, name: str) -> Iterator[dict[str, Any]]:
    begun = time.monotonic()
    stages: dict[str, float] = {}  # when each began
    workers = config.workers or cores()

    def progress(stage: str, done: int, total: int | None) -> dict[str, Any]:
        now = time.monotonic()
        since = stages.setdefault(stage, now)
        return {"stage": stage, "done": done, "total": total, "elapsed_s": now - begun, "stage_s": now - since}

    yield progress("read", 0, None)
    source = open_source(config.source, limit=config.limit, seed=config.seed)
    _check_disk(part, source)
    tokenizer, coverage = load_gpt2(), 1.0
    if config.vocab != "gpt2":
        counts = np.zeros(tokenizer.vocab_size, dtype=np.int64)
        total = source.counts["train"] if source.counts else None
        yield progress("count", 0, total)
        for done in _count(tokenizer, source, counts, workers=workers, scratch=part):
            yield progress("count", done, total)
        whole, tokenizer = tokenizer, trim(tokenizer, counts.tolist(), vocab_size=int(config.vocab))
        coverage = _coverage(whole, tokenizer, counts)

    cleaning, preview = Cleaning(), Preview()
    streams = {
        "validation": cleaning.validation(source.validation),
        "train": preview.watch(cleaning.train(source.train)),
    }
    total = sum(source.counts.values()) if source.counts else None
    yield progress("tokenise", 0, total)
    parts = {"train": Part(tokenizer.vocab_size), "validation": Part(tokenizer.vocab_size)}
    for split, stories in streams.items():
        encoded = encode_stories(tokenizer, stories, workers=workers, scratch=part)
        for _ in parts[split].write(part / f"{split}.bin", encoded):
            yield progress("tokenise", cleaning.read, total)
        if not parts[split].stories:
            why = ", ".join(f"{n:,} {reason}" for reason, n in cleaning.dropped.items() if n) or "none were there"
            raise ValueError(f"{config.source} leaves no {split} stories ({why})")

    tokenizer.save(part)
    manifest = _manifest(part, config, name, source, tokenizer, cleaning, parts, coverage=coverage)
    write_json(part / "manifest.json", manifest)
    write_json(part / "preview.json", preview.stories())
    if config.copy_index:
        for done in build_index(part):
            yield progress("index", done, parts["train"].tokens)
    release(part)
    yield {**progress("done", cleaning.read, cleaning.read), "manifest": manifest}


def _check_disk(part: Path, source: Source) -> None:
    need = (source.text_bytes or 0) * BYTES_ON_DISK
    free = shutil.disk_usage(part).free
    if need > free:
        raise ValueError(
            f"the data set takes about {need / 1e9:,.1f} GB, {free / 1e9:,.1f} GB are free at {part.parent}: make "
            "room, choose another folder with --data-dir or SLM_DATA, or take fewer stories with --limit"
        )


def _count(
    tokenizer: Tokenizer, source: Source, counts: np.ndarray, *, workers: int, scratch: Path
) -> Iterator[int]:
    """Add to `counts` how often each id occurs in the training stories, yielding how many were read so far."""
    cleaning = Cleaning()
    size = 0
    encoded = encode_stories(tokenizer, cleaning.train(source.train), workers=workers, scratch=scratch)
    with contextlib.closing(encoded):
        for chunk in encoded:
            counts += np.bincount(chunk.ids, minlength=len(counts))
            size += chunk.size_bytes
            yield cleaning.read
            if size >= COUNTED_BYTES:
                return


def _coverage(whole: Tokenizer, kept: Tokenizer, counts: np.ndarray) -> float:
    """The share of the counted tokens that stand in the trimmed vocabulary too; the others fall into pieces."""
    there = {kept.token_bytes(id) for id in range(kept.vocab_size)}
    found = np.array([whole.token_bytes(id) in there for id in range(whole.vocab_size)])
    return float(counts[found].sum() / max(1, counts.sum()))


def _manifest(
    folder: Path, config: PrepareConfig, name: str, source: Source, tokenizer: Tokenizer, cleaning: Cleaning,
    parts: dict[str, Part], *, coverage: float,
) -> dict[str, Any]:
    return {
        "name": name,
        "source": config.source,
        "source_path": _full_path(config),
        "description": source.description,
        "vocab": config.vocab,
        "vocab_size": tokenizer.vocab_size,
        "limit": config.limit,
        "seed": config.seed,
        "fingerprint": fingerprint(folder),
        "created": time.time(),
        "slm_version": __version__,
        "train": parts["train"].summary(),
        "validation": parts["validation"].summary(),
        "dropped": dict(cleaning.dropped),  # stories by reason
        "repaired": cleaning.repaired,  # stories whose characters were mended
        "repairs": dict(cleaning.repairs),  # stories by what was repaired
        "vocab_coverage": coverage,  # share of the text's GPT-2 tokens that this vocabulary has whole
        "vocab_used": int(np.count_nonzero(parts["train"].counts)),  # different ids among the training stories
        "unigram_entropy": parts["train"].unigram_entropy(),  # nats a token
        "bigram_entropy": bigram_entropy(folder, tokenizer.vocab_size),  # nats a token
        "longest_story_tokens": max(parts["train"].lengths),
        "length_histogram": parts["train"].histogram(),
    }


def fingerprint(folder: Path) -> str:
    """sha256 over train.bin, then validation.bin, as hex."""
    sha = hashlib.sha256()
    for split in ("train", "validation"):
        with open(folder / f"{split}.bin", "rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
    return sha.hexdigest()
