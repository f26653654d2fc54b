"""The page starts quickly: gradio without its developers' tools, and nothing of torch before the page answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, free_port

pytest.importorskip("gradio")
PROJECT = Path(__file__).resolve().parents[2]

IMPORTS = """
import inspect, json, sys
parsed, find = [], inspect.getfile
import ast; parse = ast.parse
ast.parse = lambda *a, **k: parsed.append(1) or parse(*a, **k)
from demo.startup import import_gradio
import_gradio()
imported = len(parsed)
import gradio as gr
with gr.Blocks() as page:
    gr.Button().click(str, gr.Textbox(), gr.Dataframe())
print(json.dumps({"parsed": imported, "notebook": sys.modules["IPython"] is not None,
                  "restored": inspect.getfile is find, "file": inspect.getfile(gr.Button), "events": len(page.fns)}))
"""

ANSWERS = """
import json, os, sys, threading, urllib.request
import app
from demo.session import Session
answered = threading.Event()

def warm(session):
    answered.wait(3600)
Session.warm = warm

import gradio as gr

def look(page):
    body = urllib.request.urlopen(page.local_url).read()
    late = [name for name in ("torch", "datasets", "transformers", "matplotlib") if name in sys.modules]
    print(json.dumps({"bytes": len(body), "late": late}), flush=True)
    os._exit(0)
gr.Blocks.block_thread = look
sys.argv = ["app.py", "--port", sys.argv[2], "--checkpoints", sys.argv[1], "--data-dir", sys.argv[1]]
app.main()
"""


def told(code: str, *words: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_gradio_is_whole_and_parses_none_of_its_sources() -> None:
    seen = told(IMPORTS)
    assert seen["parsed"] < 20  # more than a hundred otherwise: each component's file, twice
    assert not seen["notebook"]
    assert seen["restored"]
    assert seen["file"].endswith("button.py")
    assert seen["events"] == 1


@pytest.mark.slow
def test_the_page_answers_before_torch_is_imported(tmp_path: Path) -> None:
    seen = told(ANSWERS, str(tmp_path), str(free_port()))
    assert seen["bytes"] > 10_000
    assert seen["late"] == []
