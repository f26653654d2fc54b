"""How fast this CPU writes stories, beside others: python benchmarks/generation.py [--nanogpt DIR] [--llama2c DIR]

At the shape slm-51m (random weights, its scores made as peaked as a trained model's, since a sampler's work depends on
that) all sides write 200 tokens after a prompt of 8 in each round, with the same weights where they can be loaded; the
figures are medians over the rounds. llama2.c runs a Llama of as many parameters, greedily. The bundled model is
timed on its own. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.checkpoint import save
from slm.config import SampleConfig, parameter_count, preset
from slm.device import describe
from slm.generate import generate_ids, load
from slm.int8 import int8_model
from slm.model import GPT, initialise
from slm.tokenizer import load_gpt2

ROOT = Path(__file__).resolve().parent.parent
LENGTH, PROMPT = 200, list(range(100, 108))
ENTROPY = 2.0  # nats; about what a trained model has left to decide

Side = Callable[[], float]  # writes once, gives tokens/s


def peaked_model(name: str) -> GPT:
    """Random weights whose next-token entropy is about ENTROPY."""
    model = GPT(preset(name).model).eval()
    initialise(model, seed=1)
    ids = torch.randint(model.config.vocab_size, (1, 64), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        low, high, unit = 0.0, 8.0, model.ln_f.weight.clone()
        for _ in range(20):
            scale = (low + high) / 2
            model.ln_f.weight.copy_(unit * 2**scale)
            logprobs = model(ids).log_softmax(-1)
            low, high = (scale, high) if -(logprobs.exp() * logprobs).sum(-1).mean() > ENTROPY else (low, scale)
    return model


def write(model: GPT, stories: int = 1, length: int = LENGTH, prompt: list[int] = PROMPT, **fields: Any) -> float:
    settings = SampleConfig(max_new_tokens=length, **fields)
    begin = time.perf_counter()
    written = sum(len(c) for c in generate_ids(model, prompt, settings, eot_id=-1, seeds=list(range(stories))))
    return written / (time.perf_counter() - begin)


@torch.inference_mode()
def write_uncached(model: GPT, length: int = 20) -> float:
    """A full context read anew for each token."""
    ids = torch.randint(model.config.vocab_size, (1, model.config.block_size))
    begin = time.perf_counter()
    for _ in range(length):
        model.logits(model.hidden(ids)[:, -1])
    return length / (time.perf_counter() - begin)


def first_token_ms(model: GPT) -> float:
    settings = SampleConfig(max_new_tokens=1)
    begin = time.perf_counter()
    next(iter(generate_ids(model, list(range(20)), settings, eot_id=-1, seeds=[1])))
    return 1e3 * (time.perf_counter() - begin)


def transformers_side(model: GPT) -> Side:
    from transformers import AutoModelForCausalLM, logging

    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as place:
        save(Path(place) / "model", model, load_gpt2(), about={})
        theirs = AutoModelForCausalLM.from_pretrained(Path(place) / "model").eval()
    ids = torch.tensor([PROMPT])
    fields = {"do_sample": True, "temperature": 0.8, "top_p": 0.95, "top_k": 0, "eos_token_id": None}

    def run() -> float:
        begin = time.perf_counter()
        out = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=LENGTH, pad_token_id=0, **fields)
        return (out.shape[1] - ids.shape[1]) / (time.perf_counter() - begin)

    return run


def nanogpt_side(model: GPT, folder: Path) -> Side:
    sys.path.insert(0, str(folder))
    from model import GPT as NanoGPT  # nanoGPT's own file
    from model import GPTConfig

    c = model.config
    shape = {"n_layer": c.n_layer, "n_head": c.n_head, "n_embd": c.n_embd, "vocab_size": c.vocab_size}
    theirs = NanoGPT(GPTConfig(block_size=c.block_size, dropout=0.0, bias=True, **shape)).eval()
    names = {f"transformer.{name}" if name != "lm_head.weight" else name: p for name, p in model.state_dict().items()}
    theirs.load_state_dict(names, strict=False)
    sys.path.remove(str(folder))

    @torch.inference_mode()
    def run() -> float:
        begin = time.perf_counter()
        theirs.generate(torch.tensor([PROMPT]), LENGTH, temperature=0.8, top_k=200)
        return LENGTH / (time.perf_counter() - begin)

    return run


MAKE_LLAMA = """
import struct, torch
from model import ModelArgs, Transformer
from export import legacy_export, version2_export
torch.manual_seed(1)
m = Transformer(ModelArgs(dim=512, n_layers=8, n_heads=8, vocab_size=50257, multiple_of=64, max_seq_len=256))
m.output.weight.data[1] = m.output.weight[2] / 2  # so that token 1, which would end the story, never comes
legacy_export(m, "{place}/run.bin")
version2_export(m, "{place}/runq.bin", 64)
with open("{place}/tokens.bin", "wb") as f:
    f.write(struct.pack("i", 8))
    for i in range(50257):
        f.write(struct.pack("fi", 0.0, 6) + b"%06d" % i)
