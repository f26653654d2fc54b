"""What a training shows of itself on the way: its loss on unseen stories, and a sample story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slm.config import SampleConfig, TrainConfig
from slm.data.batches import Corpus, eval_windows
from slm.evaluate import bits_per_byte, windows_loss
from slm.generate import LanguageModel
from slm.model import GPT

EVAL_SHARE = 0.05  # evaluations by time take at most about this share of it


class Observer:
    """Looks at a model in training, always at the same windows and with the same prompt and seed.

    `measured` is the newest evaluation: step, val_loss and val_bpb. `stop`, asked on the way, says to leave a look.
    """

    def __init__(self, corpus: Corpus, config: TrainConfig, *, block_size: int, stop: Callable[[], bool]) -> None:
        self.corpus, self.config, self.stop = corpus, config, stop
        self.windows = eval_windows(corpus.validation, count=config.eval_windows, block_size=block_size)
        self.measured: dict[str, Any] = {}
        self.last_s, self.cost_s = 0.0, 0.0

    def is_due(self, *, step: int, elapsed_s: float) -> bool:
        """Whether it is time to look."""
        if self.config.eval_interval is not None:
            return step % self.config.eval_interval == 0
        # The first comes early, so that a person sees something; a slow one makes the next come later.
        wait = self.config.eval_interval_s * (1.0 if self.measured else 0.25)
        return elapsed_s - self.last_s >= max(wait, self.cost_s / EVAL_SHARE)

    def evaluate(self, model: GPT, *, step: int, batch_size: int) -> dict[str, Any] | None:
        """val_loss and val_bpb of the model after this step, batch_size windows at a time; None where a stop came."""
        loss = windows_loss(model, *self.windows, batch_size=batch_size, stop=self.stop)
        if loss is None:
            return None
        sizes = self.corpus.manifest["validation"]
        losses = {"val_loss": loss, "val_bpb": bits_per_byte(loss, tokens=sizes["tokens"], bytes=sizes["bytes"])}
        self.measured = {"step": step, **losses}
        return losses

    def sample(self, model: GPT) -> dict[str, Any]:
        """The fields of a `sample` event; the story ends early at a stop."""
        config, sampling = self.config, SampleConfig(seed=self.config.seed)
        text = ""
        try:
            for piece in LanguageModel(model, self.corpus.tokenizer).stream(
                config.sample_prompt, config.sample_tokens, seed=sampling.seed
            ):
                text += piece
                if self.stop():
                    break
        finally:
            model.train()
        return {"prompt": config.sample_prompt, "text": text, "seed": config.seed, "temperature": sampling.temperature}
