"""A run as one zip: what went in comes out elsewhere, and a stranger's zip can do nothing but be refused."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

from slm import pack as packing
from slm.config import ModelConfig, TrainConfig
from slm.files import read_json, write_json
from slm.pack import pack, unpack
from slm.report import read_report
from slm.runs import EventLog, find_snapshots, list_runs, read_events, resolve, status, summarize
from tests.test_report import small_report

RECORD = {
    "run": "first", "preset": "golden", "created": 1.0, "seed": 7, "n_params": 24, "command": ["python", "-m", "slm"],
    "data": {"name": "tiny", "fingerprint": "ab" * 32}, "slm_version": "0.1.0",
    "model": dataclasses.asdict(ModelConfig(n_layer=2, n_head=2, n_embd=8, vocab_size=307)),
    "train": dataclasses.asdict(TrainConfig(steps=5)),
}  # fmt: skip


def weights() -> bytes:
    """A safetensors file with six numbers in it."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(24)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run with three snapshots, the second the best."""
    folder = tmp_path / "here" / "first"
    write_json(folder / "run.json", RECORD)
    with EventLog(folder / "events.jsonl") as log:
        log.append("start", 0, n_params=24, device="cpu", max_steps=5, resumed_from_step=None)
        for step in (1, 2, 3):
            log.append("train", step, loss=4.0 - step, elapsed_s=float(step), tokens=step, tok_per_s=1.0)
        log.append("eval", 2, val_loss=1.5, val_bpb=0.5, train_loss=1.0)
        log.append("sample", 2, prompt="Once", text=" there was \u201ctea\u201d", seed=1, temperature=0.8)
        log.append("end", 3, reason="finished", message="")
    for step in (1, 2, 3):
        snapshot = folder / "snapshots" / f"{step:06d}"
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            write_json(snapshot / name, {"name": name, "auto_map": {"AutoModel": "evil.py"}})
        write_json(snapshot / "slm.json", {"step": step, "val_loss": 2.0 - step})
        (snapshot / "model.safetensors").write_bytes(weights())
        (snapshot / "README.md").write_text("a card")
    write_json(folder / "snapshots/000002/report.json", small_report())
    write_json(folder / "best.json", {"snapshot": "snapshots/000002", "step": 2, "val_loss": 1.5})
    write_json(folder / "last.json", {"snapshot": "snapshots/000003", "step": 3, "val_loss": 1.7})
    (folder / "stdout.log").write_text("a secret of this machine")
    (folder / "resume").mkdir()
    return folder


@pytest.mark.parametrize("kind, steps", [("none", []), ("best", [2]), ("all", [1, 2, 3])])
def test_a_run_shows_elsewhere_what_it_shows_here(run: Path, tmp_path: Path, kind: str, steps: list[int]) -> None:
    file = pack(run, tmp_path / "first.zip", weights=kind)
    there = unpack(file, tmp_path / "there")
    assert there == tmp_path / "there" / "first"
    assert read_events(there) == read_events(run)
    assert read_json(there / "run.json") == RECORD
    assert [int(p.name) for p in find_snapshots(there)] == steps
    same = {f.name for f in dataclasses.fields(summarize(run))} - {"path", "snapshots", "size_mb"}
    assert {n: getattr(summarize(there), n) for n in same} == {n: getattr(summarize(run), n) for n in same}
    if steps:
        assert resolve(there).name == "000002"
        assert (resolve(there) / "model.safetensors").read_bytes() == weights()
        assert read_json(resolve(there) / "config.json") == {"name": "config.json"}  # no code to fetch and run
        assert read_report(resolve(there)) == small_report()
    assert [int(p.parent.name) for p in there.glob("snapshots/*/report.json")] == [2] * bool(steps)
    assert {p.name for p in there.iterdir()} <= {"run.json", "events.jsonl", "snapshots", "best.json", "last.json"}


def test_a_name_that_is_taken_gets_a_number_or_is_refused(run: Path, tmp_path: Path) -> None:
    file = pack(run, tmp_path / "first.zip")
    assert unpack(file, run.parent).name == "first-2"
    assert unpack(file, run.parent).name == "first-3"
    assert unpack(file, run.parent, name="other").name == "other"
    with pytest.raises(ValueError, match="a run or model other already"):
        unpack(file, run.parent, name="other")
    with pytest.raises(ValueError, match="is no name"):
        unpack(file, run.parent, name="../other")
    assert {r.name: r.status for r in list_runs(run.parent)} == dict.fromkeys(
        ("first", "first-2", "first-3", "other"), "finished"
    )


