"""GPT-2's byte-level BPE, whole or trimmed to the tokens a corpus uses, in files that transformers reads too."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import tiktoken

from slm.bpe_files import Pair, find_file, from_json, gpt2_recipe, parse_merges, to_bytes, to_chars, to_json
from slm.config import END_OF_TEXT, GPT2_VOCAB_SIZE
from slm.files import SETTINGS_BYTES, read_json, write_json
from slm.texts import check_characters

# tiktoken's regular expression panics at about a million spaces before a word. A longer run is cut where
# GPT-2's own pattern cuts it, before its last character, so the ids stay the same.
_LONG_SPACES = 100_000
# What the pattern calls a space: Python counts the four separators U+001C to U+001F too.
_SPACE = r"[^\S\x1c-\x1f]"
# Of any file of a tokenizer; GPT-2's takes 3.5 MB. Larger ones would take long to be read and refused.
MOST_BYTES = 30_000_000
# The time to find what a token is merged from grows with the square of its length. The squares of a whole vocabulary
# may come to this; GPT-2's come to 2.5 million.
MOST_SQUARES = 20_000_000


class Tokenizer:
    """A byte-level BPE with GPT-2's splitting rule: every text has ids, and they decode to the same text."""

    def __init__(self, tokens: Iterable[bytes]) -> None:
        """`tokens` holds the bytes of every id but the last, which is end-of-text; rank is position."""
        self._tokens = (*tokens, END_OF_TEXT.encode())
        ranks = {token: rank for rank, token in enumerate(self._tokens[:-1])}
        assert len(ranks) == self.eot_id, "a token stands in the vocabulary twice"
        self.encoding = tiktoken.Encoding(
            self.name,
            pat_str=gpt2_recipe(lambda **_: {})["pat_str"],
            mergeable_ranks=ranks,
            special_tokens={END_OF_TEXT: self.eot_id},
        )

    @property
    def vocab_size(self) -> int:
        """The number of ids, end-of-text counted."""
        return len(self._tokens)

    @property
    def name(self) -> str:
        """The kind and the size: "gpt2" for 50,257 ids, else such as "gpt2-4096"."""
        return "gpt2" if self.vocab_size == GPT2_VOCAB_SIZE else f"gpt2-{self.vocab_size}"

    @property
    def eot_id(self) -> int:
        """The id of end-of-text: always the last one, and never the result of encoding a text."""
        return len(self._tokens) - 1

    def encode(self, text: str) -> list[int]:
        """The ids of a text; `<|endoftext|>` in it is text like any other. ValueError for a lone surrogate."""
        check_characters(text)
        ids: list[int] = []
        for part in _parts(text):
            ids += self.encoding.encode_ordinary(part)
        return ids

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text."""
        return [self.encode(text) for text in texts]

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one id, which may be part of a character; ValueError outside 0 .. vocab_size - 1."""
        if not 0 <= id < self.vocab_size:
            raise ValueError(f"id {id} is outside this vocabulary: {self.name} has ids 0 to {self.eot_id}")
        return self._tokens[id]

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of the ids, end to end; ValueError for an id outside the vocabulary."""
        return b"".join(map(self.token_bytes, ids))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids; bytes that are no whole character read as U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    @functools.cached_property
    def merges(self) -> list[Pair]:
        """The pair that each token of two or more bytes is merged from, in order of rank."""
        ranks = {token: rank for rank, token in enumerate(self._tokens[:-1])}
        return [_merged_from(token, ranks) for token in ranks if len(token) > 1]

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json and tokenizer_config.json; transformers' AutoTokenizer makes the same ids of them.

        `<|endoftext|>` in a text is text for it, too; called with `split_special_tokens=False` it takes that for the
        special token.
        """
        write_json(Path(folder) / "tokenizer.json", to_json(self._tokens, self.merges))
        write_json(
            Path(folder) / "tokenizer_config.json",
            {
                "add_prefix_space": False,
                "bos_token": END_OF_TEXT,
                "clean_up_tokenization_spaces": False,
                "eos_token": END_OF_TEXT,
                "split_special_tokens": True,
                "tokenizer_class": "GPT2Tokenizer",
                "unk_token": END_OF_TEXT,
            },
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self._tokens == other._tokens

    def __hash__(self) -> int:
        return hash(self._tokens)

    def __repr__(self) -> str:
        return f"Tokenizer({self.name!r}, vocab_size={self.vocab_size})"


def load_gpt2() -> Tokenizer:
    """OpenAI's GPT-2 BPE, 50,257 ids, from files on this machine; ValueError where none holds it."""
    vocab: dict[str, int] = {}

    def read(*, encoder_json_file: str, encoder_json_hash: str, **_: str) -> dict[bytes, int]:
        # GPT-2's ids follow its merges, so encoder.json alone says everything.
        vocab.update(json.loads(find_file(encoder_json_file, encoder_json_hash)))
        return {}

    gpt2_recipe(read)
    return Tokenizer(_tokens(vocab))


def load_tokenizer(folder: str | Path, *, most: int | None = None) -> Tokenizer:
    """The tokenizer of a model folder: of its tokenizer.json, else of its vocab.json and merges.txt.

    Any byte-level BPE loads whose pattern is GPT-2's, whose ids follow its merges and whose last id is
    `<|endoftext|>`. ValueError names the file and what stands against it otherwise, more than `most` ids for one.
    """
    folder = Path(folder)
    path = folder / "tokenizer_config.json"
    try:
        if path.is_file() and read_json(path, most_bytes=SETTINGS_BYTES).get("add_prefix_space"):
            raise ValueError("it puts a space before every text (add_prefix_space)")
        path = folder / "tokenizer.json"
        if path.is_file():
            vocab, merges = from_json(read_json(_sized(path)))
        else:
            path = folder / "vocab.json"
            vocab = read_json(_sized(path))
            path = folder / "merges.txt"
            merges = [*parse_merges(_sized(path).read_text(encoding="utf-8"))]
        if most is not None and len(vocab) > most:
            raise ValueError(f"it has {len(vocab)} tokens, the model {most}: they do not fit")
        tokenizer = Tokenizer(_tokens(vocab))
        _check_merges(tokenizer, merges)
        return tokenizer
    except FileNotFoundError as error:
        raise ValueError(f"{folder} holds no tokenizer.json, nor a vocab.json and a merges.txt") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not built as a tokenizer file is: {error!r}") from error
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from error


def _sized(path: Path) -> Path:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"it has {size / 1e6:,.0f} MB, a tokenizer takes {MOST_BYTES / 1e6:.0f} MB at most")
    return path


