"""What a command answers, and what it does where nobody can read that."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slm.answer import answer
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent


def failing(error: BaseException):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ValueError("n is 3"), 2, "n is 3"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.EACCES, "Permission denied", "a.txt"), 1, "a.txt cannot be used (Permission denied)"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_an_object(error, code, told, capsys):
    assert answer(failing(error), as_json=True) == code
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"error": told} and printed.err == f"slm: {told}\n"


def test_a_result_is_printed_where_it_is_asked_for(capsys):
    for as_json, printed in ((True, '{"place": "a"}\n'), (False, "")):
        assert answer(lambda: ({"place": Path("a")}, 7), as_json=as_json) == 7
        assert capsys.readouterr() == (printed, "")


def said(words: list[str], *, stdout: str, unbuffered: str) -> tuple[int, str]:
    """The exit code and the complaints of a command whose output a shell sends elsewhere."""
    line = f'"{sys.executable}" -m slm {" ".join(words)}'
    # The command waits until nobody reads its pipe any more.
    script = {"pipe": f"{{ sleep 0.3; {line}; echo $? >&2; }} | true"}.get(stdout, f"{line} {stdout}; echo $? >&2")
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    *err, code = done.stderr.splitlines()
    return int(code), "\n".join(err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["runs"], ["runs", "--json"]], ids=" ".join)
def test_a_full_device_costs_the_answer_and_is_one_sentence(tmp_places, words, unbuffered):
    code, err = said(words, stdout="> /dev/full", unbuffered=unbuffered)
    assert code == 1 and err.startswith("slm: ") and err.endswith("(No space left on device)") and "\n" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="a shell for Unix sends the output elsewhere")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_who_reads_no_more_has_seen_enough_unless_json_was_to_come(tmp_places, unbuffered):
    assert said(["runs"], stdout="pipe", unbuffered=unbuffered) == (0, "")
    told = "slm: the output could not be written (Broken pipe)"
    assert said(["runs", "--json"], stdout="pipe", unbuffered=unbuffered) == (1, told)
    code, err = said(["runs", "absent", "--json"], stdout="pipe", unbuffered=unbuffered)
    assert code == 2 and err.startswith("slm: there is no run 'absent'") and "\n" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="a shell for Unix closes the output")
def test_an_output_that_was_closed_before_is_told(tmp_places):
    assert said(["runs", "--json"], stdout=">&-", unbuffered="") == (
        1, "slm: the output could not be written (Bad file descriptor)"
    )  # fmt: skip
