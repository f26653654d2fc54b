"""Which weights draw a model's stories: float32, or int8 where that is quicker and about as good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from slm.config import parameter_count
from slm.decode import Decoder, kept_dtype
from slm.device import least_time_s
from slm.int8 import int8_model
from slm.model import GPT
from slm.tokenizer import Tokenizer

PRECISIONS = ("auto", "float32", "int8")
SMALLEST_PARAMETERS = 4_000_000  # a smaller model's time goes into starting operations, not into reading weights
MOST_LOSS_INCREASE = 0.005  # as a share of the loss; a model that rounding would hurt more is left as it is
TEST_TEXT = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the sun. One day, she saw a "
    "big dog in the park. The dog was sad because it could not find its ball, so Lily helped it to look."
)


@dataclass(frozen=True)
class Int8Copy:
    """A model in int8, and by which share that raises its loss."""

    model: GPT
    loss_increase: float


def choose_int8(model: GPT, tokenizer: Tokenizer, precision: str) -> Int8Copy | None:
    """The int8 copy that `precision` asks for, or for "auto" the one that pays here; None to write in float32.

    Raises ValueError for another word, and where "int8" is asked of a device or a build of torch that has none.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}")
    on_cpu, small = model.wte.weight.device.type == "cpu", parameter_count(model.config) < SMALLEST_PARAMETERS
    if precision == "float32" or (precision == "auto" and (small or not on_cpu)):
        return None
    if not on_cpu:
        raise ValueError(f"int8 is for a CPU and the model is on {model.wte.weight.device}; choose float32")
    ids = tokenizer.encode(TEST_TEXT)[: model.config.block_size]
    try:
        rounded = int8_model(model)
        found = Int8Copy(rounded, loss_increase(model, rounded, ids))
    except (RuntimeError, AttributeError) as error:
        if precision == "int8":
            raise ValueError(f"this build of torch has no int8 product for this CPU ({error})") from None
        return None
    if precision == "int8" or (found.loss_increase <= MOST_LOSS_INCREASE and _is_quicker(rounded, model)):
        return found
    return None


@torch.inference_mode()
def loss_increase(model: GPT, rounded: GPT, ids: list[int]) -> float:
    """By which share rounding raises the loss on text like the model's own, measured over the positions of `ids`.

    The loss of one distribution on samples of another is larger than the other's own by their Kullback-Leibler
    divergence, so this is that divergence over the entropy.
    """
    given = torch.tensor([ids])
    kept = rounded.new_cache(room=len(ids), dtype=kept_dtype(rounded))  # rounding these counts as well
    exact, other = (z[0].double().log_softmax(-1) for z in (model(given), rounded(given, kept)))  # 2 x (T, V)
    entropy = -(exact.exp() * exact).sum(-1).mean()
    divergence = (exact.exp() * (exact - other)).sum(-1).mean()
    return (divergence / entropy).item()


@torch.inference_mode()
def _is_quicker(rounded: GPT, model: GPT) -> bool:
    """Whether one more token of a story takes clearly less time in int8."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for each other where the machine has more to do
    try:
        return least_time_s(_step(rounded)) < 0.75 * least_time_s(_step(model))
    finally:
        torch.set_num_threads(threads)


def _step(model: GPT) -> Callable[[], None]:
    """The second token of a story, again and again."""
    story, token = Decoder(model, [0]), torch.zeros(1, dtype=torch.int64)

    def step() -> None:
        story.cache.length = 1
        story.step(token)

    return step
