"""A prompt of ids, continued: the loop between the model, which scores every token, and the choice of one.

When the context is full the model forgets the older half of it and reads the newer half again, so a story of any
length goes on at the speed of the cache. A prompt longer than the context is cut to its newest tokens by the same rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch

from slm.beam import beam_search
from slm.config import SampleConfig, parameter_count
from slm.decode import Decoder, half_context, window_start
from slm.model import GPT
from slm.sampling import draw
from slm.threads import fitting_threads


def generate_ids(
    model: GPT, prompt: list[int], settings: SampleConfig, *, eot_id: int, seeds: list[int], kept: Sequence[int] = ()
) -> Iterator[list[int | None]]:
    """Continue one prompt of ids into len(seeds) stories at once.

    Each story has the `kept` ids already; it goes on as it would where a seed had drawn them, and max_new_tokens counts
    from there.

    Yields, for each position, one id a story, or None for a story that has ended. The end-of-text id itself is not
    given. Each story draws from its own seed alone, so it is the same written alone or among others (but for
    draws on an edge, where the sums of several rows are added up in another order).
    With num_beams nothing is drawn: all stories are the one that the search finds.
    """
    if settings.num_beams is None:
        steps = _drawn_ids(model, prompt, kept, settings, eot_id=eot_id, seeds=seeds)
    else:
        steps = _likeliest_ids(model, [*prompt, *kept], settings, eot_id=eot_id, stories=len(seeds))
    while True:
        with fitting_threads(model.wte.weight.device, parameter_count(model.config) * len(seeds)):
            new = next(steps, None)
        if new is None:
            return
        yield new


@torch.inference_mode()
def _likeliest_ids(
    model: GPT, begin: list[int], settings: SampleConfig, *, eot_id: int, stories: int
) -> Iterator[list[int | None]]:
    """`generate_ids` with beams."""
    assert settings.num_beams is not None
    most = settings.max_new_tokens
    for new in beam_search(model, begin, num_beams=settings.num_beams, max_new_tokens=most, eot_id=eot_id):
        yield [new] * stories


@torch.inference_mode()
def _drawn_ids(
    model: GPT, prompt: list[int], kept: Sequence[int], settings: SampleConfig, *, eot_id: int, seeds: list[int]
) -> Iterator[list[int | None]]:
    """`generate_ids` without beams."""
    assert prompt, "the model needs a token to begin from"
    given = [*prompt, *kept]
    T, half = len(given), half_context(model.config.block_size)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for generator, _ in itertools.product(generators, kept):  # one number a token, as `draw` takes them
        torch.rand(1, 1, generator=generator)
    seen = torch.tensor([given + [0] * settings.max_new_tokens] * len(seeds))  # (B, T + max_new_tokens), on the CPU
    read = given[window_start(len(prompt), T, model.config.block_size) :]
    stories = Decoder(model, read, len(seeds), most_tokens=len(read) + settings.max_new_tokens)
    columns, ended = list(range(len(seeds))), [False] * len(seeds)  # of each row of the model's, and of each story
    for end in range(T, T + settings.max_new_tokens):
        ids = draw(stories.logits, seen[:, :end], settings, generators=generators)  # (B,)
        new: list[int | None] = [None] * len(seeds)
        for column, i in zip(columns, ids.tolist(), strict=True):
            ended[column] = ended[column] or i == eot_id
            new[column] = None if ended[column] else i
        if all(ended):
            return
        yield new
        seen[:, end] = ids
        if stories.can_shrink and any(ended[column] for column in columns):
            left = [row for row, column in enumerate(columns) if not ended[column]]
            columns, generators = [columns[row] for row in left], [generators[row] for row in left]
            seen, ids = seen[left], ids[left]
            stories.shrink(torch.tensor(left))
        if end + 1 < seen.shape[1]:
            stories.read_again(seen[:, end + 1 - half : end + 1]) if stories.full else stories.step(ids)