"""


def llama_side(folder: Path, place: Path, program: str) -> Side:
    """llama2.c's run (float32) or runq (int8), built as its Makefile's runomp does."""
    flags = ["-Ofast", "-fopenmp", "-march=native"]
    subprocess.run(["gcc", *flags, str(folder / f"{program}.c"), "-lm", "-o", str(place / program)], check=True)
    words = [
        str(place / program),
        str(place / f"{program}.bin"),
        "-t",
        "0",
        "-n",
        str(LENGTH),
        "-z",
        f"{place}/tokens.bin",
    ]
    env = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}

    def run() -> float:
        said = subprocess.run(words, capture_output=True, check=True, env=env).stderr.decode()
        return float(re.findall(r"achieved tok/s: ([\d.]+)", said)[0])

    return run


def bandwidth_gb_per_s(size_mb: int = 256) -> float:
    """Memory read by a sum over more than any cache holds."""
    x, times = torch.ones(size_mb * 250_000), []
    for _ in range(7):
        begin = time.perf_counter()
        x.sum()
        times.append(time.perf_counter() - begin)
    return size_mb / 1e3 / min(times)


COLD = """
import time; begin = time.perf_counter()
import torch; torched = time.perf_counter()
import slm
lm = slm.load("checkpoints/tinystories-5m", device="cpu")
next(iter(lm.stream("Once upon a time", seed=1)))
print(torched - begin, time.perf_counter() - begin)
"""


def medians(sides: dict[str, Side], rounds: int) -> dict[str, float]:
    """Every side once a round, so that a slow moment of the machine meets all of them; one round to warm up."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(1 + rounds):
        for name, side in sides.items():
            figures[name].append(side())
    return {name: statistics.median(values[1:]) for name, values in figures.items()}


def show(title: str, figures: dict[str, float], unit: str = "tokens/s") -> None:
    print(title)
    for name, figure in figures.items():
        print(f"  {name:<44}{figure:10,.1f} {unit}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--llama2c", type=Path, help="a checkout of llama2.c (needs gcc)")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    speed = bandwidth_gb_per_s()
    print(
        f"{platform.processor() or platform.machine()}, {describe(torch.device('cpu'))}, torch {torch.__version__}, ",
        end="",
    )
    print(f"memory read at {speed:.1f} GB/s")

    model = peaked_model("slm-51m")
    small = int8_model(model)
    sides = {"slm, float32": partial(write, model), "slm, int8": partial(write, small)}
    with tempfile.TemporaryDirectory() as place:
        sides["transformers, float32"] = transformers_side(model)
        if args.nanogpt:
            sides["nanoGPT, float32"] = nanogpt_side(model, args.nanogpt)
        if args.llama2c:
            make = [sys.executable, "-c", MAKE_LLAMA.format(place=place)]
            subprocess.run(make, check=True, cwd=args.llama2c, capture_output=True)
            sides["llama2.c run, float32"] = llama_side(args.llama2c, Path(place), "run")
            sides["llama2.c runq, int8"] = llama_side(args.llama2c, Path(place), "runq")
        figures = medians(sides, args.rounds)
    show(f"slm-51m, one story of {LENGTH} tokens", figures)
    for name, size in (("slm, float32", 4), ("slm, int8", 1)):
        most = 1e9 * speed / (size * parameter_count(model.config))
        print(
            f"  {name}: {100 * figures[name] / most:.0f} % of the {most:,.0f} tokens/s that reading the weights allows"
        )
    more = {
        "float32, eight stories, all together": partial(write, model, 8),
        "int8, eight stories, all together": partial(write, small, 8),
        "int8, one story of 1,000 tokens": partial(write, small, length=1000),
        "float32, one story of 1,000 tokens": partial(write, model, length=1000),
        "float32, a full context without cache": partial(write_uncached, model),
        "float32, 5 beams": partial(write, model, num_beams=5),
    }
    show("slm-51m, more", medians(more, args.rounds))
    show(
        "slm-51m, first token after 20",
        medians({"float32": partial(first_token_ms, model), "int8": partial(first_token_ms, small)}, args.rounds),
        "ms",
    )

    lm = load(ROOT / "checkpoints" / "tinystories-5m", device="cpu")
    exact, fast = lm.model, lm.writer(SampleConfig())
    prompt = lm.tokenizer.encode("Once upon a time, there was a")
    sides = {
        f"as loaded ({lm.weights_used(SampleConfig())})": partial(write, fast, prompt=prompt),
        "float32": partial(write, exact, prompt=prompt),
        "eight stories, all together": partial(write, fast, 8, prompt=prompt),
        "one story of 1,000 tokens": partial(write, fast, length=1000, prompt=prompt),
    }
    show("mini, the bundled model", medians(sides, args.rounds))
    show("mini, first token after 20", medians({"as loaded": partial(first_token_ms, fast)}, args.rounds), "ms")
    runs = [
        subprocess.run([sys.executable, "-c", COLD], cwd=ROOT, capture_output=True, check=True)
        for _ in range(args.rounds)
    ]
    floor, whole = (statistics.median(float(r.stdout.split()[i]) for r in runs) for i in (0, 1))
    print(f"from a cold Python to the first token: {whole:.2f} s, of which importing torch {floor:.2f} s")


if __name__ == "__main__":
    main()