def trim(tokenizer: Tokenizer, counts: Sequence[int], *, vocab_size: int) -> Tokenizer:
    """Keep `vocab_size` ids: the bytes, the most frequent tokens and the pieces they are merged from, end-of-text.

    `counts` says how often each id of `tokenizer` was seen. A dropped token falls into its pieces, so every
    text still encodes without loss. Ids keep their order. ValueError under 257 ids; a size that the
    tokenizer does not exceed gives the tokenizer itself.
    """
    if len(counts) != tokenizer.vocab_size:
        raise ValueError(f"{len(counts)} counts do not fit {tokenizer.vocab_size} ids: one count an id is needed")
    if vocab_size < 257:
        raise ValueError(f"{vocab_size} ids are too few: the 256 bytes and end-of-text need 257")
    if vocab_size >= tokenizer.vocab_size:
        return tokenizer
    pieces = {left + right: (left, right) for left, right in tokenizer.merges}
    ids = range(tokenizer.eot_id)
    merged = (id for id in ids if tokenizer.token_bytes(id) in pieces)
    by_count = sorted(merged, key=lambda id: counts[id], reverse=True)
    kept = {bytes([byte]) for byte in range(256)}
    # A token whose pieces no longer fit is passed over; the next round meets it again with more of them there.
    while len(kept) < vocab_size - 1:
        for id in by_count:
            missing = _missing(tokenizer.token_bytes(id), kept, pieces)
            if len(kept) + len(missing) < vocab_size:
                kept |= missing
    tokens = [tokenizer.token_bytes(id) for id in ids if tokenizer.token_bytes(id) in kept]
    return Tokenizer(tokens)


