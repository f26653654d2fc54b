"""What thirty pages that watch cost a training: python benchmarks/watchers.py [--watchers 30] [--turns 5]

Starts `python app.py` on a free port with temporary folders, makes starter stories, and trains `micro` once. While it
trains, short turns alone and with the watchers alternate, so that a machine whose speed wanders slows both alike; the
watchers are the same pages each time, which are opened at the first turn and looked at again at the others. A
watcher is a real HTTP client with a connection of its own; it asks exactly what an open Train tab asks
(demo/static/live.js): `slm/watch` with what it has seen, again after the time that the answer says, and all that gradio
paints where the answer is to repaint. The watchers live in one process beside the server, though in a class they have
machines of their own: what they take of these cores counts against us.

Prints the machine, the training's speed alone and watched (medians over the turns, and their ratio turn by turn), how
long an answer takes (median and 95th percentile; those while the pages open apart from these), errors, the CPU time of
server and clients, and how the server's memory grew. It ends by itself, with an error where a target is missed. For
Linux, macOS.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import math
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.page_start import first_answer, free_port  # noqa: E402
from slm.config import PrepareConfig, preset  # noqa: E402
from slm.events import read_events  # noqa: E402

TARGET_RATIO, TARGET_MS = 0.95, 200.0
TARGET_GROWTH = 0.01  # of the server's memory, once it has loaded what it needs to answer
SETTLE_S = 5.0  # not counted at the training's beginning, whose first updates are slow, nor before the page is asked
WARM_S = 60.0  # from the first watcher on the server's memory may still grow: it imports and fills its caches
COME_S = 3.0  # at each turn's beginning, not counted: the watchers come or have just gone
LOOK_S = 1.0


@dataclass(frozen=True)
class Turn:
    """One turn: when it began and ended (unix seconds), and what the watchers saw; empty where none were there."""

    begun: float
    ended: float
    seen: dict[str, Any]
    server_cpu_s: float


class Watcher(threading.Thread):
    """One open Train tab. `waits_ms` are its answers' times, `errors` what went wrong.

    `opening_ms` are those of its first questions, until it is painted: then gradio makes a session for the page.
    `reopened` counts the connections that the server had closed between two questions.
    """

    def __init__(self, port: int, paint: int, until: float, *, page: str, seen: str) -> None:
        super().__init__(daemon=True)
        self.port, self.paint_index, self.until, self.page, self.seen = port, paint, until, page, seen
        self.waits_ms: list[float] = []
        self.opening_ms: list[float] = []
        self.errors: list[str] = []
        self.reopened = 0
        self.bytes = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        wait_s = 1.5 * random.random()  # pages are not opened at one moment
        while time.time() + wait_s < self.until:
            time.sleep(wait_s)
            try:
                self.seen, wait_s = self.ask(connection)
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
                wait_s = 3.0

    def ask(self, connection: http.client.HTTPConnection) -> tuple[str, float]:
        """One question; what is seen then, and how long to wait."""
        query = urllib.parse.urlencode({"seen": self.seen, "page": self.page})
        status, headers, body = self.exchange(connection, "GET", f"/slm/watch?{query}")
        wait_s = float(headers["slm-next-s"])
        if status == 204:
            return self.seen, wait_s
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
        (self.waits_ms if self.seen else self.opening_ms).append(1000 * (time.perf_counter() - begun))
        self.bytes += len(told)
        if answer.status not in (200, 204):
            raise ValueError(f"{method} {place}: {answer.status}")
        return answer.status, answer.headers, told

    def seen_of(self, zipped: bytes) -> str:
        return json.loads(gzip.decompress(zipped))["seen"]


def watch(port: int, paint: int, seen: dict[str, str], seconds: float) -> dict:
    """The pages of `seen` watch for so many seconds, in this process; what they saw, and what each shows in the end."""
    until = time.time() + seconds
    pages = [Watcher(port, paint, until, page=page, seen=last) for page, last in seen.items()]
    for page in pages:
        page.start()
    for page in pages:
        page.join()
    return {
        "seen": {page.page: page.seen for page in pages},
        "waits_ms": [wait for page in pages for wait in page.waits_ms],
        "opening_ms": [wait for page in pages for wait in page.opening_ms],
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


def speed(events: Sequence[dict[str, Any]], turn: Turn) -> float:
    """Tokens a second of a training in a turn, from COME_S after its beginning to its end."""
    rows = [e for e in events if e["kind"] == "train" and turn.begun + COME_S <= e["t"] <= turn.ended]
    if len(rows) < 2:
        raise SystemExit(f"a turn of {turn.ended - turn.begun:.0f} s saw {len(rows)} updates: give it more seconds")
    return (rows[-1]["tokens"] - rows[0]["tokens"]) / (rows[-1]["t"] - rows[0]["t"])


def begun(run_dir: Path, process: subprocess.Popen) -> None:
    """Wait for a training's first update."""
    while process.poll() is None:
        if (run_dir / "events.jsonl").exists() and any(e["kind"] == "train" for e in read_events(run_dir, 0)[0]):
            return
        time.sleep(0.1)
    raise SystemExit(f"the training {run_dir.name} ended with {process.returncode}; see {run_dir / 'stdout.log'}")


def growth(memory: Sequence[tuple[float, float]], since: float) -> float | None:
    """By what share the memory grew in (unix seconds, MB) from WARM_S after `since` to the end; None for less.

    Both ends are medians of five looks, since memory comes and goes with each answer.
    """
    warm = [mb for at, mb in memory if at >= since + WARM_S]
    return statistics.median(warm[-5:]) / statistics.median(warm[:5]) - 1 if len(warm) >= 10 else None


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


