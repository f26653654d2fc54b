"""Run folders as folders: where they are, how they may be called, and which snapshot stands for them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from slm.events import EVENTS_FILE
from slm.files import read_json
from slm.processes import PROCESS_FILE
from slm.refusals import shown

RUN_FILE = "run.json"
STOP_FILE = "stop"
FINISH_FILE = "finish"
SNAPSHOTS = "snapshots"
POINTERS = ("best.json", "last.json")
ELSEWHERE_CHECKPOINTS = "choose another folder with --checkpoints or SLM_CHECKPOINTS"
ELSEWHERE_DATA = "choose another folder with --data-dir or SLM_DATA"

# Windows keeps these for its devices, whatever ending they have.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_HOME = Path(__file__).resolve().parent.parent
SPACE_DISK = Path("/data")  # where a Hugging Face Space keeps what is to outlive a restart, if it has such a disk


def checkpoints_dir(override: str | Path | None = None) -> Path:
    """Where models and runs are kept: the argument, else SLM_CHECKPOINTS, else the usual place.

    That is checkpoints/ in the project, on a Space with a disk that lasts /data/checkpoints, and ~/.slm/checkpoints
    where neither can be written. Raises ValueError for a place that cannot be a folder.
    """
    return _place(override, "SLM_CHECKPOINTS", "checkpoints", advice=ELSEWHERE_CHECKPOINTS)


def data_dir(override: str | Path | None = None) -> Path:
    """Where prepared data sets are kept: the argument, else SLM_DATA, else data/ beside the usual checkpoints/.

    Raises ValueError for a place that cannot be a folder.
    """
    return _place(override, "SLM_DATA", "data", advice=ELSEWHERE_DATA)


def bundled_dir() -> Path:
    """Where the models that come with the project lie."""
    return _project() / "checkpoints"


def _place(override: str | Path | None, variable: str, folder: str, *, advice: str) -> Path:
    if given := override or os.environ.get(variable):
        return _folder_or_nothing(Path(given), advice)
    usual = [home / folder for home in ([SPACE_DISK] if "SPACE_ID" in os.environ else []) + [_project()]]
    return next((place for place in usual if _writable(place)), Path.home() / ".slm" / folder)


def _folder_or_nothing(given: Path, advice: str) -> Path:
    """The place in full, where a folder is or may be made; else ValueError."""
    try:
        place = given.expanduser().absolute()
        if stat.S_ISDIR(os.stat(place).st_mode):
            return place
    except FileNotFoundError:
        return place
    except RuntimeError as error:  # a ~name that is nobody's
        raise ValueError(f"there is no folder {shown(given)} ({error}); {advice}") from None
    except OSError as error:
        raise ValueError(f"{shown(given)} can be no folder ({error.strerror}); {advice}") from None
    raise ValueError(f"{shown(given)} is a file, where a folder is needed; {advice}")


def _project() -> Path:
    # Installed as a package there is no project around the code; then it is the folder one works in.
    return _HOME if (_HOME / "pyproject.toml").exists() else Path.cwd()


def _writable(place: Path) -> bool:
    return os.access(place if place.exists() else place.parent, os.W_OK)


def check_name(name: str) -> str:
    """The name, when it can be a folder's on every system and cannot lead out of one; else ValueError."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) or name.endswith("."):
        raise ValueError(
            f"{name!r} is no name: use letters, digits, '.', '_' and '-', beginning with a letter, digit or '_' "
            "and not ending with '.'"
        )
    if len(name) > 64:
        raise ValueError(f"the name {name[:20]}... has {len(name)} characters, the most possible is 64")
    if _DEVICES.fullmatch(name):
        raise ValueError(f"{name!r} can be no name on Windows, where it means a device; take another")
    return name


def is_name(name: str) -> bool:
    """Whether `check_name` lets it through."""
    try:
        return bool(check_name(name))
    except ValueError:
        return False


def is_run(folder: str | Path) -> bool:
    """Whether a training was started in this folder."""
    return any((Path(folder) / name).is_file() for name in (RUN_FILE, EVENTS_FILE, PROCESS_FILE))


