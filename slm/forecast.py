"""What a training will come to, before it is started: how much it reads, how long it takes, how low its loss gets.

The loss follows from a power law that is fitted, each time, to the MEASURED trainings below:

    bits per byte = scale x tokens^-a x updates^-b x parameters^-c

(the form of Kaplan et al. 2020, section 1.2, with updates beside tokens, because short trainings are short of updates
before they are short of text). It holds for trainings like those that were measured, a learning rate falling to its end
among them, and is silent outside of them. The band reaches twice as far from the law as the worst of them.

For other stories, and where the law is silent, earlier trainings of the same size on these very stories say it: a line
through the logarithms of their tokens and losses, trusted where they lie.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from slm.config import ModelConfig, TrainConfig, parameter_count, parameter_parts

# The rest goes into evaluations and sample stories (EVAL_SHARE in slm.observe), saving and the compiler.
UPDATE_SHARE = 0.9
BAND_MARGIN = 2.0


@dataclass(frozen=True)
class Training:
    """One finished training: trained numbers, tokens read, updates made, and validation bits per byte at the end."""

    n_params: int
    tokens: int
    steps: int
    bpb: float


# On TinyStories (21,518 stories, 4,096 different tokens), some found while tuning; benchmarks/loss_law.py is there to
# measure them again.
MEASURED = (
    Training(917_504, 111_104, 217, 1.4271),
    Training(917_504, 229_376, 448, 1.3166),
    Training(917_504, 237_056, 463, 1.2922),
    Training(917_504, 237_568, 341, 1.3361),
    Training(917_504, 287_744, 253, 1.3088),
    Training(917_504, 2_330_624, 1288, 0.9743),
    Training(917_504, 2_480_128, 1436, 0.9624),
    Training(1_114_112, 184_320, 360, 1.3278),
    Training(1_671_168, 141_312, 276, 1.3532),
    Training(2_555_904, 325_632, 159, 1.3850),
    Training(2_555_904, 409_600, 400, 1.1732),
    Training(2_555_904, 827_392, 629, 1.0658),
    Training(4_980_736, 6_901_760, 3370, 0.7381),
    Training(4_980_736, 12_582_912, 3297, 0.7048),
)
# On the starter stories in 4,096 different tokens, with --preset micro --tokens 1000000 (3000000, 9000000); the loss
# falls so much faster there that the law, even shifted, is not theirs.
STARTER = (
    Training(917_504, 1_001_472, 714, 0.2886),
    Training(917_504, 3_000_320, 1690, 0.2156),
    Training(917_504, 9_000_960, 4620, 0.1477),
)
LIKE = 1.5  # how far beyond the least and the most that were measured a loss is foretold, as a factor


@dataclass(frozen=True)
class Forecast:
    """A training before its start. `readings` is how often each training story is read.

    `bpb` is the band of the validation loss at the end, in bits per byte, lower and upper; None where no training
    like it was measured, and then `silence` says why.
    """

    tokens: int
    steps: int
    seconds: float
    readings: float | None
    bpb: tuple[float, float] | None
    silence: str = ""


def measured_on(source: str) -> tuple[Training, ...]:
    """The trainings measured on stories of this source; none for stories that are new."""
    if source == "starter":
        return STARTER
    return MEASURED if is_tinystories(source) else ()


def is_tinystories(source: str) -> bool:
    """Whether a data set's source is TinyStories: from the Hub, or a local copy, a folder or a file of that name."""
    last = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    return last.partition(".")[0].lower() == "tinystories"


def forecast(
    model: ModelConfig,
    train: TrainConfig,
    *,
    tok_per_s: float,
    train_tokens: int | None = None,
    earlier: Iterable[Training] = (),
) -> Forecast:
    """What this training comes to at a measured speed in tokens a second; without a budget it is DEFAULT_MINUTES long.

    `train_tokens` is the size of the data, `earlier` are trainings on such stories; the law speaks where MEASURED are
    among them.
    """
    train = train.with_budget()
    tokens, steps = _amount(model, train, tok_per_s)
    seconds = 60 * train.minutes if train.minutes else tokens / tok_per_s / UPDATE_SHARE
    readings = tokens / train_tokens if train_tokens else None
    wanted = Training(parameter_count(model), tokens, steps, math.nan)
    bpb, silence = _band(wanted, tuple(earlier))
    return Forecast(tokens, steps, seconds, readings, bpb, silence)


