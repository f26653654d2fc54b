"""Writing with a model: `slm.load(...)` gives a LanguageModel; text goes in, text comes out."""

from __future__ import annotations

import codecs
import dataclasses
import itertools
import secrets
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from slm.checkpoint import load_folder
from slm.config import ModelConfig, SampleConfig
from slm.continuation import generate_ids
from slm.decode import newest_tokens
from slm.device import choose_device
from slm.hub import model_folder
from slm.inspection import (
    Inspection,
    Neighbour,
    TokenScore,
    inspect_ids,
    neighbours,
    next_logits,
    score_ids,
    score_written,
)
from slm.model import GPT
from slm.own_sampling import load_sampling
from slm.precision import Int8Copy, choose_int8
from slm.sampling import adjust
from slm.texts import check_length
from slm.tokenizer import Tokenizer


@dataclass(frozen=True)
class Written:
    """One token of a story: its id, and the text that it completes.

    A character of several tokens stands with the last of them. What is left of one at the story's end has no id.
    """

    id: int | None
    text: str


class LanguageModel:
    """A model and its tokenizer, ready to write."""

    def __init__(
        self, model: GPT, tokenizer: Tokenizer, about: dict[str, Any] | None = None, int8: Int8Copy | None = None,
        *, sampling: SampleConfig | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.about = about or {}
        self.int8 = int8
        self.sampling = sampling or SampleConfig()  # the model's own; what a request leaves out is taken from here

    @property
    def config(self) -> ModelConfig:
        """The model's shape."""
        return self.model.config

    def generate(self, prompt: str = "", max_new_tokens: int | None = None, **settings: Any) -> str:
        """The prompt and its continuation, to the end of the story or max_new_tokens.

        `settings` are the fields of SampleConfig; what is left out is as the model's own generation_config.json has it.
        Raises ValueError for a setting out of its limits.
        """
        return prompt + "".join(self.stream(prompt, max_new_tokens, **settings))

    def stream(self, prompt: str = "", max_new_tokens: int | None = None, **settings: Any) -> Iterator[str]:
        """The continuation of the prompt, piece by piece as it is written; whole characters only."""
        return (new.text for new in self.write(prompt, max_new_tokens, **settings) if new.text)

    def write(self, prompt: str = "", max_new_tokens: int | None = None, **settings: Any) -> Iterator[Written]:
        """The continuation of the prompt token by token; the texts joined are what `stream` gives."""
        config = self.sample_config(max_new_tokens, **settings)
        return (new for (new,) in self._written(self.prompt_ids(prompt), config, 1) if new)

    def write_many(
        self,
        prompt: str = "",
        num_stories: int = 2,
        max_new_tokens: int | None = None,
        *,
        kept: Sequence[int] = (),
        **settings: Any,
    ) -> Iterator[list[Written | None]]:
        """Several continuations of one prompt at once, a token of each at a time, None for a story that has ended.

        Story i is the one that `seed + i` gives alone, unless a draw falls on an edge: a machine may add the numbers of
        several stories up in another order, which changes scores in their last digits (with int8 weights as far as
        `slm.int8` says). All begin with the `kept` ids, which are given first and do not count; from there on a story
        takes the random numbers that it would have taken had it drawn those itself.
        """
        config = self.sample_config(max_new_tokens, **settings)
        if num_stories < 1:
            raise ValueError(f"num_stories is {num_stories}, the least possible is 1")
        return self._written(self.prompt_ids(prompt), config, num_stories, kept)

    def _written(
        self, ids: list[int], config: SampleConfig, num_stories: int, kept: Sequence[int] = ()
    ) -> Iterator[list[Written | None]]:
        """`write_many` behind its checks; the ids become whole characters here."""
        seed = secrets.randbits(31) if config.seed is None else config.seed
        seeds = [seed + i for i in range(num_stories)]
        readers = [codecs.getincrementaldecoder("utf-8")(errors="replace") for _ in seeds]

        def completed(reader: codecs.IncrementalDecoder, new: int | None) -> Written | None:
            text = reader.decode(b"", final=True) if new is None else reader.decode(self.tokenizer.token_bytes(new))
            return Written(new, text) if text or new is not None else None

        given: Iterator[list[int | None]] = ([i] * num_stories for i in kept)
        new = generate_ids(self.writer(config), ids, config, eot_id=self.tokenizer.eot_id, seeds=seeds, kept=kept)
        for column in itertools.chain(given, new):
            yield [completed(reader, new) for reader, new in zip(readers, column, strict=True)]
        rest = [completed(reader, None) for reader in readers]
        if any(rest):
            yield rest

    def generate_many(self, prompt: str = "", num_stories: int = 2, **settings: Any) -> list[str]:
        """Several continuations of one prompt, written together; story i is that of `seed + i` (see `write_many`)."""
        stories = [prompt] * num_stories
        for column in self.write_many(prompt, num_stories, **settings):
            stories = [story + (new.text if new else "") for story, new in zip(stories, column, strict=True)]
        return stories

    def sample_config(self, max_new_tokens: int | None = None, **settings: Any) -> SampleConfig:
        """The settings of one request, the model's own where nothing is said; ValueError for one there is not."""
        unknown = set(settings) - set(SampleConfig.__dataclass_fields__)
        if unknown:
            known = ", ".join(SampleConfig.__dataclass_fields__)
            raise ValueError(f"there is no sampling setting {', '.join(sorted(unknown))}; there are {known}")
        if max_new_tokens is not None:
            settings = {**settings, "max_new_tokens": max_new_tokens}
        return dataclasses.replace(self.sampling, **settings)

    def writer(self, config: SampleConfig) -> GPT:
        """The weights that write with these settings: the exact ones where the likeliest text is asked for."""
        if self.int8 is None or config.temperature == 0 or config.num_beams is not None:
            return self.model
        return self.int8.model

    def weights_used(self, config: SampleConfig) -> str:
        """The weights that write with these settings, in words, with what they cost."""
        if self.int8 is None or self.writer(config) is self.model:
            return "float32"
        return f"int8 weights, loss {100 * self.int8.loss_increase:+.2f} %"

    def prompt_ids(self, prompt: str) -> list[int]:
        """The ids that the model continues; nothing typed is the beginning of a story. Warns when the prompt is cut."""
        ids = self._ids(prompt, "the prompt") or [self.tokenizer.eot_id]
        read = len(newest_tokens(ids, self.config.block_size))
        if read < len(ids):
            warnings.warn(
                f"the prompt has {len(ids)} tokens, the model's context {self.config.block_size}; "
                f"the story goes on from the last {read}",
                stacklevel=4,
            )
        return ids

    def tokens_read(self, prompt: str) -> tuple[int, int]:
        """How many tokens the prompt has, and how many of them (the newest) the model will read.

        Raises ValueError for more than texts.MAX_CHARACTERS, as whatever reads a text does.
        """
        ids = self._ids(prompt, "the prompt")
        return len(ids), len(newest_tokens(ids, self.config.block_size))

    def _ids(self, text: str, name: str) -> list[int]:
        """The ids of a text, of which the newest are read; ValueError where it would take long to find them."""
        advice = f"the model reads its last {self.config.block_size} tokens at most, so give it the end alone"
        check_length(text, name, advice=advice)
        return self.tokenizer.encode(text)

    def score(self, text: str, *, top: int = 10) -> list[TokenScore]:
        """How well the model foresaw each token of the text, in one forward pass.

        The text is read as the beginning of a story. Raises ValueError where it is longer than the context.
        """
        check_length(text, "the text", advice=f"the model sees {self.config.block_size} tokens at once, so shorten it")
        ids = self.tokenizer.encode(text)
        if len(ids) > self.config.block_size:
            raise ValueError(
                f"the text has {len(ids)} tokens, the model sees {self.config.block_size} at once; shorten it"
            )
        return score_ids(self.model, self.tokenizer, ids, top=top)

    def inspect(self, text: str, *, top: int = 5, most: int | None = None) -> Inspection:
        """Attention, each layer's guess and next-token probabilities at every position of the text.

        Of more tokens than the context, or than `most`, the newest are read. Raises ValueError where there is no text,
        or more than texts.MAX_CHARACTERS of it.
        """
        ids = self._ids(text, "the text")
        if not ids:
            raise ValueError("there is no text to look into; type a few words")
        return inspect_ids(self.model, self.tokenizer, ids, top=top, most=most)

    def neighbours(self, ids: list[int], *, top: int = 10) -> list[list[Neighbour]]:
        """For each of ids, the token itself and the `top` most like it, by the cosine of their embeddings."""
        return neighbours(self.model, self.tokenizer, ids, top=top)

    def score_written(self, prompt: str, ids: Sequence[int], *, top: int = 0, **settings: Any) -> list[TokenScore]:
        """How well the model foresaw each of the ids that it wrote after the prompt, by the weights that wrote them.

        The story may be longer than the context: each token is foreseen from what the model had before it then.
        """
        writer = self.writer(self.sample_config(**settings))
        return score_written(writer, self.tokenizer, self.prompt_ids(prompt), ids, top=top)

    def next_logits(self, prompt: str = "", kept: Sequence[int] = (), **settings: Any) -> tuple[Tensor, list[int]]:
        """What the next token after the prompt and the `kept` ids is drawn from: logits (V,) float32, and the ids seen.

        `slm.sampling` makes probabilities of the two.
        """
        prompt_ids = self.prompt_ids(prompt)
        return next_logits(self.writer(self.sample_config(**settings)), prompt_ids, kept), [*prompt_ids, *kept]

    def next_token(
        self, prompt: str, kept: Sequence[int] = (), *, top: int = 10, also: Sequence[int] = (), **settings: Any
    ) -> list[tuple[int, str, float, float]]:
        """The likeliest next tokens as (id, text, probability, probability after the sampling settings).

        What may follow the prompt and the `kept` ids. The ids `also` stand at the end where they are not among `top`.
        """
        logits, seen = self.next_logits(prompt, kept, **settings)
        after = adjust(logits[None], torch.tensor([seen], device=logits.device), self.sample_config(**settings))
        probs, sampled = logits.softmax(-1), after.softmax(-1)[0]
        best = probs.topk(min(top, self.config.vocab_size)).indices.tolist()
        return [
            (i, self.tokenizer.decode([i]), probs[i].item(), sampled[i].item())
            for i in [*best, *(i for i in also if i not in best)]
        ]


def load(path: str | Path, device: str = "auto", *, precision: str = "auto") -> LanguageModel:
    """A model from a checkpoint folder, a run (its best snapshot) or a Hugging Face Hub id such as "gpt2".

    `precision` is that of the weights that draw stories: "float32", "int8", or "auto" for int8 where that is quicker
    and costs less than half a percent of loss (`lm.int8.loss_increase`). Temperature 0, beams, scores and inspection
    always use float32. Raises ValueError, in one sentence, for a path with no model, a broken one, a Hub that cannot
    be reached, or int8 where this machine has none.
    """
    folder = model_folder(path)
    sampling = load_sampling(folder)  # read first: what is wrong in it need not wait for the weights
    model, tokenizer, about = load_folder(folder, device=choose_device(device))
    int8 = choose_int8(model, tokenizer, precision)
    return LanguageModel(model, tokenizer, about, int8, sampling=sampling)
