"""The command line: its help, its mistakes, and what it lists."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from slm import cli, runs
from slm.config import PRESETS, ModelConfig, PrepareConfig, SampleConfig, TrainConfig
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("prepare", "train", "generate", "evaluate", "export", "runs", "copied", "pack", "unpack")


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
    (["prepare", "--data-dir", __file__], "test_cli.py is a file, where a folder is needed; choose another folder"),
    (["runs", "--checkpoints", __file__], "test_cli.py is a file, where a folder is needed; choose another folder"),
    (["runs", "--checkpoints", "/no/such"], "there is no folder /no/such"),
    (["generate", "--checkpoint", "x" * 300], "there is no model at 'xxx"),
    (["export", "--checkpoint", "x" * 300, "--to", "hub", "a/b"], "there is no model at 'xxx"),
    (["generate", "--checkpoint", "a", "--prompt", "caf\udce9"], r"character 3 of --prompt is '\udce9'"),
    (
        ["train", "--run", "a", "--data", "starter", "--sample-prompt", "caf\udce9"],
        r"character 3 of sample_prompt is '\udce9'",
    ),
]


@pytest.mark.parametrize(
    ("words", "told"), MISTAKES, ids=[ascii(" ".join(words) or "nothing")[1:80] for words, _ in MISTAKES]
)
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
    places.checkpoints.rmdir()  # the usual place, which the first run makes
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