def is_checkpoint(folder: str | Path) -> bool:
    """Whether this folder holds a whole model itself: config.json and safetensors."""
    return (Path(folder) / "config.json").is_file() and any(Path(folder).glob("*.safetensors"))


def find_snapshots(run_dir: str | Path) -> list[Path]:
    """The complete checkpoint folders of a run, by step."""
    folder = Path(run_dir) / SNAPSHOTS
    found = [p for p in folder.iterdir() if p.name.isdecimal() and p.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda p: int(p.name))


def find_run(checkpoints: Path, name: str) -> Path:
    """The folder of this name in a checkpoints folder; ValueError where there is none."""
    run_dir = checkpoints / check_name(name)
    if not run_dir.is_dir():
        raise ValueError(f"there is no run {name!r} in {checkpoints}")
    return run_dir


def refuse_if_there(run_dir: Path) -> None:
    """Raise ValueError where a new run would stand in the place of a run or a model."""
    if is_run(run_dir) or is_checkpoint(run_dir):
        raise ValueError(f"there is a run {run_dir.name!r} already; give another name, or --resume to go on with it")


def find_model(name: str, checkpoints: Path) -> str:
    """A model as typed: a path to one here, else one of the checkpoints, or bundled, or on the Hub.

    A path that holds no model stands behind the checkpoints: a run may be called like a folder where one works.
    """
    here = [Path(name).absolute()] if os.path.exists(name) else []
    places = [*here, *(folder / name for folder in (checkpoints, bundled_dir()))]
    there = [place for place in places if os.path.isdir(place)]
    return str(next((place for place in there if _holds_model(place)), next(iter([*here, *there]), name)))


def _holds_model(folder: Path) -> bool:
    return is_run(folder) or is_checkpoint(folder) or bool(find_snapshots(folder))


def resolve(path: str | Path) -> Path:
    """The checkpoint folder that a path means: a run's best snapshot (else its last), a checkpoint itself.

    Raises ValueError that says what was expected where there is no model.
    """
    path = Path(path)
    if not os.path.isdir(path):  # which takes a name of any length; a Path's own method raises where it is too long
        raise ValueError(f"there is no folder {shown(path)}")
    for pointer in POINTERS:
        if snapshot := _pointed(path, pointer):
            return snapshot
    if snapshots := [p for p in find_snapshots(path) if is_checkpoint(p)]:
        return snapshots[-1]
    if is_checkpoint(path):
        return path
    if is_run(path):
        raise ValueError(f"run {path.name} has not saved a model yet (no snapshots in {path})")
    if any(path.glob("*.bin")) or any(path.glob("*.pt")):
        raise ValueError(f"no model in {path} that is safe to open: pickled weights are not read, only safetensors")
    raise ValueError(f"no model in {path}: expected config.json and model.safetensors, or a run with snapshots/")


def _pointed(run_dir: Path, pointer: str) -> Path | None:
    try:
        name = str(read_json(run_dir / pointer)["snapshot"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # no such pointer, or a damaged one: the next in line stands in
    # The file may come from anywhere: it can only point at one of the run's own snapshots.
    inside = re.fullmatch(rf"{SNAPSHOTS}/(\d+)", name)
    return run_dir / name if inside and is_checkpoint(run_dir / name) else None


def request_stop(run_dir: str | Path) -> None:
    """Ask the run's training to save and end."""
    (Path(run_dir) / STOP_FILE).touch()


def stop_requested(run_dir: str | Path) -> bool:
    """Whether the training is asked to save and end."""
    return (Path(run_dir) / STOP_FILE).exists()


def request_finish(run_dir: str | Path) -> None:
    """Ask the run's training to come to a good end soon (Budget.finish)."""
    (Path(run_dir) / FINISH_FILE).touch()


def finish_requested(run_dir: str | Path) -> bool:
    """Whether the training is asked to come to a good end soon."""
    return (Path(run_dir) / FINISH_FILE).exists()


def clear_stop(run_dir: str | Path) -> None:
    """Take back what was asked of a training, to stop or to finish; it does so when it begins and when it ends."""
    for name in (STOP_FILE, FINISH_FILE):
        (Path(run_dir) / name).unlink(missing_ok=True)
