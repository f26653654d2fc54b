"""The three endpoints for programs: /generate, /runs and /metrics."""

# No `from __future__ import annotations` here: gradio reads the types off the functions themselves.

import dataclasses
from typing import Any

import gradio as gr

from demo.guard import pace
from demo.session import MISTAKES, Session, sentence
from demo.stories import asked_settings
from slm.events import EVENTS_FILE, parse_line, read_lines
from slm.files import plain

LARGEST_OFFSET = 2**53  # beyond it JSON has no whole numbers


class Endpoints:
    """What a program can ask of this page."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def generate(
        self,
        request: gr.Request,
        prompt: str,
        model: str = "",
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> str:
        """Write a story: the prompt and its continuation. An empty model is the one the page offers first.

        A setting left out is the model's own; top_k 0 and top_p 1 are off.
        """
        values = {
            "max_new_tokens": max_new_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed,
        }
        try:
            pace(self.session, request, "story")
            lm = self.session.language_model(model or self.session.default_model())
            settings = asked_settings(lm.sampling, values, most_tokens=self.session.most_tokens)
            return lm.generate(self.session.check_prompt(prompt), **dataclasses.asdict(settings))
        except MISTAKES as error:
            raise gr.Error(sentence(error), print_exception=False) from None

    def runs(self) -> list[dict[str, Any]]:
        """All runs and bundled models with their status, sizes and losses, the newest first."""
        return [plain(dataclasses.asdict(run)) for run in self.session.runs()]

    def metrics(self, request: gr.Request, run: str, since_offset: int = 0) -> list[dict[str, Any]]:
        """The events of a run after a byte offset; each carries `next_offset`, from which to ask for the rest."""
        try:
            pace(self.session, request, "view")
            folder = self.session.run_dir(run)
            since_offset = _offset(since_offset)
        except ValueError as error:
            raise gr.Error(sentence(error), print_exception=False) from None
        lines, start, _ = read_lines(folder / EVENTS_FILE, since_offset)
        events = []
        for line in lines:
            start += len(line)
            if event := parse_line(line):
                events.append({**event, "next_offset": start})
        return events


def _offset(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST_OFFSET:
        raise ValueError(f"the byte offset since_offset is a number from 0 on, not {str(value)[:40]}")
    return int(value)


def add_endpoints(session: Session) -> None:
    """Register the endpoints with the page that is being built."""
    endpoints = Endpoints(session)
    gr.api(endpoints.generate, api_name="generate", concurrency_id="model", concurrency_limit=2)
    gr.api(endpoints.runs, api_name="runs", queue=False)
    gr.api(endpoints.metrics, api_name="metrics", queue=False)
