"""Commands with a real model, from preparing stories to writing some."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slm import runs
from tests.waiting import PATIENCE_S, wait_for

ROOT = Path(__file__).resolve().parent.parent
QUICK = [
    "--preset",
    "golden",
    "--eval-interval",
    "7",
    "--eval-windows",
    "2",
    "--sample-tokens",
    "3",
    "--batch-size",
    "2",
]


def test_stories_written_together_are_printed_one_after_the_other(say):
    golden = str(Path(__file__).parent / "golden" / "model")
    words = ("generate", "--checkpoint", golden, "--prompt", "Mia", "--max-new-tokens", "60", "--json")
    for count, sampling in ((11, ("--seed", "5")), (2, ("--num-beams", "3"))):  # eleven are more than one batch
        code, out, _ = say(*words, *sampling, "--num-stories", str(count))
        *printed, last = out.splitlines()
        told = json.loads(last)
        assert code == 0 and len(told["stories"]) == count and told["weights"] == "float32"
        assert "\n".join(printed) == "\n\n".join(told["stories"])
    seeded = [json.loads(say(*words, "--seed", str(5 + i))[1].splitlines()[-1])["stories"][0] for i in (0, 10)]
    code, out, _ = say(*words, "--seed", "5", "--num-stories", "11")
    assert seeded == [json.loads(out.splitlines()[-1])["stories"][i] for i in (0, 10)]


@pytest.mark.parametrize(
    ("stories", "told"),
    [
        (["A cat ran.", "A dog ran.", "A bird sang."], "No story was left out."),
        (
            ["A cat ran.", "A dog ran.", "A dog ran.", "A dog ran.", "A bird said â€œhiâ€\x9d."],
            "Left out, 2 stories: the same story again (2). 1 story had broken characters mended.",
        ),
    ],
)
def test_what_preparing_left_out_is_told(tmp_places, say, tmp_path, stories, told):
    (tmp_path / "t.txt").write_text("\n<|endoftext|>\n".join(stories), encoding="utf-8")
    code, out, err = say("prepare", "--source", str(tmp_path / "t.txt"), "--vocab", "300", "--name", "t")
    assert (code, out.splitlines()[-1]) == (0, told), err


def test_int8_can_be_asked_for_and_is_told(say, tmp_path):
    golden = str(Path(__file__).parent / "golden" / "model")
    words = ("--checkpoint", golden, "--precision", "int8", "--json")
    code, out, _ = say("generate", *words, "--prompt", "Mia", "--max-new-tokens", "9", "--seed", "5")
    assert code == 0 and json.loads(out.splitlines()[-1])["weights"].startswith("int8 weights, loss +0.")
    (tmp_path / "text.txt").write_text("Mia had a red ball. She was happy.", encoding="utf-8")
    code, out, _ = say("evaluate", *words, "--text", str(tmp_path / "text.txt"))
    told = json.loads(out.splitlines()[-1])
    assert code == 0 and told["val_loss_int8"] == pytest.approx(told["val_loss"], rel=0.02)
    assert "With int8 weights val_loss" in out


@pytest.mark.slow
def test_prepare_train_generate_evaluate(tmp_places, say, tmp_path):
    code, out, _ = say("prepare", "--source", "starter", "--limit", "50", "--vocab", "512", "--name", "d", "--json")
    assert code == 0 and json.loads(out.splitlines()[-1])["vocab_size"] == 512
    code, out, _ = say("train", "--run", "a", "--data", "d", "--steps", "9", *QUICK, "--json")
    told = json.loads(out.splitlines()[-1])
    assert (code, told["status"], told["step"], told["preset"]) == (0, "finished", 9, "golden")
    assert (
        re.search(r"^step 7  train_loss \d\.\d+  val_loss \d\.\d+  val_bpb \d\.\d+$", out, re.M)
        and "Once upon a time" in out
    )
    write = ("generate", "--checkpoint", "a", "--prompt", "Once", "--max-new-tokens", "7", "--seed", "3", "--json")
    code, out, _ = say(*write, "--num-stories", "2")
    stories = json.loads(out.splitlines()[-1])["stories"]
    assert (
        code == 0
        and len(stories) == 2
        and stories[0] != stories[1]
        and all(s in out and s[:4] == "Once" for s in stories)
    )
    assert json.loads(say(*write)[1].splitlines()[-1])["stories"] == stories[:1]
    (tmp_path / "text.txt").write_text("Once there was a cat.\n<|endoftext|>\nIt ran.\n", encoding="utf-8")
    for source in (["--data", "d"], ["--text", str(tmp_path / "text.txt")]):
        code, out, _ = say("evaluate", "--checkpoint", str(tmp_places.checkpoints / "a"), *source, "--json")
        told = json.loads(out.splitlines()[-1])
        assert code == 0 and {"val_loss", "val_bpb", "perplexity", "tokens", "bytes"} <= set(told)
    assert told["bytes"] == len("Once there was a cat.It ran.")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_is_saved(places, sent):
    words = [
        sys.executable,
        "-m",
        "slm",
        "train",
        "--run",
        "a",
        "--data",
        "starter",
        "--minutes",
        "90",
        "--threads",
        "1",
    ]
    child = subprocess.Popen(
        [*words, *QUICK, "--json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        run_dir = places.checkpoints / "a"
        wait_for(lambda: child.poll() is not None or any(e["kind"] == "train" for e in runs.read_events(run_dir)[0]))
        assert child.poll() is None
        child.send_signal(sent)
        out, err = child.communicate(timeout=PATIENCE_S)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 128 + sent
    assert "Stopping: the model is saved first." in err and "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["status"] == "stopped"
    assert runs.status(run_dir) == "stopped" and runs.resolve(run_dir)
