"""Models from and to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from slm.runs import resolve

# Only what a checkpoint folder holds: never pickles, never code.
MODEL_FILES = ["*.json", "*.safetensors", "merges.txt"]


def fetch_model(name: str) -> Path:
    """The local folder of a Hub model such as "gpt2", downloaded where it is not cached yet.

    Raises ValueError where `name` is neither a folder nor a reachable Hub id.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    advice = "give a checkpoint folder, a run folder or the id of a public Hub model"
    try:
        return resolve(snapshot_download(name, allow_patterns=MODEL_FILES, etag_timeout=1.5))
    except (HFValidationError, RepositoryNotFoundError):
        raise ValueError(f"there is no model at {name!r}; {advice}") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError):
        raise ValueError(
            f"there is no folder {name!r} here, and the Hugging Face Hub cannot be reached; {advice}"
        ) from None
