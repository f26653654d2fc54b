"""To and from the Hub, with a stand-in for it: what would be sent, what is sent, and what is said where nothing is."""

from __future__ import annotations

import http.server
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import ClassVar

import pytest

import slm
from slm.checkpoint import save
from slm.cli import main
from slm.generate import load
from slm.hub import hub_files, to_hub
from tests.engine import random_lm
from tests.waiting import PATIENCE_S, wait_for

ROOT = Path(__file__).resolve().parent.parent
SENT = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "README.md",
    "slm.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture
def folder(tmp_path):
    lm = random_lm("gpt2")
    save(tmp_path / "model", lm.model, lm.tokenizer, about={"run": "a-test", "step": 7})
    (tmp_path / "model" / "notes.bin").write_bytes(b"private")
    return tmp_path / "model"


class StandIn:
    """HfApi, as far as an upload needs it."""

    calls: ClassVar[list[tuple]] = []

    def create_repo(self, repo_id, *, private, exist_ok):
        self.calls.append(("create", repo_id, private, exist_ok))

    def create_commit(self, repo_id, operations, *, commit_message):
        sent = {o.path_in_repo: o.as_file for o in operations}
        contents = {}
        for name, opened in sent.items():
            with opened() as file:
                contents[name] = file.read()
        self.calls.append(("commit", repo_id, contents))


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(StandIn, "calls", [])
    monkeypatch.setattr("huggingface_hub.HfApi", StandIn)
    monkeypatch.setattr("slm.hub.hub_is_reachable", lambda: True)
    return StandIn.calls


def test_an_upload_is_one_commit_of_the_models_own_files(folder, hub):
    assert to_hub(folder, "somebody/something", private=True) == "https://huggingface.co/somebody/something"
    created, (kind, target, contents) = hub
    assert created == ("create", "somebody/something", True, True)
    assert (kind, target, set(contents)) == ("commit", "somebody/something", SENT)
    for name, content in contents.items():
        assert content == (folder / name).read_bytes(), name


def test_a_folder_without_a_card_gets_one(folder, hub):
    (folder / "README.md").unlink()
    to_hub(folder, "somebody/something")
    card = hub[-1][2]["README.md"].decode()
    assert card.startswith("---\n") and "# a-test" in card
    assert not (folder / "README.md").exists()


def test_a_broken_model_never_leaves(folder, hub):
    (folder / "model.safetensors").write_bytes(b"\x09")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        to_hub(folder, "somebody/something")
    assert hub == []


def test_a_refusal_is_one_sentence(folder, hub, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("401 Client Error.\nInvalid username or password.")

    monkeypatch.setattr(StandIn, "create_repo", refuse)
    with pytest.raises(ValueError, match=r"could not be uploaded \(401 Client Error\); log in") as caught:
        to_hub(folder, "somebody/something")
    assert "\n" not in str(caught.value)


def test_a_dry_run_lists_every_file_with_its_size_and_sends_nothing(folder, hub, capsys):
    assert {file.name for file in hub_files(folder)} == SENT
    assert main(["export", "--checkpoint", str(folder), "--to", "hub", "a/b", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    sizes = {line.split()[-1]: float(line.split()[0]) for line in lines[:-1]}
    assert set(sizes) == SENT
    for name, size_mb in sizes.items():
        assert size_mb == pytest.approx((folder / name).stat().st_size / 1e6, abs=0.001)
    assert "nothing was sent" in lines[-1] and hub == []


@pytest.mark.parametrize("target", ["a b//c", "a/b/c", "-a/b", "a" * 300, "first"])
def test_a_dry_run_refuses_what_the_upload_would_in_its_words(folder, hub, target, capsys):
    with pytest.raises(ValueError, match=r"can be no repository of the Hub: give it as owner/name") as caught:
        to_hub(folder, target)
    for flags in (["--dry-run"], []):
        assert main(["export", "--checkpoint", str(folder), "--to", "hub", *flags, "--", target]) == 2
        assert capsys.readouterr() == ("", f"slm: {caught.value}\n")
    assert hub == []


def test_a_dry_run_of_a_gguf_file_is_a_mistake(folder, capsys):
    assert main(["export", "--checkpoint", str(folder), "--to", "gguf", "x.gguf", "--dry-run"]) == 2
    assert "--dry-run and --private are for --to hub" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nobody/nothing-here", "gpt2", "../../etc", "a/b/c/d", ""])
def test_a_name_that_is_no_model_is_told_without_network(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"Hub cannot be reached|no model (at|in)") as caught:
        load(name)
    assert "\n" not in str(caught.value)


class Silent(http.server.BaseHTTPRequestHandler):
    """A server that takes every request and answers none."""

    asked: ClassVar[list[str]] = []

    def do_HEAD(self):
        self.asked.append(self.requestline)
        threading.Event().wait(PATIENCE_S)

    do_GET = do_HEAD


ASK = """
import slm
from slm.data.sources import open_source
from slm.hub import to_hub
for ask in (lambda: slm.load("openai-community/gpt2"), lambda: to_hub({folder!r}, "a/b"), lambda: open_source("a/b")):
    try:
        ask()
    except ValueError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("network", ["none", "silent"])
def test_a_hub_that_does_not_answer_is_asked_once_and_told(folder, tmp_path, network, monkeypatch):
    """The libraries would ask again and again; how long the one question waits, test_network tells."""
    monkeypatch.setattr(Silent, "asked", [])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}" if network == "silent" else "http://127.0.0.1:9"
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(ASK).format(folder=str(folder))],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HF_ENDPOINT": address, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=PATIENCE_S, check=True,
        )  # fmt: skip
        wait_for(lambda: network == "none" or Silent.asked)
    finally:
        server.shutdown()
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all("cannot be reached" in said or "could not be loaded" in said for said in lines)
    assert set(Silent.asked) <= {"HEAD /robots.txt HTTP/1.1"} and len(Silent.asked) <= 3


def test_a_name_longer_than_the_system_takes_is_no_model():
    with pytest.raises(ValueError, match="xxxx"):
        slm.load("x" * 300)
