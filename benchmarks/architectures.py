"""Which modern architecture learns soonest: python benchmarks/architectures.py --data DATASET

Trains transformers' own nanochat, qwen3 and llama of equal size on the same batches with the same recipe (Muon inside
the blocks, AdamW for the rest, output projections from zero), each with several learning rates, and prints the held-out
bits per byte after the same number of tokens and the CPU time that took. Each is transformers' code, so that none of
them is favoured; the project keeps its own version of the winner only.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.config import TrainConfig
from slm.data.batches import Corpus, batch, eval_windows
from slm.device import describe, keep_freed_memory
from slm.evaluate import bits_per_byte
from slm.optim import AdamW, Muon, learning_rate_scale
from slm.runs import data_dir

ARCHITECTURES = ("nanochat", "qwen3", "llama")
ZERO_AT_FIRST = ("o_proj.weight", "down_proj.weight", "fc2.weight")


def build(name: str, *, vocab_size: int, n_layer: int, n_embd: int, n_head: int, block_size: int) -> nn.Module:
    """transformers' model of this architecture; the MLPs have equally many parameters (SwiGLU has three matrices)."""
    import transformers

    classes = {"nanochat": "NanoChat", "qwen3": "Qwen3", "llama": "Llama"}
    config_class = getattr(transformers, f"{classes[name]}Config")
    mlp_size = 4 * n_embd if name == "nanochat" else 8 * n_embd // 3
    config = config_class(
        vocab_size=vocab_size, hidden_size=n_embd, intermediate_size=mlp_size, num_hidden_layers=n_layer,
        num_attention_heads=n_head, num_key_value_heads=n_head, head_dim=n_embd // n_head,
        max_position_embeddings=block_size, tie_word_embeddings=True, use_cache=False,
        **({"final_logit_softcapping": None} if name == "nanochat" else {}),
    )  # fmt: skip
    model = getattr(transformers, f"{classes[name]}ForCausalLM")(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            if p.dim() == 2:
                std = 0.02 if "embed" in parameter_name else p.shape[1] ** -0.5
                std = 0.0 if parameter_name.endswith(ZERO_AT_FIRST) else std
                p.copy_(torch.randn(p.shape, generator=generator) * std)
    return model


def train(model: nn.Module, corpus: Corpus, config: TrainConfig, *, block_size: int) -> tuple[float, float]:
    """Train for config.steps updates; held-out bits per byte and the seconds of CPU time of training."""
    named = dict(model.named_parameters())
    hidden = {n: p for n, p in named.items() if ".layers." in n and p.dim() == 2}
    parts = [
        Muon(hidden, config.muon_learning_rate),
        AdamW({n: p for n, p in named.items() if n not in hidden}, config),
    ]
    assert config.steps is not None
    begin = time.process_time()
    for step in range(config.steps):
        x, y = batch(corpus.train, seed=1, step=step, rows=config.batch_size, block_size=block_size)
        loss = _loss(model, torch.from_numpy(x), torch.from_numpy(y))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in parts:
            part.step(learning_rate_scale(config, step=step, progress=step / config.steps))
        model.zero_grad(set_to_none=True)
    elapsed_s = time.process_time() - begin
    x, y = (torch.from_numpy(a) for a in eval_windows(corpus.validation, count=192, block_size=block_size))
    with torch.no_grad():
        nats = sum(_loss(model, a, b).item() * len(a) for a, b in zip(x.split(16), y.split(16), strict=True)) / len(x)
    sizes = corpus.manifest["validation"]
    return bits_per_byte(nats, tokens=sizes["tokens"], bytes=sizes["bytes"]), elapsed_s


def _loss(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(x).logits.flatten(0, 1).float(), y.flatten())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="tinystories", help="a prepared data set")
    parser.add_argument("--data-dir")
    parser.add_argument("--architectures", nargs="+", default=ARCHITECTURES, choices=ARCHITECTURES)
    parser.add_argument("--rates", nargs="+", type=float, default=[0.01, 0.02, 0.04], help="of Muon; AdamW's is 0.2 x")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--block-size", type=int, default=128)
    parser.add_argument("--n-layer", type=int, default=4)
    parser.add_argument("--n-embd", type=int, default=192)
    parser.add_argument("--n-head", type=int, default=6)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    corpus = Corpus(data_dir(args.data_dir) / args.data)
    tokens = args.steps * args.batch_size * args.block_size
    print(f"{args.n_layer} x {args.n_embd}, {tokens:,} tokens of {args.data}, {describe(torch.device('cpu'))}")
    for name in args.architectures:
        results = {}
        for rate in args.rates:
            model = build(
                name, vocab_size=corpus.tokenizer.vocab_size, n_layer=args.n_layer, n_embd=args.n_embd,
                n_head=args.n_head, block_size=args.block_size,
            )  # fmt: skip
            config = TrainConfig(
                steps=args.steps, batch_size=args.batch_size, learning_rate=0.2 * rate, muon_learning_rate=rate
            )
            results[rate] = train(model, corpus, config, block_size=args.block_size)
        best = min(results, key=lambda rate: results[rate][0])
        losses = "  ".join(f"{rate:g}: {bpb:.4f}" for rate, (bpb, _) in results.items())
        seconds = statistics.median(s for _, s in results.values())
        size = sum(p.numel() for p in model.parameters())
        found = f"best {results[best][0]:.4f} bits/byte  {seconds:.0f} s of CPU time"
        print(f"{name:<9} {size:,} parameters  {found}  ({losses})", flush=True)


if __name__ == "__main__":
    main()
