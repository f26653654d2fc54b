"""SLM: train a small language model from scratch on one machine, and write stories with it.

>>> import slm
>>> lm = slm.load("checkpoints/tinystories-5m")
>>> lm.generate("Once upon a time", max_new_tokens=50)
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Names are looked up on first use, so that `import slm` takes milliseconds and torch loads only when it is needed.
_HOMES = {
    "load": "slm.generate",
    "LanguageModel": "slm.generate",
    "ModelConfig": "slm.config",
    "TrainConfig": "slm.config",
    "SampleConfig": "slm.config",
    "PrepareConfig": "slm.config",
    "PRESETS": "slm.config",
}
__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'slm' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
