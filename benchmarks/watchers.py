"""What thirty pages that watch cost a training: python benchmarks/watchers.py [--watchers 30] [--minutes 2]

Starts `python app.py` on a free port with temporary folders, makes starter stories, and trains `micro` by turns: alone,
then with the watchers, then alone again. A watcher is a real HTTP client with a connection of its own; it asks exactly
what an open Train tab asks (demo/static/live.js): `slm/watch` with what it has seen, again after the time that the
answer says, and all that gradio paints where the answer is to repaint. The watchers live in one process beside the
server, though in a class they have machines of their own: what they take of these cores counts against us.

Prints the machine, the training speed alone and watched and their ratio, how long an answer takes (median and 95th
percentile), errors, the CPU time of server and clients, and the server's memory. It ends by itself. For Linux, macOS.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.page_start import first_answer, free_port  # noqa: E402
from slm.config import PrepareConfig, preset  # noqa: E402
from slm.events import read_events  # noqa: E402

TARGET_RATIO, TARGET_MS = 0.95, 200.0
SETTLE_S = 5.0  # at each run's beginning, not counted: the first updates are slow


class Watcher(threading.Thread):
    """One open Train tab. `waits_ms` are its answers' times, `errors` what went wrong.

    `reopened` counts the connections that the server had closed between two questions.
    """

    def __init__(self, port: int, paint: int, until: float) -> None:
        super().__init__(daemon=True)
        self.port, self.paint_index, self.until = port, paint, until
        self.waits_ms: list[float] = []
        self.errors: list[str] = []
        self.reopened = 0
        self.bytes = 0
        self.page = f"{random.getrandbits(40):x}"

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        seen, wait_s = "", 1.5 * random.random()  # pages are not opened at one moment
        while time.time() + wait_s < self.until:
            time.sleep(wait_s)
            try:
                seen, wait_s = self.ask(connection, seen)
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
                wait_s = 3.0

    def ask(self, connection: http.client.HTTPConnection, seen: str) -> tuple[str, float]:
        """One question; what is seen then, and how long to wait."""
        query = urllib.parse.urlencode({"seen": seen, "page": self.page})
        status, headers, body = self.exchange(connection, "GET", f"/slm/watch?{query}")
        wait_s = float(headers["slm-next-s"])
        if status == 204:
            return seen, wait_s
        if headers.get("content-encoding") == "gzip":
            return self.seen_of(body), wait_s
        news = json.loads(body)
        if not news.get("repaint"):
            return news["seen"], wait_s
        event = {"data": ["latest", ""], "fn_index": self.paint_index, "session_hash": self.page}
        _, _, painted = self.exchange(connection, "POST", "/gradio_api/run/predict", json.dumps(event))
        return json.loads(painted)["data"][0], wait_s

    def exchange(
        self, connection: http.client.HTTPConnection, method: str, place: str, body: str | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {"accept-encoding": "gzip", "content-type": "application/json"}
        begun = time.perf_counter()
        try:
            connection.request(method, place, body, headers)
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()  # idle for longer than the server keeps it; a browser opens another (RFC 9112, 9.3.1)
            self.reopened += 1
            connection.request(method, place, body, headers)
            answer = connection.getresponse()
        told = answer.read()
        self.waits_ms.append(1000 * (time.perf_counter() - begun))
        self.bytes += len(told)
        if answer.status not in (200, 204):
            raise ValueError(f"{method} {place}: {answer.status}")
        return answer.status, answer.headers, told

    def seen_of(self, zipped: bytes) -> str:
        return json.loads(gzip.decompress(zipped))["seen"]


def watch(port: int, paint: int, watchers: int, seconds: float) -> dict:
    """All watchers for so many seconds, in this process; what they saw."""
    until = time.time() + seconds
    pages = [Watcher(port, paint, until) for _ in range(watchers)]
    for page in pages:
        page.start()
    for page in pages:
        page.join()
    return {
        "waits_ms": [wait for page in pages for wait in page.waits_ms],
        "errors": [error for page in pages for error in page.errors],
        "reopened": sum(page.reopened for page in pages),
        "mb": sum(page.bytes for page in pages) / 1e6,
        "cpu_s": time.process_time(),
    }


def train(run: str, home: Path, seconds: float) -> subprocess.Popen:
    words = [sys.executable, "-m", "slm", "train", "--run", run, "--data", "stories", "--preset", "micro"]
    places = ["--checkpoints", str(home / "checkpoints"), "--data-dir", str(home / "data")]
    budget = ["--minutes", f"{seconds / 60:.4f}"]
    return subprocess.Popen([*words, *places, *budget], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def speed(run_dir: Path, seconds: float) -> float:
    """Tokens a second of a run between SETTLE_S and `seconds` of its training."""
    rows = [e for e in read_events(run_dir, 0)[0] if e["kind"] == "train" and e["elapsed_s"] <= seconds + SETTLE_S]
    settled = [e for e in rows if e["elapsed_s"] >= SETTLE_S]
    if len(settled) < 2:
        raise SystemExit(f"{run_dir.name} made {len(rows)} updates in {seconds:.0f} s: too few; give it more minutes")
    first, last = settled[0], settled[-1]
    return (last["tokens"] - first["tokens"]) / (last["elapsed_s"] - first["elapsed_s"])


def begun(run_dir: Path, process: subprocess.Popen) -> None:
    """Wait for a training's first update."""
    while process.poll() is None:
        if (run_dir / "events.jsonl").exists() and any(e["kind"] == "train" for e in read_events(run_dir, 0)[0]):
            return
        time.sleep(0.1)
    raise SystemExit(f"the training {run_dir.name} ended with {process.returncode}; see {run_dir / 'stdout.log'}")