def _amount(model: ModelConfig, train: TrainConfig, tok_per_s: float) -> tuple[int, int]:
    """Tokens and updates of a training."""
    T = model.block_size
    if train.steps:
        ramp = min(train.ramp_steps, train.steps)
        tokens = ramp * math.prod(train.step_shape(0, T)) + (train.steps - ramp) * train.tokens_per_step(T)
        return tokens, train.steps
    tokens = train.tokens or max(1, round(60 * (train.minutes or 0) * tok_per_s * UPDATE_SHARE))
    return tokens, train.steps_for(tokens, T)


def _band(wanted: Training, earlier: tuple[Training, ...]) -> tuple[tuple[float, float] | None, str]:
    lawful, unlike = set(MEASURED) <= set(earlier), _unlike(wanted, MEASURED)
    if lawful and not unlike:
        return _around(_law(wanted), worst=_fit()[1]), ""
    if band := _of_its_size(wanted, [t for t in earlier if t.n_params == wanted.n_params]):
        return band, ""
    if lawful:
        return None, f"No training of this {unlike} was measured yet, so its loss is not foretold."
    return None, _known_of(wanted, earlier)


def _around(middle: float, *, worst: float) -> tuple[float, float]:
    """The band around the logarithm of a loss, where the worst of the trainings it comes from lies so far from it."""
    return math.exp(middle - BAND_MARGIN * worst), math.exp(middle + BAND_MARGIN * worst)


def _of_its_size(wanted: Training, like: list[Training]) -> tuple[float, float] | None:
    """The band by trainings of this size; None where they do not tell what its length comes to."""
    lengths = [t.tokens for t in like]
    # Two of nearly one length tell their difference in luck, not what a longer training gains.
    if not like or max(lengths) < LIKE * min(lengths) or _unlike(wanted, like):
        return None
    tokens, losses = np.log(lengths), np.log([t.bpb for t in like])
    slope, height = np.polyfit(tokens, losses, 1)
    if slope >= 0:
        return None  # the longer ones had worse settings
    # Few points lie near to any line, so the band is no narrower than that of the law.
    worst = max(_fit()[1], float(np.abs(losses - height - slope * tokens).max()))
    return _around(height + slope * math.log(wanted.tokens), worst=worst)


def _known_of(wanted: Training, earlier: tuple[Training, ...]) -> str:
    """What is known where no band is: the best of the trainings that were no longer and no larger than this one."""
    less = [t for t in earlier if t.tokens <= wanted.tokens and t.n_params <= wanted.n_params]
    if not less:
        return "No training as short and as small has ended on these stories yet, so its loss is not foretold."
    best = min(less, key=lambda t: t.bpb)
    again = best.n_params == wanted.n_params and wanted.tokens < LIKE * best.tokens
    return (
        f"One of this size or smaller that read {best.tokens:,} tokens of these stories ended at {best.bpb:.2f} bits "
        f"per byte; this one should end {'about there' if again else 'lower'}."
    )


def _unlike(training: Training, measured: Sequence[Training]) -> str:
    """What of this training lies too far from all that were measured; empty where they speak of it."""
    for name, words in (("n_params", "size"), ("tokens", "length"), ("steps", "number of steps")):
        known = [getattr(one, name) for one in measured]
        if not min(known) / LIKE <= getattr(training, name) <= max(known) * LIKE:
            return words
    return ""


@functools.cache
def _fit() -> tuple[np.ndarray, float]:
    """The law's coefficients by least squares of the logarithms, and how far the worst of MEASURED lies from it."""
    sizes = np.stack([_sizes(training) for training in MEASURED])
    losses = np.log([training.bpb for training in MEASURED])
    law, *_ = np.linalg.lstsq(sizes, losses, rcond=None)
    return law, float(np.abs(losses - sizes @ law).max())


def _sizes(training: Training) -> np.ndarray:
    return np.array([1.0, math.log(training.tokens), math.log(training.steps), math.log(training.n_params)])


def _law(training: Training) -> float:
    return float(_sizes(training) @ _fit()[0])


def flops_per_token(config: ModelConfig) -> int:
    """Multiplications and additions for one token of training, forwards and backwards.

    Six for each number in a matrix, and the attention's products over the context (Chowdhery et al. 2022, appendix B).
    Looking a token up in the embedding costs none; a tied embedding counts as the output matrix that it is, too.
    """
    parts = parameter_parts(config)
    matrices = parts["attention"] + parts["mlp"] + config.vocab_size * config.n_embd
    return 6 * matrices + 12 * config.n_layer * config.n_embd * config.block_size
