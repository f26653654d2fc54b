"""How soon the page answers: python benchmarks/page_start.py [--starts 5]

Each start is `python app.py` in a process of its own with the project's models, from before the process is made until
its page has come whole over HTTP; then until the first script that the page loads has come too. Files are warm: a first
start is not counted. Prints the machine, each start, the median, and what of it Python's import of gradio takes.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET_S = 4.0
PATIENCE_S = 120.0
LOOK_INTERVAL_S = 0.01
IMPORTS = {
    "import gradio": "import gradio",
    "import gradio as the page does": "from demo.startup import import_gradio; import_gradio()",
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def first_answer(url: str, process: subprocess.Popen) -> str:
    """The page's HTML, asked for until it comes."""
    deadline = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            time.sleep(LOOK_INTERVAL_S)
    raise SystemExit(f"the page did not answer; its process ended with {process.poll()}")


def start(data_dir: Path) -> tuple[float, float]:
    """Seconds from the command to the page, and to its first script."""
    port = free_port()
    words = [sys.executable, "app.py", "--port", str(port), "--data-dir", str(data_dir)]
    url = f"http://127.0.0.1:{port}/"
    begun = time.perf_counter()
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        page = first_answer(url, process)
        answered = time.perf_counter() - begun
        script = re.search(r'src="\.?/?([^"]+\.js)"', page)
        assert script, "the page has no script"
        with urllib.request.urlopen(url + script[1], timeout=PATIENCE_S) as answer:
            assert answer.read()
        return answered, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(30)


def run_s(code: str) -> float:
    """Seconds that a Python takes for `code`, from its start to its end."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5, help="starts that count")
    starts = parser.parse_args().starts
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        measured = []
        for i in range(starts + 1):
            answered, scripted = start(Path(folder))
            print(f"start {i or '(not counted)'}: page {answered:.2f} s, script {scripted:.2f} s", flush=True)
            measured += [answered] if i else []
    for name, code in IMPORTS.items():
        print(f"{name}: {statistics.median(run_s(code) for _ in range(starts)):.2f} s", flush=True)
    median = statistics.median(measured)
    print(f"from the command to the page: median {median:.2f} s of {starts}, {median / TARGET_S:.2f} of {TARGET_S} s")


if __name__ == "__main__":
    main()