def resident_mb(pid: int) -> float:
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True).stdout) * 1024 / 1e6


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, as ps tells it: [[days-]hours:]minutes:seconds."""
    told = subprocess.run(["ps", "-o", "cputime=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    days, _, clock = told.rpartition("-")
    parts = [float(part) for part in clock.split(":")]
    return 86400 * int(days or 0) + sum(value * 60**i for i, value in enumerate(reversed(parts)))


def paint_index(port: int) -> int:
    """The number of the gradio event that paints the Train tab."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/config")
    config = json.loads(connection.getresponse().read())
    watching = next(part["id"] for part in config["components"] if place_of(part) == "slm/watch")
    return next(event["id"] for event in config["dependencies"] if [watching, "tick"] in event["targets"])


def place_of(part: dict) -> str | None:
    """Where a component of the page's configuration asks for what is new."""
    return (part["props"].get("props") or {}).get("place")


def prepare(home: Path) -> None:
    from slm.data.prepare import prepare as make

    config = PrepareConfig(source="starter", name="stories", vocab=preset("micro").vocab, workers=1)
    list(make(config, home / "data"))


def turns(home: Path, port: int, server: subprocess.Popen, watchers: int, seconds: float) -> Iterator[dict]:
    """Train alone, watched, alone; each turn's speed, and of the watched one all that was seen."""
    for name, watched in (("alone", False), ("watched", True), ("alone again", False)):
        run = home / "checkpoints" / name.replace(" ", "-")
        process = train(run.name, home, seconds + SETTLE_S)
        begun(run, process)
        turn: dict = {"name": name, "memory_mb": [resident_mb(server.pid)], "server_cpu_s": -cpu_s(server.pid)}
        if watched:
            words = [sys.executable, __file__, "--client", str(port), "--watchers", str(watchers)]
            words += ["--minutes", str(seconds / 60)]
            client = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            while client.poll() is None:
                turn["memory_mb"].append(resident_mb(server.pid))
                try:
                    client.wait(max(1.0, seconds / 20))
                except subprocess.TimeoutExpired:
                    continue
            assert client.stdout is not None
            turn.update(json.loads(client.stdout.read()))
        turn["server_cpu_s"] += cpu_s(server.pid)
        process.wait()
        turn["tok_per_s"] = speed(run, seconds)
        yield turn


def report(found: dict[str, dict], seconds: float) -> None:
    alone = statistics.mean(found[name]["tok_per_s"] for name in ("alone", "alone again"))
    watched = found["watched"]
    ratio, waits = watched["tok_per_s"] / alone, sorted(watched["waits_ms"])
    worst = waits[int(0.95 * (len(waits) - 1))]
    memory = watched["memory_mb"]
    print(f"training: alone {found['alone']['tok_per_s']:,.0f} and {found['alone again']['tok_per_s']:,.0f} tokens/s, "
          f"watched {watched['tok_per_s']:,.0f}: {100 * ratio:.1f} % (target {100 * TARGET_RATIO:.0f} %)")  # fmt: skip
    print(f"{len(waits):,} answers: median {statistics.median(waits):.1f} ms, 95th percentile {worst:.1f} ms "
          f"(target {TARGET_MS:.0f} ms), longest {waits[-1]:.0f} ms; {watched['mb']:.1f} MB")  # fmt: skip
    print(f"errors: {len(watched['errors'])} {watched['errors'][:3] or ''}")
    print(f"connections that a pause had closed: {watched['reopened']}")
    print(f"CPU in {seconds:.0f} s: server {watched['server_cpu_s']:.1f} s, watchers {watched['cpu_s']:.1f} s")
    print(f"server's memory: {memory[0]:.0f} MB at the start, {memory[-1]:.0f} at the end, {max(memory):.0f} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watchers", type=int, default=30, help="open pages")
    parser.add_argument("--minutes", type=float, default=2.0, help="of each of the three turns")
    parser.add_argument("--client", type=int, metavar="PORT", help=argparse.SUPPRESS)
    args = parser.parse_args()
    seconds = 60 * args.minutes
    if args.client:
        print(json.dumps(watch(args.client, paint_index(args.client), args.watchers, seconds)))
        return
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, {args.watchers} watchers, {seconds:.0f} s a turn", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        (home / "checkpoints").mkdir()
        prepare(home)
        words = [sys.executable, "app.py", "--port", str(port), "--checkpoints", str(home / "checkpoints")]
        server = subprocess.Popen([*words, "--data-dir", str(home / "data")], cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            first_answer(f"http://127.0.0.1:{port}/", server)
            time.sleep(SETTLE_S)  # torch is imported behind the page; that is no watcher's doing
            found = {turn["name"]: turn for turn in turns(home, port, server, args.watchers, seconds)}
        finally:
            server.terminate()
            server.wait(30)
    report(found, seconds)


if __name__ == "__main__":
    main()
