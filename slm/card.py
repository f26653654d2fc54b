"""The model card: what a checkpoint folder says of itself on the Hub, filled from slm.json."""

from __future__ import annotations

from typing import Any

from slm.config import ModelConfig, parameter_count

_LICENCES = {
    "tinystories": "CDLA-Sharing-1.0 (TinyStories, Eldan and Li 2023)",
    "starter": "MIT (written by this project's generator)",
}


def model_card(about: dict[str, Any], config: ModelConfig) -> str:
    """README.md of a checkpoint: YAML front matter for the Hub, then what a reader wants to know."""
    data = about.get("data", {})
    source = str(data.get("description", "unknown"))
    kind = "tinystories" if "tinystories" in source.lower().replace(" ", "") else "starter"
    rows = {
        "architecture": f"{config.architecture}, {config.n_layer} x {config.n_embd}, context {config.block_size}",
        "parameters": f"{parameter_count(config):,}",
        "vocabulary": f"{config.vocab_size:,} tokens",
        "data": source,
        "licence of the data": _LICENCES[kind] if data else "unknown",
        "tokens seen": f"{about['tokens']:,}" if "tokens" in about else None,
        "updates": f"{about['step']:,}" if "step" in about else None,
        "time": f"{about['elapsed_s'] / 60:.1f} minutes on {about.get('hardware', 'one machine')}"
        if "elapsed_s" in about
        else None,
        "validation loss": f"{about['val_loss']:.4f} nats a token" if about.get("val_loss") is not None else None,
        "bits per byte": f"{about['val_bpb']:.4f}" if about.get("val_bpb") is not None else None,
        "seed": about.get("train", {}).get("seed"),
        "command": f"`{about['command']}`" if about.get("command") else None,
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items() if value is not None)
    return f"""---
license: mit
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [slm, tinystories, {config.architecture}]
---

# {about.get("run", "A small language model")}

A small language model that writes stories for children, trained from scratch.

| | |
|---|---|
{table}

```python
import slm
print(slm.load("path/to/this/folder").generate("Once upon a time"))
```

It also loads with `transformers.AutoModelForCausalLM` and `AutoTokenizer`. It knows nothing but the stories it was
trained on, and invents freely.
"""
