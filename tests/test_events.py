from __future__ import annotations

import math

import pytest

from slm.events import EVENTS_FILE, EventLog, after_resume, read_events
from tests.run_folders import write_events

EVENTS = [
    ("start", 0, {"n_params": 7, "resumed_from_step": None}),
    ("train", 1, {"loss": 2.5, "lr": math.nan}),
    ("sample", 1, {"prompt": "“Once”", "text": 'said "hi"\n\u2028\x1c{"kind": "train"}\r\n'}),
    ("eval", 2, {"val_loss": math.inf}),
    ("end", 3, {"reason": "finished", "message": "ü"}),
]


def test_every_cut_of_a_log_reads_as_a_beginning_and_goes_on_to_the_whole(tmp_path):
    write_events(tmp_path, *EVENTS)
    path = tmp_path / EVENTS_FILE
    data = path.read_bytes()
    whole, size = read_events(tmp_path)
    assert [(e["kind"], e["step"]) for e in whole] == [(kind, step) for kind, step, _ in EVENTS]
    assert whole[1]["lr"] is None and whole[3]["val_loss"] is None and whole[2]["text"] == EVENTS[2][2]["text"]
    assert size == len(data)
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        first, offset = read_events(tmp_path)
        assert first == whole[: data[:cut].count(b"\n")]
        path.write_bytes(data)
        rest, end_offset = read_events(tmp_path, offset)
        assert first + rest == whole and end_offset == len(data)


def test_a_writer_after_a_kill_goes_on_where_whole_lines_end(tmp_path):
    write_events(tmp_path, *EVENTS)
    path = tmp_path / EVENTS_FILE
    data = path.read_bytes()
    for cut in range(0, len(data) + 1, 7):
        path.write_bytes(data[:cut])
        before, offset = read_events(tmp_path)
        write_events(tmp_path, ("warning", 9, {"code": "x", "message": "y"}))
        after, _ = read_events(tmp_path)
        assert after[:-1] == before and after[-1]["code"] == "x"
        assert read_events(tmp_path, offset)[0] == after[-1:]


def test_append_hands_back_what_readers_see(tmp_path):
    with EventLog(tmp_path / EVENTS_FILE) as log:
        written = [log.append("train", 3, loss=math.nan, lr=0.1), log.append("eval", 3, val_loss=1.0)]
        assert read_events(tmp_path)[0] == written
    assert set(written[0]) == {"v", "t", "kind", "step", "loss", "lr"} and written[0]["v"] == 1


@pytest.mark.parametrize(
    "line", [b"{broken", b"[1]", b'{"kind": "train"}', b'{"step": 1}', b"\xff\xfe", b"", b"[" * 100_000],
    ids=lambda line: repr(line[:20]),
)
def test_a_broken_line_in_the_middle_is_told_and_costs_nothing_else(tmp_path, line):
    write_events(tmp_path, *EVENTS[:2])
    size = (tmp_path / EVENTS_FILE).stat().st_size
    with open(tmp_path / EVENTS_FILE, "ab") as file:
        file.write(line + b"\n")
    write_events(tmp_path, *EVENTS[2:])
    events, _ = read_events(tmp_path)
    assert [e["kind"] for e in events] == ["start", "train", "warning", "sample", "eval", "end"]
    assert events[2]["code"] == "broken-line" and f"byte {size}" in events[2]["message"]


def test_no_log_is_no_events(tmp_path):
    assert read_events(tmp_path) == ([], 0)
    assert read_events(tmp_path, 99) == ([], 0)


def test_an_offset_that_is_no_line_begins_anew(tmp_path):
    write_events(tmp_path, *EVENTS)
    whole, size = read_events(tmp_path)
    for offset in (-5, 1, size - 3, size + 1, 10**9):
        assert read_events(tmp_path, offset) == (whole, size)
    assert read_events(tmp_path, size) == ([], size)


def test_after_resume_drops_what_was_done_twice():
    def event(kind, step, **fields):
        return {"kind": kind, "step": step, **fields}

    first = [event("start", 0, resumed_from_step=None), *(event("train", n) for n in range(1, 8)), event("end", 7)]
    second = [event("start", 5, resumed_from_step=5), *(event("train", n) for n in range(6, 9))]
    third = [event("start", 0, resumed_from_step=0), event("train", 1)]
    assert after_resume(first) == first
    assert after_resume(first + second) == first[:6] + second
    assert [e["step"] for e in after_resume(first + second) if e["kind"] == "train"] == list(range(1, 9))
    assert after_resume(first + second + third) == [first[0], *third]
