"""What slm.json and the card say of a training, wherever they are published."""

from __future__ import annotations

import shlex
from dataclasses import replace

from slm.runs import find_snapshots, read_json
from slm.train import train
from tests.training import job

TRAIN = ["python", "-m", "slm", "train"]


def published(run_dir):
    """slm.json of the newest snapshot, and every text that is in its folder."""
    folder = find_snapshots(run_dir)[-1]
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in (".json", ".md")]
    return read_json(folder / "slm.json"), "".join(texts)


def test_the_command_can_be_typed_again_and_a_resume_does_not_take_its_place(starter_data, tmp_path):
    words = [*TRAIN, "--run", "run", "--sample-prompt", "Once upon a time, it's", "--seed=7"]
    begun = job(starter_data, tmp_path, train={"steps": 2}, command=words)
    list(train(begun))
    assert shlex.split(published(begun.run_dir)[0]["command"]) == words
    again = [*TRAIN, "--run", "run", "--resume", "--steps", "3"]
    list(train(replace(begun, resume=True, train=replace(begun.train, steps=3), command=again)))
    about, texts = published(begun.run_dir)
    assert about["step"] == 3 and shlex.split(about["command"]) == words
    assert "--sample-prompt 'Once upon a time, it'" in texts and "--resume" not in texts


def test_no_folder_of_the_machine_is_published(starter_data, tmp_path):
    first = job(starter_data, tmp_path, train={"steps": 1}, run="first")
    list(train(first))
    here = ["--checkpoints", str(tmp_path), f"--data-dir={starter_data}", "--init-from", str(first.run_dir)]
    begun = job(
        starter_data, tmp_path, train={"steps": 2}, init_from=str(first.run_dir),
        command=[*TRAIN, "--run", "run", *here, "--preset", "golden"],
    )  # fmt: skip
    list(train(begun))
    about, texts = published(begun.run_dir)
    assert about["command"] == "python -m slm train --run run --init-from first --preset golden"
    assert about["init_from"] == "first"
    assert str(tmp_path) not in texts and str(starter_data) not in texts
    assert read_json(begun.run_dir / "run.json")["init_from"] == str(first.run_dir)  # which stays here


def test_of_a_source_on_the_disk_the_name_alone_is_published(tmp_path):
    from slm.config import PrepareConfig
    from slm.data.prepare import prepare

    poems = tmp_path / "home" / "poems"
    poems.mkdir(parents=True)
    for name in ("a.txt", "b.txt"):
        (poems / name).write_text("\n<|endoftext|>\n".join(f"Once {name} met {n} dogs. " * 40 for n in range(9)))
    for _ in prepare(PrepareConfig(source=str(poems), name="starter", vocab="300", workers=1), tmp_path / "data"):
        pass
    own = job(tmp_path / "data", tmp_path, train={"steps": 1})
    own = replace(own, model=replace(own.model, vocab_size=300))
    list(train(own))
    about, texts = published(own.run_dir)
    assert about["data"]["source"] == "poems" and str(poems.parent) not in texts
    assert read_json(own.run_dir / "run.json")["data"]["source"] == str(poems)
