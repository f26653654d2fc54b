"""A training that is killed again and again ends with the very weights of one that was not: python benchmarks/kills.py

Starts `python -m slm train` on starter stories, kills it with SIGKILL at random moments (a fifth of them while it
starts, the others while it trains; it saves so often that many fall into a save), checks that the run is then `lost`,
and goes on with `--resume` and nothing else. In the end every step's loss and all final weights must equal the
unkilled run's, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.checkpoint import load_folder
from slm.config import PrepareConfig
from slm.data.prepare import prepare
from slm.runs import after_resume, find_snapshots, is_run, read_events, status

ROOT = Path(__file__).resolve().parent.parent
STEPS_A_KILL = 50
LIFE_S = 0.6  # a life's most training before its kill
STARTING_SHARE, STARTING_S = 0.2, 2.0
WORDS = ("--data", "starter", "--preset", "golden", "--batch-size", "2", "--eval-interval", "2", "--eval-windows", "1",
         "--sample-tokens", "1", "--save-interval-s", "0", "--threads", "1", "--device", "cpu",
         "--dtype", "float32")  # fmt: skip


class Training:
    """Processes that train one run, one after the other."""

    def __init__(self, place: Path, run: str, *, steps: int) -> None:
        self.run_dir = place / run
        self.words = [sys.executable, "-m", "slm", "train", "--run", run, "--checkpoints", str(place)]
        self.words += ["--data-dir", str(place / "data")]
        self.first = [*WORDS, "--steps", str(steps)]

    def start(self) -> subprocess.Popen:
        """A process that begins the run, or goes on with it."""
        words = ["--resume"] if is_run(self.run_dir) else self.first
        return subprocess.Popen([*self.words, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self) -> None:
        """Train to the end of the budget."""
        child = self.start()
        _, complaints = child.communicate()
        assert child.returncode == 0 and status(self.run_dir) == "finished", complaints.decode()

    def kill(self, chance: random.Random) -> bool:
        """Let it live for a random while, kill it, and check that it is lost; whether that was in a save."""
        child, starting = self.start(), is_run(self.run_dir) and chance.random() < STARTING_SHARE
        if not starting:
            _, offset = read_events(self.run_dir)
            while not any(e["kind"] == "start" for e in read_events(self.run_dir, offset)[0]):
                assert child.poll() is None, child.communicate()[1].decode()
                time.sleep(0.002)
        time.sleep(chance.uniform(0, STARTING_S if starting else LIFE_S))
        child.kill()
        _, complaints = child.communicate()
        assert child.returncode < 0, f"it ended before it was killed: {complaints.decode()}"
        assert status(self.run_dir) == "lost", status(self.run_dir)
        return any(path.suffix in (".part", ".old") for path in self.run_dir.rglob(".*"))

    def losses(self) -> list[tuple[int, float]]:
        """Each step that counts, with its loss."""
        return [(e["step"], e["loss"]) for e in after_resume(read_events(self.run_dir)[0]) if e["kind"] == "train"]

    def weights(self) -> dict[str, torch.Tensor]:
        """Those of the newest snapshot."""
        return load_folder(find_snapshots(self.run_dir)[-1])[0].state_dict()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    begin, steps = time.perf_counter(), STEPS_A_KILL * args.kills
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        place, chance = Path(folder), random.Random(args.seed)
        for _ in prepare(PrepareConfig(name="starter", limit=300, vocab="512", workers=1), place / "data"):
            pass
        whole, killed = (Training(place, run, steps=steps) for run in ("whole", "killed"))
        whole.finish()
        saving = [killed.kill(chance) for _ in range(args.kills)]
        reached = killed.losses()[-1][0]
        killed.finish()
        leftovers = [path for path in killed.run_dir.rglob(".*") if path.suffix in (".part", ".old")]
        wanted, ours = whole.weights(), killed.weights()
        assert killed.losses() == whole.losses() and len(whole.losses()) == steps
        assert wanted.keys() == ours.keys() and all(torch.equal(wanted[name], ours[name]) for name in wanted)
        assert not leftovers, leftovers
    print(
        f"{args.kills} kills (seed {args.seed}), {sum(saving)} of them in the middle of a save, the last after step "
        f"{reached} of {steps}: each was lost and went on by --resume; all {steps} losses and {len(wanted)} final "
        f"tensors equal the unkilled run's bit for bit. {time.perf_counter() - begin:.0f} s"
    )


if __name__ == "__main__":
    main()
