"""The `pack` and `unpack` commands: a run as one .zip, and such a .zip as a run."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from slm.folders import find_run
from slm.runs import checkpoints_dir, summarize


def pack(args: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """`pack`: a run to a .zip that another machine replays."""
    from slm.pack import pack as pack_run

    run_dir = find_run(checkpoints_dir(args.checkpoints), args.run)
    target = pack_run(run_dir, Path(args.target), weights=args.weights)
    size_mb = target.stat().st_size / 1e6
    print(f"Run {args.run} is in {target}, {size_mb:,.1f} MB.")
    return {"run": args.run, "target": target, "size_mb": size_mb}, 0


def unpack(args: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """`unpack`: a packed run into the checkpoints folder."""
    from slm.pack import unpack as unpack_run

    file = Path(args.file)
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    folder = unpack_run(file, checkpoints_dir(args.checkpoints), name=args.name)
    print(f"Run {folder.name} is in {folder}.")
    return dataclasses.asdict(summarize(folder)), 0
