"""Models from and to the Hugging Face Hub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from slm.card import model_card
from slm.checkpoint import load_folder
from slm.network import hub_is_reachable
from slm.refusals import shown
from slm.runs import resolve

# Only what a checkpoint folder holds: never pickles, never code.
MODEL_FILES = ["*.json", "*.safetensors", "merges.txt"]
CARD = "README.md"


def model_folder(name: str | Path) -> Path:
    """The checkpoint folder that a name means: a checkpoint, the best one of a run, or a Hub model's, as fetched.

    Raises ValueError where there is no such model.
    """
    # os.path takes a name of any length; Path.exists raises where the system finds it too long.
    return resolve(name) if os.path.exists(name) else fetch_model(str(name))


def fetch_model(name: str) -> Path:
    """The local folder of a Hub model such as "gpt2", downloaded where it is not cached yet.

    Raises ValueError where `name` is neither a folder nor a reachable Hub id.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
    from huggingface_hub.utils import validate_repo_id

    advice = "give a checkpoint folder, a run folder or the id of a public Hub model"
    reachable = False
    try:
        validate_repo_id(name)
        reachable = hub_is_reachable()
        # What lies in a folder of the repository is another model, or none.
        place = snapshot_download(
            name, allow_patterns=MODEL_FILES, ignore_patterns=["*/*"], local_files_only=not reachable
        )
    except (HFValidationError, RepositoryNotFoundError):
        raise ValueError(f"there is no model at {shown(name)!r}; {advice}") from None
    except Exception as error:  # the library raises what its network, cache and servers raise
        trouble = f"did not give it ({_reason(error)})" if reachable else "cannot be reached"
        raise ValueError(f"there is no folder {name!r} here, and the Hugging Face Hub {trouble}; {advice}") from error
    return resolve(place)


@dataclass(frozen=True)
class HubFile:
    """One file of an upload: where it lies, or what it says where it lies nowhere yet."""

    name: str
    content: Path | bytes

    @property
    def size_mb(self) -> float:
        """Millions of bytes."""
        return (self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)) / 1e6


def hub_files(checkpoint: str | Path) -> list[HubFile]:
    """What an upload of this checkpoint sends: the model's own files and its card, which is written where it lacks.

    Raises ValueError for a model that does not load: nothing broken leaves the house.
    """
    folder = model_folder(checkpoint)
    model, _, about = load_folder(folder)
    files = [
        HubFile(path.name, path)
        for path in sorted(folder.iterdir())
        if path.is_file() and any(path.match(pattern) for pattern in [*MODEL_FILES, CARD])
    ]
    if not (folder / CARD).is_file():
        files.append(HubFile(CARD, model_card(about, model.config).encode()))
    return files


def check_target(target: str) -> None:
    """Raise ValueError where `target` is no owner/name that a repository of the Hub can have."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(target)
        whole = "/" in target  # without an owner the Hub makes a repository, and then takes no files for it
    except HFValidationError:
        whole = False
    if not whole:
        raise ValueError(
            f"{shown(target)!r} can be no repository of the Hub: give it as owner/name, of letters, digits, '-', '_' "
            "and '.', 96 of them at most"
        )


def to_hub(checkpoint: str | Path, target: str, *, private: bool = False) -> str:
    """Upload the checkpoint and its card as the Hub model `owner/name`, in one commit; its address.

    The token is the one of `hf auth login` or HF_TOKEN. Raises ValueError where the upload is refused.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    check_target(target)
    files = hub_files(checkpoint)
    api = HfApi()
    try:
        if not hub_is_reachable():
            raise ConnectionError("the Hugging Face Hub cannot be reached")
        api.create_repo(target, private=private, exist_ok=True)
        operations = [CommitOperationAdd(file.name, _sendable(file)) for file in files]
        api.create_commit(target, operations, commit_message="Upload model")
    except Exception as error:  # as above
        raise ValueError(
            f"{target} could not be uploaded ({_reason(error)}); log in with `hf auth login` or set HF_TOKEN to one "
            "that may write there"
        ) from error
    return f"https://huggingface.co/{target}"


def _sendable(file: HubFile) -> str | bytes:
    return file.content if isinstance(file.content, bytes) else str(file.content)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(". ")
