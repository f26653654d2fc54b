"""The question before something is gone for good.

The page asks it, and takes it back, by itself: an answer of the server that came late would close a question that was
asked meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo.tabs.wiring import QUICK

# (what is chosen) -> the name that the question is about, its words, the panel that holds them
ASK_JS = """(name) => {
  const asked = name ?? null;
  return [asked, WORDS.replace("{name}", () => asked), {__type__: "update", visible: asked !== null}];
}"""
CLOSE_JS = """() => [{__type__: "update", visible: false}]"""
# What is chosen changed: the question stays only where it is about that.
CLOSE_OTHER_JS = """(now, asked) => [now === asked ? undefined : {__type__: "update", visible: false}]"""


@dataclass(frozen=True)
class Question:
    """What was laid out: the button that says yes, the name that was asked about, and the panel to be closed."""

    yes: gr.Button
    name: gr.Textbox
    panel: gr.Column


def ask_before(
    button: gr.Button, chosen: gr.Dropdown, words: str, *, elem_id: str, closing: tuple[Any, ...] = ()
) -> Question:
    """Lay out the question that this button asks about the chosen name, with "{name}" in its words.

    It closes when another name is chosen, and at the events in `closing`.
    """
    name = gr.Textbox("", visible="hidden", elem_id=f"{elem_id}-name")
    with gr.Column(visible=False) as panel:
        which = gr.Markdown("")
        with gr.Row():
            yes = gr.Button("Yes, delete it", variant="stop", elem_id=f"{elem_id}-yes", min_width=120)
            no = gr.Button("Keep it", elem_id=f"{elem_id}-no", min_width=100)
    asks = ASK_JS.replace("WORDS", json.dumps(words))
    button.click(None, [chosen], [name, which, panel], js=asks, **QUICK)
    chosen.change(None, [chosen, name], [panel], js=CLOSE_OTHER_JS, **QUICK)
    gr.on([no.click, *closing], None, None, [panel], js=CLOSE_JS, **QUICK)
    return Question(yes, name, panel)
