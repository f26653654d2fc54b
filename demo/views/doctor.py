"""What slm.doctor found, as boxes that say what is wrong, since when and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from demo.views.words import escape
from slm.doctor import Finding

ALL_IS_WELL = "The doctor sees nothing wrong."


def doctor_html(findings: Sequence[Finding], *, running: bool) -> str:
    """A box a finding; one quiet line where a training runs and nothing is wrong."""
    if not findings:
        return f'<p class="slm-doctor-well">{ALL_IS_WELL}</p>' if running else ""
    boxes = "".join(
        f'<li class="slm-note slm-note-warning"><b>{escape(finding.title)}</b> {escape(finding.advice)}</li>'
        for finding in findings
    )
    return f'<ul class="slm-doctor" aria-label="What the doctor says">{boxes}</ul>'
