"""A manifest that lacks what a training wants to know is told with what it lacks."""

from __future__ import annotations

import pytest

from slm.files import read_json, write_json
from slm.manifests import read_manifest


def test_what_a_manifest_lacks_is_named(starter_data, tmp_path):
    manifest = read_json(starter_data / "starter" / "manifest.json")
    assert read_manifest(starter_data / "starter") == manifest
    for path in ("vocab_size", "fingerprint", "unigram_entropy", "train", "validation", "validation.bytes"):
        name, _, inner = path.partition(".")
        damaged = {**manifest, name: {**manifest[name], inner: None} if inner else None}
        write_json(tmp_path / "manifest.json", damaged)
        with pytest.raises(ValueError, match=rf"manifest\.json lacks {path}: it is damaged"):
            read_manifest(tmp_path)
