"""Every setting of the project: its default, its meaning and its limits, each written once.

The command line's `--help`, the page's form and the documentation are made from the fields below (slm.fields).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from slm.fields import Checked, option
from slm.texts import check_characters, check_length

MOST_ROTARY_NUMBERS = 2**26  # cosines and sines of every position: 268 MB
END_OF_TEXT = "<|endoftext|>"
GPT2_VOCAB_SIZE = 50257
DEFAULT_MINUTES = 10.0
ARCHITECTURES = ("gpt2", "nanochat")
BUDGETS = ("minutes", "steps", "tokens")
TINYSTORIES_HUB_IDS = {
    "tinystories": "roneneldan/TinyStories",
    "tinystories-clean": "karpathy/tinystories-gpt4-clean",
}


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Checked):
    """The shape of a model."""

    architecture: str = option("nanochat", "gpt2 (the classic) or nanochat (the modern one).", choices=ARCHITECTURES)
    n_layer: int = option(6, "Number of transformer blocks.", minimum=1, maximum=200)
    n_head: int = option(8, "Attention heads in each block; divides n_embd.", minimum=1, maximum=1024)
    n_embd: int = option(256, "Width: numbers that stand for one token.", minimum=2, maximum=65536)
    n_inner: int | None = option(None, "Width inside each MLP; none is 4 x n_embd.", minimum=1, maximum=1048576)
    block_size: int = option(256, "Context: how many tokens the model sees at once.", minimum=2, maximum=131072)
    vocab_size: int = option(4096, "Number of different tokens; the data set's own.", minimum=2, maximum=1048576)
    dropout: float = option(0.0, "Share of activations dropped while training.", minimum=0.0, maximum=0.9)
    tied: bool = option(True, "Whether the output matrix is the embedding itself.")
    norm_eps: float | None = option(None, "Added under the root of a norm; none is 1e-5 (gpt2) or 1e-6.", minimum=0.0)
    rope_theta: float = option(10000.0, "Slowest wavelength of the rotary positions (nanochat).", minimum=1.0)
    logit_softcap: float | None = option(None, "Squeezes the scores into +-this (nanochat).", minimum=0.01)

    @property
    def eps(self) -> float:
        """What the norms add under their root."""
        return (1e-5 if self.architecture == "gpt2" else 1e-6) if self.norm_eps is None else self.norm_eps

    @property
    def head_size(self) -> int:
        """Numbers of a token that one attention head sees."""
        return self.n_embd // self.n_head

    @property
    def mlp_size(self) -> int:
        """Width inside each MLP."""
        return 4 * self.n_embd if self.n_inner is None else self.n_inner

    def check(self) -> None:
        if self.n_embd % self.n_head:
            fits = [h for h in range(1, self.n_embd + 1) if self.n_embd % h == 0]
            near = min(fits, key=lambda h: abs(h - self.n_head))
            raise ValueError(
                f"n_embd {self.n_embd} is not divisible by n_head {self.n_head}; n_head {near} would divide it"
            )
        if self.architecture == "nanochat" and self.head_size % 2:
            raise ValueError(
                f"rotary positions turn pairs: n_embd {self.n_embd} / n_head {self.n_head} = {self.head_size} "
                "must be even"
            )
        if self.architecture == "nanochat" and (numbers := self.block_size * self.head_size) > MOST_ROTARY_NUMBERS:
            table = f"block_size {self.block_size} x {self.head_size} numbers a head makes rotary tables of {numbers:,}"
            raise ValueError(f"{table}, the most possible is {MOST_ROTARY_NUMBERS:,}; shorten it, or have more heads")
        if self.architecture == "gpt2" and self.logit_softcap is not None:
            raise ValueError(
                f"logit_softcap is {self.logit_softcap:g}, but GPT-2's own format has no place for it; leave it out, "
                "or choose architecture nanochat"
            )


def parameter_parts(config: ModelConfig) -> dict[str, int]:
    """How many parameters each part of the model has; their sum is the model's size.

    With weight tying the output matrix is the embedding itself, so it is counted once.
    """
    C, V, L, M = config.n_embd, config.vocab_size, config.n_layer, config.mlp_size
    parts = {"embedding": V * C, "positions": 0, "attention": L * 4 * C * C, "mlp": L * 2 * C * M, "norms": 0}
    if config.architecture == "gpt2":
        parts["positions"] = config.block_size * C
        parts["attention"] += L * 4 * C
        parts["mlp"] += L * (M + C)
        parts["norms"] = (2 * L + 1) * 2 * C
    if not config.tied:
        parts["output"] = V * C
    return parts


def parameter_count(config: ModelConfig) -> int:
    """Number of trained numbers in a model of this shape."""
    return sum(parameter_parts(config).values())


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Checked):
    """How a model is trained. One of minutes, steps and tokens is the budget; none is DEFAULT_MINUTES."""

    minutes: float | None = option(None, "Train for this many minutes.", minimum=0.01, maximum=1e6)
    steps: int | None = option(None, "Train for this many optimizer updates.", minimum=1, maximum=10**9)
    tokens: int | None = option(None, "Train on this many tokens.", minimum=1, maximum=10**13)
    batch_size: int = option(16, "Sequences in one micro-batch; a GPU takes several.", minimum=1, maximum=65536)
    grad_accum_steps: int = option(1, "Micro-batches added up for one update.", minimum=1, maximum=65536)
    ramp_steps: int = option(
        0, "First updates, made with half the sequences of half the length: many small steps while everything is new.",
        minimum=0, maximum=10**7,
    )
    optimizer: str = option(
        "muon", "adamw, or muon (Muon for the matrices inside the blocks, AdamW for the rest).",
        choices=("adamw", "muon"),
    )
    learning_rate: float = option(3e-3, "Peak learning rate of AdamW.", minimum=0.0, maximum=10.0)
    muon_learning_rate: float = option(0.02, "Peak learning rate of Muon.", minimum=0.0, maximum=10.0)
    min_lr_ratio: float = option(0.0, "Learning rate at the end, as a share of the peak.", minimum=0.0, maximum=1.0)
    warmup_steps: int = option(20, "Updates over which the learning rate rises.", minimum=0, maximum=10**7)
    decay_ratio: float = option(
        0.7, "Last share of the budget over which the learning rate falls.", minimum=0.0, maximum=1.0
    )
    weight_decay: float = option(0.0, "AdamW's weight decay on matrices.", minimum=0.0, maximum=10.0)
    beta1: float = option(0.9, "AdamW's first moment decay.", minimum=0.0, maximum=0.9999)
    beta2: float = option(0.95, "AdamW's second moment decay.", minimum=0.0, maximum=0.99999)
    grad_clip: float | None = option(1.0, "Largest gradient norm; longer gradients are shortened.", minimum=1e-6)
    eval_interval: int | None = option(None, "Updates between evaluations; none is by time.", minimum=1)
    eval_interval_s: float = option(20.0, "Seconds between evaluations, where they go by time.", minimum=0.1)
    eval_windows: int = option(
        64, "Fixed windows of the validation stories in each evaluation.", minimum=1, maximum=10**6
    )
    save_interval_s: float = option(
        120.0, "Most seconds of work that a crash may lose; 0 saves at each evaluation.", minimum=0.0
    )
    sample_prompt: str = option("Once upon a time", "How the sample story of each evaluation begins.")
    sample_tokens: int = option(120, "Length of the sample stories, in tokens.", minimum=1, maximum=4096)
    seed: int = option(1337, "Seed of weights, batches and samples.", minimum=0, maximum=2**31 - 1)
    device: str = option("auto", "auto, cpu, mps, cuda or cuda:N.")
    dtype: str = option(
        "auto", "Arithmetic of the matrix products.", choices=("auto", "float32", "bfloat16", "float16")
    )
    compile: bool | None = option(
        None, "Compile the model first (a minute or so); none: one process alone does where that is measured to pay."
    )
    threads: int | None = option(None, "CPU threads; none is one for each core.", minimum=1, maximum=1024)

    @property
    def budget(self) -> dict[str, float]:
        """The budget by the name of its field; empty where none is given."""
        return {name: getattr(self, name) for name in BUDGETS if getattr(self, name) is not None}

    def with_budget(self) -> TrainConfig:
        """These settings with a budget: DEFAULT_MINUTES where none is given."""
        return self if self.budget else dataclasses.replace(self, minutes=DEFAULT_MINUTES)

    def check(self) -> None:
        if len(self.budget) > 1:
            given = " and ".join(f"{name} {value}" for name, value in self.budget.items())
            raise ValueError(f"{given} were given; the budget is one of minutes, steps and tokens")
        check_characters(self.sample_prompt, "sample_prompt")
        check_length(self.sample_prompt, "sample_prompt", advice="give the beginning of a story")

    def step_shape(self, step: int, block_size: int) -> tuple[int, int]:
        """Sequences in the update after `step` updates, and their length in tokens.

        Short sequences and small batches first: Li et al. 2022, "The Stability-Efficiency Dilemma", section 4.
        """
        rows = self.batch_size * self.grad_accum_steps
        return (rows, block_size) if step >= self.ramp_steps else (max(1, rows // 2), max(2, block_size // 2))

    @property
    def row_counts(self) -> set[int]:
        """Sequences in an update, in the ramp and behind it."""
        return {self.step_shape(step, block_size=2)[0] for step in (0, self.ramp_steps)}

    def tokens_per_step(self, block_size: int) -> int:
        """Tokens of an update after the ramp."""
        return math.prod(self.step_shape(self.ramp_steps, block_size))

    def steps_for(self, tokens: int, block_size: int) -> int:
        """Updates that it takes to see this many tokens."""
        small = math.prod(self.step_shape(0, block_size))
        ramp = min(self.ramp_steps, -(-tokens // small))
        return ramp + max(0, -(-(tokens - ramp * small) // self.tokens_per_step(block_size)))


@dataclass(frozen=True, kw_only=True)
class SampleConfig(Checked):
    """How the next token is chosen from the model's probabilities."""

    max_new_tokens: int = option(400, "Most tokens to write.", minimum=1, maximum=100_000)
    temperature: float = option(0.9, "0 always takes the likeliest token; higher is bolder.", minimum=0.0, maximum=10.0)
    top_k: int | None = option(None, "Choose among the k likeliest tokens only.", minimum=1)
    top_p: float | None = option(
        0.95, "Choose among the likeliest tokens that hold this share.", minimum=0.0, maximum=1.0
    )
    min_p: float | None = option(None, "Drop tokens below this share of the likeliest one's.", minimum=0.0, maximum=1.0)
    repetition_penalty: float | None = option(
        None, "Above 1 makes tokens that already occurred less likely (Keskar et al. 2019).",
        minimum=0.01, maximum=100.0,
    )
    num_beams: int | None = option(
        None, "Search for the likeliest story among this many kept side by side, in place of drawing.",
        minimum=1, maximum=64,
    )
    seed: int | None = option(
        None, "Same seed, same story; none is a new story each time.", minimum=0, maximum=2**63 - 1
    )


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(Checked):
    """Which stories become a data set, and in which vocabulary."""

    source: str = option("starter", "tinystories, tinystories-clean, starter, a file or folder, or a Hub id.")
    name: str | None = option(None, "Name of the data set; none makes one from the source.")
    vocab: str = option("4096", "gpt2 (50,257 tokens) or the number of its tokens to keep.")
    limit: int | None = option(None, "Use at most this many training stories.", minimum=1, maximum=10**12)
    seed: int = option(
        1337, "Seed of the starter stories and of the split, where the source has none.", minimum=0, maximum=2**63 - 1
    )
    copy_index: bool = option(True, "Also make the index that tells whether a story was copied (a quarter more disk).")
    workers: int | None = option(None, "Processes that tokenise; none is one for each core.", minimum=1, maximum=256)

    def check(self) -> None:
        if self.vocab != "gpt2":
            if not self.vocab.isdecimal():
                raise ValueError(f"vocab is gpt2 or a number of tokens, not {self.vocab!r}")
            if not 257 <= int(self.vocab) <= GPT2_VOCAB_SIZE:
                raise ValueError(
                    f"vocab {self.vocab} is outside 257 (bytes and end of text) to {GPT2_VOCAB_SIZE} (gpt2)"
                )


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model shape with the training settings that suit it."""

    purpose: str
    vocab: str
    model: ModelConfig
    train: TrainConfig


PRESETS: dict[str, Preset] = {
    "slm-51m": Preset(
        purpose="the project's namesake, for a GPU",
        vocab="gpt2",
        model=ModelConfig(
            architecture="gpt2", n_layer=8, n_head=8, n_embd=512, block_size=256, vocab_size=GPT2_VOCAB_SIZE
        ),
        train=TrainConfig(
            optimizer="adamw",
            learning_rate=1e-3,
            weight_decay=0.1,
            warmup_steps=100,
            min_lr_ratio=0.1,
            batch_size=8,
            grad_accum_steps=4,
        ),
    ),
    "slm-55m": Preset(
        purpose="the best stories a single GPU makes",
        vocab="8192",
        model=ModelConfig(n_layer=12, n_head=9, n_embd=576, block_size=512, vocab_size=8192),
        train=TrainConfig(batch_size=8, grad_accum_steps=4, warmup_steps=100),
    ),
    "mini": Preset(
        purpose="the bundled model; an hour on a laptop",
        vocab="4096",
        model=ModelConfig(n_layer=6, n_head=4, n_embd=256, n_inner=768, block_size=256, vocab_size=4096),
        train=TrainConfig(batch_size=16, warmup_steps=50, ramp_steps=300),
    ),
    "micro": Preset(
        purpose="first readable sentences on two CPU cores in a minute or two",
        vocab="4096",
        model=ModelConfig(n_layer=2, n_head=2, n_embd=128, block_size=128, vocab_size=4096),
        train=TrainConfig(
            batch_size=16, learning_rate=1e-2, muon_learning_rate=0.03, decay_ratio=0.4, ramp_steps=300
        ),
    ),
    "golden": Preset(
        purpose="tests",
        vocab="512",
        model=ModelConfig(architecture="gpt2", n_layer=3, n_head=4, n_embd=64, block_size=64, vocab_size=512),
        train=TrainConfig(optimizer="adamw", learning_rate=3e-3, batch_size=16, warmup_steps=10),
    ),
}
CPU_PRESET, GPU_PRESET = "micro", "slm-51m"  # where nobody has chosen one


def preset(name: str) -> Preset:
    """The preset of this name; ValueError lists the names there are."""
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