def test_what_is_no_run_or_has_no_model_is_not_packed(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is no run"):
        pack(tmp_path / "empty", tmp_path / "x.zip")
    fresh = tmp_path / "fresh"
    write_json(fresh / "run.json", RECORD)
    with pytest.raises(ValueError, match="has not saved a model yet"):
        pack(fresh, tmp_path / "x.zip")
    with pytest.raises(ValueError, match="none, best, all"):
        pack(run, tmp_path / "x.zip", weights="some")
    assert not (tmp_path / "x.zip").exists()


# --- zips from strangers --------------------------------------------------------------------------------------------


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_and_leaves_no_half_zip(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("zipfile.ZipFile.writestr", full)
    with pytest.raises(ValueError, match=r"^the disk of .* is full, .*: a\.zip was not written; make room, or give"):
        pack(run, tmp_path / "there" / "a.zip")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_full_disk_is_told_and_leaves_no_half_run(run: Path, tmp_path: Path, monkeypatch) -> None:
    file = pack(run, tmp_path / "a.zip")
    monkeypatch.setattr("slm.pack._copy", lambda *_, **__: full())
    with pytest.raises(ValueError, match=r"^the disk of .* is full, .* nothing was kept of the run; .* SLM_CHECK"):
        unpack(file, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []
    with pytest.raises(ValueError, match=r"^the folder .* cannot be made \(.*\); choose another folder"):
        unpack(file, file / "below")


def contents(**changes: bytes | None) -> dict[str, bytes]:
    """The files of a small sound zip, with some replaced, added or (None) left out."""
    event = {"v": 1, "t": 1.0, "kind": "end", "step": 3, "reason": "finished", "message": ""}
    files: dict[str, bytes | None] = {
        "x/run.json": json.dumps(RECORD).encode(), "x/events.jsonl": json.dumps(event).encode() + b"\n", **changes,
    }  # fmt: skip
    return {name: data for name, data in files.items() if data is not None}


def zipped(tmp_path: Path, files: dict[str, bytes], **kind: int) -> Path:
    path = tmp_path / "stranger.zip"
    with zipfile.ZipFile(path, "w", **kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def refused(tmp_path: Path, file: Path, words: str) -> None:
    """The zip is refused in these words, and nothing of it is on the disk."""
    before = {p for p in tmp_path.rglob("*") if "there" not in p.parts}
    with pytest.raises(ValueError, match=words):
        unpack(file, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []
    assert {p for p in tmp_path.rglob("*") if "there" not in p.parts} == before


def test_the_sound_zip_is_taken(tmp_path: Path) -> None:
    files = contents(**{"__MACOSX/x/._run.json": b"?", "x/.DS_Store": b"?", "x/": b""})
    assert status(unpack(zipped(tmp_path, files), tmp_path / "there")) == "finished"


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "x/../../evil.txt", "/etc/evil", "x\\..\\evil", "C:/evil", "x/process.json", "x/resume/state.json",
     "x/snapshots/1/evil.py", "x/snapshots/../run.json", "x/snapshots/1/model.bin", "x/snapshots/-1/config.json",
     "x/stop", "x/snapshots/0000000001/config.json", "x/snapshots/1/../../../config.json"],
)  # fmt: skip
def test_no_place_but_a_runs_own_is_written(tmp_path: Path, name: str) -> None:
    refused(tmp_path, zipped(tmp_path, contents(**{name: b"{}"})), "no part of a run")


@pytest.mark.parametrize("top", ["..", ".", "", "a b", "-x", "x" * 65])
def test_the_runs_name_is_a_name(tmp_path: Path, top: str) -> None:
    files = {name.replace("x/", f"{top}/", 1): data for name, data in contents().items()}
    refused(tmp_path, zipped(tmp_path, files), "name|no part of a run")


def test_a_link_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "link.zip"
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("x/run.json")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    refused(tmp_path, file, "no part of a run")


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"x/run.json": None}, "is no run"),
        ({"x/events.jsonl": None}, "is no run"),
        ({"y/run.json": b"{}"}, "is no run|no part of a run"),
        ({"x/run.json": b"{"}, "not JSON"),
        ({"x/run.json": b"[1]"}, "one JSON object"),
        ({"x/run.json": b"[" * 100_000}, "not JSON"),
        ({"x/run.json": b"\xff\xfe"}, "not JSON"),
        ({"x/run.json": b"{}"}, "nothing of the model"),
        ({"x/run.json": json.dumps({**RECORD, "model": {"n_layer": "six"}}).encode()}, "n_layer"),
        ({"x/run.json": json.dumps({**RECORD, "train": {"steps": -1}}).encode()}, "steps"),
        ({"x/events.jsonl": b"{}\n"}, "line 1 of events.jsonl .* no event"),
        ({"x/events.jsonl": b"not json\n"}, "line 1 of events.jsonl .* not JSON"),
        ({"x/events.jsonl": b'{"kind": "eval", "t": 1, "step": 1, "val_loss": "low"}\n'}, "no event"),
        ({"x/events.jsonl": b'{"kind": "eval", "t": 1, "step": 1, "val_loss": 1e999}\n'}, "no event"),
        ({"x/events.jsonl": b'{"kind": "eval", "t": 1, "step": 1' + b"0" * 400 + b"}\n"}, "no event"),
        ({"x/events.jsonl": b'{"kind": "eval", "t": 1, "step": true}\n'}, "no event"),
        ({"x/events.jsonl": b'{"kind": "end", "t": 1, "step": 1, "reason": "<b>"}\n'}, "no event"),
        ({"x/events.jsonl": b'{"kind": "sample", "t": 1, "step": 1, "text": {}}\n'}, "no event"),
        ({"x/events.jsonl": b" " * 1_000_002 + b"\n"}, "too large at line 1"),
        ({"x/snapshots/1/config.json": b"{}"}, "lacks tokenizer.json, model.safetensors"),
        ({"x/snapshots/1/model.safetensors": b"\x80\x04pickle"}, "no whole safetensors"),
        ({"x/snapshots/1/model.safetensors": struct.pack("<Q", 2) + b"{}"}, "holds no weights"),
        ({"x/snapshots/1/config.json": b"{}", "x/snapshots/01/config.json": b"{}"}, "step 1 twice"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(tmp_path: Path, changes: dict, words: str) -> None:
    refused(tmp_path, zipped(tmp_path, contents(**changes)), words)


def test_what_is_not_understood_of_a_run_is_left_out(tmp_path: Path) -> None:
    lines = (
        b'{"kind": "start", "t": 1, "step": 0, "device": "cpu", "plan": {"deep": [1]}, "note": "kept"}\n'
        b'{"kind": "conquest", "t": 1, "step": 1}\n{"kind": "eval", "t": 2, "step": 2, "val_loss": NaN}\n{"kind": "en'
    )
    record = {**RECORD, "model": {**RECORD["model"], "soul": 1}, "pickle": "gASV", "command": "rm -rf /"}
    files = contents(**{"x/events.jsonl": lines, "x/run.json": json.dumps(record).encode()})
    there = unpack(zipped(tmp_path, files), tmp_path / "there")
    kinds = [(e["kind"], e.get("note"), "plan" in e) for e in read_events(there)[0]]
    assert kinds == [("start", "kept", False), ("eval", None, False)]
    assert set(read_json(there / "run.json")) == set(RECORD) - {"command"}
    assert "soul" not in read_json(there / "run.json")["model"]
    assert status(there) == "lost"  # it says of no end, and nobody works on it here


@pytest.mark.parametrize("card", [b"{}", b'{"v": 1, "seeds": [1]}', b'{"v": 99}'])
def test_a_report_card_that_cannot_be_told_is_left_out(tmp_path: Path, run: Path, card: bytes) -> None:
    (run / "snapshots/000002/report.json").write_bytes(card)
    there = unpack(pack(run, tmp_path / "first.zip"), tmp_path / "there")
    assert resolve(there).name == "000002" and not (resolve(there) / "report.json").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_BYTES", 100_000)
    files = contents(**{"x/snapshots/1/model.safetensors": bytes(200_000)})
    refused(tmp_path, zipped(tmp_path, files, compression=zipfile.ZIP_DEFLATED), "the most taken is")
    # One whose table of contents lies: it is counted while it is unpacked.
    file = zipped(tmp_path, files, compression=zipfile.ZIP_DEFLATED)
    raw = bytearray(file.read_bytes())
    place = raw.rfind(b"PK\x01\x02")
    raw[place + 24 : place + 28] = (10).to_bytes(4, "little")
    file.write_bytes(raw)
    refused(tmp_path, file, "no whole safetensors|more than|no zip that can be read")


def test_too_many_files_and_too_large_a_json_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_FILES", 5)
    many = {f"x/snapshots/{step}/config.json": b"{}" for step in range(5)}
    refused(tmp_path, zipped(tmp_path, contents(**many)), "the most taken is 5 files")
    monkeypatch.setattr(packing, "MOST_DIRECTORY_BYTES", 100)
    refused(tmp_path, zipped(tmp_path, contents()), "too many files")
    monkeypatch.undo()
    monkeypatch.setattr(packing, "MOST_JSON_BYTES", 100)
    refused(tmp_path, zipped(tmp_path, contents()), "has more than")


def test_what_is_no_zip_is_said_in_a_sentence(tmp_path: Path, run: Path) -> None:
    whole = pack(run, tmp_path / "first.zip", weights="all").read_bytes()
    for data in (b"", b"PK", b"not a zip at all", whole[:-30], whole[: len(whole) // 2], b"\0" * 70_000):
        file = tmp_path / "broken.zip"
        file.write_bytes(data)
        refused(tmp_path, file, "no zip that can be read")
    locked = io.BytesIO()
    with zipfile.ZipFile(locked, "w") as archive:
        for name, data in contents().items():
            archive.writestr(name, data)
    raw = bytearray(locked.getvalue())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = raw.find(mark)
        raw[place + offset] |= 1
    file.write_bytes(raw)
    refused(tmp_path, file, "encrypted")


def test_damage_anywhere_never_leaves_half_a_run(tmp_path: Path, run: Path) -> None:
    whole = pack(run, tmp_path / "first.zip", weights="all").read_bytes()
    file = tmp_path / "damaged.zip"
    for place in range(0, len(whole), 97):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            there = unpack(file, tmp_path / "there")
        except ValueError:
            assert list((tmp_path / "there").iterdir()) == []
        else:
            assert summarize(there).status == "finished"
            assert [p.name for p in (tmp_path / "there").iterdir()] == ["first"]
            shutil.rmtree(there)
