"""Small models and tokenizers that several tests share."""

from __future__ import annotations

import functools

import torch

from slm.config import ModelConfig
from slm.generate import LanguageModel
from slm.model import GPT
from slm.tokenizer import Tokenizer, load_gpt2, trim

VOCAB = 307
SHAPES = {
    "gpt2": {"architecture": "gpt2", "n_layer": 3, "n_head": 2, "n_embd": 26, "n_inner": 59},
    "nanochat": {"architecture": "nanochat", "n_layer": 3, "n_head": 3, "n_embd": 42, "n_inner": 59},
}


@functools.cache
def small_tokenizer() -> Tokenizer:
    """GPT-2 trimmed to 307 ids by a made-up text."""
    gpt2 = load_gpt2()
    counts = [0] * gpt2.vocab_size
    for token in gpt2.encode("Once upon a time there was a little girl. She said the day was a big day. " * 3):
        counts[token] += 1
    return trim(gpt2, counts, vocab_size=VOCAB)


def random_model(config: ModelConfig, seed: int = 0) -> GPT:
    """A model whose every weight, biases and output projections too, is drawn at random."""
    model = GPT(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.2 + (1.0 if p.dim() == 1 else 0.0))
    return model


def random_lm(
    name: str, *, block_size: int = 23, seed: int = 0, tokenizer: Tokenizer | None = None
) -> LanguageModel:
    """A LanguageModel of random weights; it babbles, but always the same. None is the small tokenizer."""
    tokenizer = tokenizer or small_tokenizer()
    config = ModelConfig(**SHAPES[name], block_size=block_size, vocab_size=tokenizer.vocab_size)
    return LanguageModel(random_model(config, seed), tokenizer)