def _missing(token: bytes, kept: set[bytes], pieces: dict[bytes, Pair]) -> set[bytes]:
    """The token and all it is merged from, less what is kept already."""
    missing, stack = set(), [token]
    while stack:
        token = stack.pop()
        if token not in kept:
            missing.add(token)
            stack.extend(pieces[token])
    return missing


def _merged_from(token: bytes, ranks: dict[bytes, int]) -> Pair:
    """The pair of a token: what BPE makes of its bytes with only the merges ranked before it.

    This pair is the only one. Where two neighbours in a text make up the token, no merge has crossed the
    token's ends, so what happened between them is what happens to the token's bytes alone. Merging by the
    rank of the result (tiktoken) and by the rank of the pair (Hugging Face) are therefore the same, also
    in a vocabulary that keeps some tokens and all that these are merged from.
    """
    limit = ranks[token]
    parts = [token[i : i + 1] for i in range(len(token))]
    found = [ranks.get(left + right, limit) for left, right in itertools.pairwise(parts)]
    while len(parts) > 2:
        rank = min(found)
        if rank >= limit:
            raise ValueError(f"id {limit}, {to_chars(token)!r}, cannot be merged from the tokens before it")
        i = found.index(rank)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
        found[max(i - 1, 0) : i + 2] = [
            ranks.get(left + right, limit) for left, right in itertools.pairwise(parts[max(i - 1, 0) : i + 2])
        ]
    return parts[0], parts[1]


def _parts(text: str) -> Iterator[str]:
    """The text whole, or cut before the last character of every long run of spaces that a word follows."""
    start = 0
    if len(text) > _LONG_SPACES:
        for run in re.finditer(f"{_SPACE}{{{_LONG_SPACES},}}", text):
            if run.end() < len(text):
                yield text[start : run.end() - 1]
                start = run.end() - 1
    yield text[start:]


def _tokens(vocab: dict[str, int]) -> list[bytes]:
    """The bytes of every id but the last, in order of ids; ValueError where the ids are not of GPT-2's kind."""
    chars = sorted(vocab, key=vocab.__getitem__)
    if [vocab[token] for token in chars] != list(range(len(chars))):
        raise ValueError(f"its {len(chars)} ids are not 0 to {len(chars) - 1}")
    if END_OF_TEXT not in chars[-1:]:
        raise ValueError(f"its last id is {' '.join(chars[-1:])!r}, where {END_OF_TEXT} should be")
    if sum(len(token) ** 2 for token in chars) > MOST_SQUARES:
        longest, length = max(map(len, chars)), sum(map(len, chars)) / len(chars)
        raise ValueError(
            f"its {len(chars):,} tokens are too long to be read: {length:,.0f} bytes on average, the longest "
            f"{longest:,}, where GPT-2's have 6, the longest 128"
        )
    tokens = [to_bytes(token) for token in chars[:-1]]
    absent = set(range(256)).difference(*(token for token in tokens if len(token) == 1))
    if absent:
        raise ValueError(f"{len(absent)} of the 256 bytes have no id, the lowest is {min(absent)}")
    return tokens


def _check_merges(tokenizer: Tokenizer, merges: Sequence[Sequence[str]]) -> None:
    """Raise ValueError unless merging in this order is merging by ids, which is what tiktoken does."""
    if len(merges) != len(tokenizer.merges):
        raise ValueError(f"it has {len(merges)} merges for {len(tokenizer.merges)} tokens of two or more bytes")
    for number, (wanted, (left, right)) in enumerate(zip(tokenizer.merges, merges, strict=True)):
        if wanted != (to_bytes(left), to_bytes(right)):
            wanted_chars = " ".join(map(to_chars, wanted))
            raise ValueError(f"its merge {number} is {left} {right}, while its ids ask for {wanted_chars}")