def take_turns(port: int, server: subprocess.Popen, *, watchers: int, count: int, seconds: float) -> Iterator[Turn]:
    """Alone, watched, alone, ... while a training runs: `count` of each. The same pages come back each time."""
    shown = {f"page-{k}": "" for k in range(watchers)}
    for k in range(2 * count):
        start, cpu, seen = time.time(), cpu_s(server.pid), {}
        if k % 2:
            words = [sys.executable, __file__, "--client", str(port), "--seconds", str(seconds)]
            told = subprocess.run(words, cwd=ROOT, input=json.dumps(shown), stdout=subprocess.PIPE, text=True)
            seen = json.loads(told.stdout)
            shown = seen.pop("seen")
        else:
            time.sleep(seconds)
        yield Turn(start, time.time(), seen, cpu_s(server.pid) - cpu)


def look_at_memory(pid: int, memory: list[tuple[float, float]], done: threading.Event) -> None:
    """Add (unix seconds, MB) of a process every LOOK_S."""
    while not done.wait(LOOK_S):
        memory.append((time.time(), resident_mb(pid)))


def report(turns: Sequence[Turn], events: Sequence[dict[str, Any]], memory: Sequence[tuple[float, float]]) -> list[str]:
    """Print what was found; the targets that were missed."""
    watched = [turn for turn in turns if turn.seen]
    fast, slow = ([speed(events, turn) for turn in turns if bool(turn.seen) is seen] for seen in (False, True))
    ratios = [100 * mine / other for mine, other in zip(slow, fast, strict=True)]
    print(f"training: alone {spread(fast)} tokens/s, watched {spread(slow)}")
    print(f"watched to alone: {spread(ratios, 1)} % (target {100 * TARGET_RATIO:.0f} %)")

    opening = [wait for turn in watched for wait in turn.seen["opening_ms"]]
    print(f"{len(opening)} answers while the pages opened: {spread(opening or [math.nan])} ms")
    waits = sorted(wait for turn in watched for wait in turn.seen["waits_ms"])
    errors = [error for turn in watched for error in turn.seen["errors"]]
    worst = waits[int(0.95 * (len(waits) - 1))]
    print(f"{len(waits):,} answers: median {statistics.median(waits):.1f} ms, 95th percentile {worst:.1f} ms "
          f"(target {TARGET_MS:.0f} ms), longest {waits[-1]:.0f} ms; "
          f"{sum(turn.seen['mb'] for turn in watched):.1f} MB")  # fmt: skip
    print(f"errors: {len(errors)} {errors[:3] or ''}")
    print(f"connections that a pause had closed: {sum(turn.seen['reopened'] for turn in watched)}")
    print(f"CPU in {sum(turn.ended - turn.begun for turn in watched):.0f} s watched: "
          f"server {sum(turn.server_cpu_s for turn in watched):.1f} s, "
          f"watchers {sum(turn.seen['cpu_s'] for turn in watched):.1f} s")  # fmt: skip

    grew = growth(memory, watched[0].begun)
    told = "too short to tell" if grew is None else f"{100 * grew:+.1f} % (target {100 * TARGET_GROWTH:.0f} %)"
    print(f"server's memory: {memory[0][1]:.0f} MB at the start, {memory[-1][1]:.0f} at the end; "
          f"from {WARM_S:.0f} s after the first watcher on: {told}")  # fmt: skip
    missed = {
        f"watched, the training has {statistics.median(ratios):.1f} % of its speed":
            statistics.median(ratios) < 100 * TARGET_RATIO,
        f"the 95th percentile of the answers is {worst:.0f} ms": worst > TARGET_MS,
        f"{len(errors)} questions went wrong": bool(errors),
        f"the server's memory grew: {told}": grew is not None and grew > TARGET_GROWTH,
    }  # fmt: skip
    return [what for what, is_missed in missed.items() if is_missed]


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median of some values, the least and the most."""
    middle, least, most = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watchers", type=int, default=30, help="open pages")
    parser.add_argument("--turns", type=int, default=5, help="alone, and as many watched")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each turn")
    parser.add_argument("--client", type=int, metavar="PORT", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client:
        print(json.dumps(watch(args.client, paint_index(args.client), json.load(sys.stdin), args.seconds)))
        return
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, {args.watchers} watchers, {args.turns} turns of {args.seconds:.0f} s each way", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        run = home / "checkpoints" / "watched"
        run.parent.mkdir()
        prepare(home)
        words = [sys.executable, "app.py", "--port", str(port), "--checkpoints", str(run.parent)]
        server = subprocess.Popen([*words, "--data-dir", str(home / "data")], cwd=ROOT, stdout=subprocess.DEVNULL)
        memory: list[tuple[float, float]] = []
        training, done = None, threading.Event()
        try:
            first_answer(f"http://127.0.0.1:{port}/", server)
            time.sleep(SETTLE_S)  # torch is imported behind the page; that is no watcher's doing
            threading.Thread(target=look_at_memory, args=(server.pid, memory, done), daemon=True).start()
            # Long enough for all turns and for what starting the watchers takes; it is ended when they are over.
            training = train(run.name, home, SETTLE_S + 4 * args.turns * args.seconds + 60)
            begun(run, training)
            time.sleep(SETTLE_S)
            turns = list(take_turns(port, server, watchers=args.watchers, count=args.turns, seconds=args.seconds))
            done.set()
            events = read_events(run, 0)[0]
        finally:
            for process in filter(None, (training, server)):
                process.terminate()
                process.wait(30)
    if missed := report(turns, events, memory):
        raise SystemExit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
