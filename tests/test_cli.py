from __future__ import annotations

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slm import cli, runs
from slm.config import PRESETS, ModelConfig, PrepareConfig, SampleConfig, TrainConfig, preset
from slm.data.batches import Corpus
from tests.waiting import PATIENCE_S, wait_for

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("prepare", "train", "generate", "evaluate", "export", "runs", "copied", "pack", "unpack")
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


@pytest.fixture
def places(tmp_places: SimpleNamespace, starter_data: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Empty checkpoints and the small data set `starter`."""
    monkeypatch.setenv("SLM_DATA", str(starter_data))
    return tmp_places


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]):
    """Run a command line: its exit code, what it printed, and its complaints."""

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


# --- help -----------------------------------------------------------------------------------------------------------


def help_of(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "5000")
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "classes"),
    [("train", (ModelConfig, TrainConfig)), ("generate", (SampleConfig,)), ("prepare", (PrepareConfig,))],
)
def test_every_setting_stands_in_the_help_with_its_doc_and_default(command, classes, capsys, monkeypatch):
    text = help_of(command, capsys, monkeypatch)
    for cls in classes:
        for f in dataclasses.fields(cls):
            assert f.metadata["doc"] in text, f.name
            if f.name != "vocab_size":
                assert f"--{f.name.replace('_', '-')} " in text or f"--{f.name.replace('_', '-')} [" in text, f.name
    if command == "generate":
        assert "(default the model's own, else 0.9)" in text and re.search(r"--seed .*\(default none\)", text)
    if command == "train":
        assert re.search(r"--seed .*\(default 1337\)", text)
        assert re.search(r"--n-layer .*\(default by preset: slm-51m 8, .*micro 2", text)
        assert all(f"{name}: {p.purpose}" in text for name, p in PRESETS.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_places_and_json(command, capsys, monkeypatch):
    text = help_of(command, capsys, monkeypatch)
    assert all(
        word in text for word in ("--checkpoints DIR", "--data-dir DIR", "--json", "SLM_CHECKPOINTS", "SLM_DATA")
    )


def test_help_waits_for_no_slow_import():
    code = (
        "import sys; from slm.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: print('SLOW', {'torch', 'numpy', 'datasets', 'tqdm'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout.endswith("SLOW set()\n")


# --- mistakes -------------------------------------------------------------------------------------------------------

MISTAKES = [
    (["fly"], "invalid choice: 'fly'"),
    ([], "required: COMMAND"),
    (["train"], "required: --run"),
    (["train", "--run", "a"], "--data is missing"),
    (["train", "--run", "../a", "--data", "starter"], "'../a' is no name"),
    (["train", "--run", "a", "--data", "absent"], "there is no data set 'absent'"),
    (
        ["train", "--run", "a", "--data", "starter", "--preset", "huge"],
        "there is no preset 'huge'; choose one of slm-51m",
    ),
    (["train", "--run", "a", "--data", "starter", "--n-embd", "65"], "n_embd 65 is not divisible by n_head 2"),
    (["train", "--run", "a", "--data", "starter", "--n-layer", "many"], "n_layer must be a whole number, not 'many'"),
    (["train", "--run", "a", "--data", "starter", "--vocab-size", "300"], "unrecognized arguments: --vocab-size"),
    (["train", "--run", "a", "--data", "starter", "--minutes", "1", "--steps", "2"], "the budget is one of"),
    (["train", "--run", "a", "--data", "starter", "--minutes", "-1"], "minutes is -1.0, the least possible"),
    (["train", "--run", "a", "--data", "starter", "--compile", "maybe"], "compile must be yes or no, not 'maybe'"),
    (["train", "--run", "a", "--resume"], "there is no run 'a'"),
    (["generate", "--checkpoint", "a", "--top-p", "7"], "top_p is 7.0, the most possible is 1.0"),
    (["generate", "--checkpoint", "a", "--num-stories", "0"], "num_stories is a whole number from 1, not '0'"),
    (["generate", "--checkpoint", "a", "--num-stories", "²"], "num_stories is a whole number from 1, not '²'"),
    (["evaluate", "--checkpoint", "a"], "one of the arguments --data --text is required"),
    (["evaluate", "--checkpoint", "a", "--text", "absent.txt"], "absent.txt is no file of stories"),
    (["export", "--checkpoint", "a", "--to", "paper", "x"], "invalid choice: 'paper'"),
    (["runs", "absent"], "there is no run 'absent'"),
    (["runs", "../x"], "is no name"),
    (["prepare", "--vocab", "3"], "vocab 3 is outside 257"),
    (["prepare", "--source", "absent.txt"], "absent.txt"),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES, ids=[" ".join(words) or "nothing" for words, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_code_2(words, told, places, say):
    code, out, err = say(*words)
    assert code == 2 and told in err
    assert err.startswith("slm: ") and err.count("\n") == 1 and out == ""
    assert list(places.checkpoints.iterdir()) == []


def test_a_mistake_is_json_where_json_is_asked_for(places, say):
    code, out, err = say("train", "--run", "a", "--data", "absent", "--json")
    assert code == 2 and json.loads(out)["error"] == err.removeprefix("slm: ").strip()


def test_of_several_processes_the_first_alone_prints_json(places, say, monkeypatch):
    for rank, printed in {"0": 1, "1": 0}.items():
        monkeypatch.setenv("RANK", rank)
        code, out, err = say("runs", "nothing", "--json")
        assert (code, len(out.splitlines())) == (2, printed) and "there is no run 'nothing'" in err
        code, out, _ = say("runs", "--json")
        assert (code, sum(line.startswith("{") for line in out.splitlines())) == (0, printed)


def test_the_process_ends_with_the_code_and_without_a_traceback(places):
    done = subprocess.run(
        [sys.executable, "-m", "slm", "runs", "absent"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


# --- runs -----------------------------------------------------------------------------------------------------------


def test_runs_are_listed_and_told(places, say):
    assert say("runs")[:2] == (0, f"There are no runs in {places.checkpoints} yet.\n")
    run = places.checkpoints / "mine"
    runs.write_json(
        run / "run.json", {"preset": "micro", "data": {"name": "d"}, "created": 5.0, "train": {"minutes": 3}}
    )
    with runs.EventLog(run / "events.jsonl") as log:
        log.append("start", 0, n_params=1234567, budget_s=180)
        log.append("eval", 1500, val_loss=1.23456, val_bpb=0.5, train_loss=None)
        log.append("end", 1500, reason="stopped", message="asked")
    code, out, _ = say("runs")
    head, row = (line.split() for line in out.splitlines())
    assert code == 0 and head == [
        "name",
        "status",
        "preset",
        "data",
        "step",
        "val_loss",
        "val_bpb",
        "minutes",
        "size_mb",
    ]
    assert row == ["mine", "stopped", "micro", "d", "1,500", "1.235", "0.500", "-", "0.0"]
    code, out, _ = say("runs", "mine", "--json")
    assert re.search(r"^budget +3 minutes$", out, re.M) and re.search(r"^val_loss +1.2346$", out, re.M)
    told = json.loads(out.splitlines()[-1])
    assert (told["name"], told["val_loss"], told["n_params"], told["budget"]) == (
        "mine",
        1.23456,
        1234567,
        {"minutes": 3},
    )
    assert told.pop("doctor") == []
    assert json.loads(say("runs", "--json")[1].splitlines()[-1]) == {"runs": [told]}


def test_places_can_be_named_on_the_command_line(places, say, tmp_path):
    runs.write_json(tmp_path / "other" / "there" / "run.json", {})
    assert "there" in say("runs", "--checkpoints", str(tmp_path / "other"))[1]


# --- what train asks of the engine ----------------------------------------------------------------------------------


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list:
    """Trainings asked for; each ends at once."""
    import slm.train

    asked = []

    def train(job):
        asked.append(job)
        runs.write_json(job.run_dir / "run.json", {"preset": job.preset, "data": {"name": job.data.name}})
        with runs.EventLog(job.run_dir / "events.jsonl") as log:
            yield log.append("start", 0, n_params=1, device="cpu", dtype="float32", max_steps=None, budget_s=60)
            yield log.append("end", 0, reason="finished", message="done")

    monkeypatch.setattr(slm.train, "train", train)
    return asked


def test_train_hands_on_what_was_typed(places, say, jobs):
    code, out, _ = say(
        "train", "--run", "a", "--data", "starter", "--preset", "golden", "--tokens", "999", "--dropout", "0.25",
        "--grad-clip", "none", "--compile", "--json",
    )  # fmt: skip
    (job,) = jobs
    assert code == 0 and json.loads(out.splitlines()[-1])["status"] == "finished"
    assert vars(job.model) == {**vars(preset("golden").model), "dropout": 0.25}
    assert vars(job.train) == {**vars(preset("golden").train), "tokens": 999, "grad_clip": None, "compile": True}
    assert (job.run, job.preset, job.resume, job.checkpoints) == ("a", "golden", False, places.checkpoints)
    assert "186,944 parameters, data set starter, 999 tokens." in out


def test_no_budget_is_ten_minutes_and_said(places, say, jobs):
    _, out, _ = say("train", "--run", "a", "--data", "starter")
    assert jobs[0].train.minutes == 10
    assert "No --minutes, --steps or --tokens is given: 10 minutes." in out


def test_a_vocabulary_unlike_the_presets_is_said_with_the_size_it_makes(places, say, jobs):
    _, out, _ = say("train", "--run", "a", "--data", "starter", "--preset", "micro", "--steps", "1")
    assert jobs[0].model.vocab_size == 512
    line = next(line for line in out.splitlines() if "is made for" in line)
    assert "4,096" in line and "512" in line and re.search(r"makes [\d,]+ parameters", line)
    _, out, _ = say("train", "--run", "b", "--data", "starter", "--preset", "golden", "--steps", "1")
    assert "is made for" not in out


def test_a_run_that_exists_is_not_overwritten(places, say, jobs):
    say("train", "--run", "a", "--data", "starter", "--steps", "1")
    code, _, err = say("train", "--run", "a", "--data", "starter", "--steps", "1")
    assert code == 2 and "there is a run 'a' already; give another name, or --resume" in err and len(jobs) == 1


@pytest.fixture
def stopped_run(places) -> Path:
    """A run that used 3 of its 5 minutes."""
    run = places.checkpoints / "a"
    train = {**vars(preset("golden").train), "minutes": 5.0, "learning_rate": 0.5}
    record = {"preset": "golden", "data": {"name": "starter"}, "model": vars(preset("golden").model), "train": train}
    runs.write_json(run / "run.json", record)
    return run


@pytest.mark.parametrize(
    ("words", "budget"),
    [([], {"minutes": 5}), (["--minutes", "8"], {"minutes": 8}), (["--steps", "9"], {"steps": 9})],
)
def test_a_resumed_run_is_its_own_with_another_budget_if_given(words, budget, stopped_run, say, jobs):
    code, out, _ = say("train", "--run", "a", "--resume", *words, "--threads", "1")
    (job,) = jobs
    assert code == 0 and job.resume and job.preset == "golden" and job.data.name == "starter"
    assert vars(job.model) == vars(preset("golden").model)
    given = {"minutes": None, **budget, "learning_rate": 0.5, "threads": 1}
    assert vars(job.train) == {**vars(preset("golden").train), **given}
    assert "goes on" in out


def test_a_budget_given_at_a_resume_stays_the_runs(stopped_run, say, jobs):
    with runs.EventLog(stopped_run / "events.jsonl") as log:
        log.append("start", 7, resumed_from_step=7, budget_s=None, max_steps=77)
    say("train", "--run", "a", "--resume")
    assert (jobs[0].train.steps, jobs[0].train.minutes) == (77, None)


def test_a_resumed_run_keeps_its_settings(stopped_run, say, jobs):
    code, _, err = say("train", "--run", "a", "--resume", "--n-layer", "9", "--seed", "3")
    assert code == 2 and "a resumed run keeps its own n_layer, seed" in err and jobs == []
    runs.write_json(stopped_run / "run.json", {"model": {"n_lyer": 3}, "train": {}})
    code, _, err = say("train", "--run", "a", "--resume")
    assert code == 2 and "run.json is not this version's" in err and err.count("\n") == 1


# --- with a real model ----------------------------------------------------------------------------------------------


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


def test_the_report_card_and_the_overlap_are_told_and_kept(places, say, tmp_path):
    model = Path(shutil.copytree(Path(__file__).parent / "golden" / "model", tmp_path / "model"))
    (tmp_path / "p.json").write_text('["Once upon a time", "One day the little owl"]')
    words = ("evaluate", "--checkpoint", str(model), "--data", "starter", "--overlap", "--report", "--seeds", "2")
    code, out, err = say(*words, "--prompts", str(tmp_path / "p.json"), "--json")
    told = json.loads(out.splitlines()[-1])
    assert code == 0, err
    assert told["report"]["prompts"]["name"] == "p.json" and told["report"]["losses"]["val_bpb"] == told["val_bpb"]
    assert told["overlap"]["stories"] == told["stories"] and told["overlap"]["without"] is None
    assert "0 stand there whole" in out and "ends properly" in out and "±" in out
    assert json.loads((model / "report.json").read_text()) == told["report"]
    assert "## Report card" in (model / "README.md").read_text()
    assert "this model learnt from other stories: copies are looked for in starter" in err


@pytest.mark.parametrize("flag", ["--report", "--overlap"])
def test_a_comparison_with_the_training_stories_needs_them(say, tmp_path, flag):
    (tmp_path / "text.txt").write_text("Once.")
    code, _, err = say("evaluate", "--checkpoint", "a", "--text", str(tmp_path / "text.txt"), flag)
    assert code == 2 and f"{flag} compares with the training stories: it needs --data" in err


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


# --- copied, pack and unpack ------------------------------------------------------------------------------------------


def test_copied_tells_what_stands_in_the_training_stories(starter_data, tmp_path, capsys):
    corpus = Corpus(starter_data / "starter")
    ids = np.asarray(corpus.train[: int(np.argmax(corpus.train == corpus.tokenizer.eot_id))])
    (tmp_path / "story.txt").write_text(corpus.tokenizer.decode(ids.tolist()), encoding="utf-8")
    words = ["copied", "--data-dir", str(starter_data), "--data", "starter", "--text", str(tmp_path / "story.txt")]
    assert cli.main([*words, "--json"]) == 0
    *told, last = capsys.readouterr().out.strip().splitlines()
    found = json.loads(last)
    assert found["share"] == 1.0 and found["longest"]["tokens"] == len(ids)
    assert f"has {found['longest']['words']} words" in told[0]
    assert cli.main(["copied", "--data-dir", str(starter_data), "--data", "starter", "--text", "absent.txt"]) == 2
    assert "there is no file absent.txt" in capsys.readouterr().err
