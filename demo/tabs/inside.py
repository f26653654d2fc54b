"""Inside: how the model sees a sentence."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.session import Session
from demo.tabs.wiring import MODEL, QUICK, bind, choose, html, warned
from demo.views.inside import attention_html, inside_js, lens_html, probs_html, tokens_html

FIRST_TEXT = "Once upon a time, there was a little girl named Lily. She loved to"
TOP = 12


def layout(session: Session) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    with gr.Row(elem_classes="slm-bottom"):
        model = gr.Dropdown([], label="Model", elem_id="inside-model", scale=3, min_width=300,
                            info="Any model, and any snapshot of a training.")
        text = gr.Textbox(FIRST_TEXT, label="Text", elem_id="inside-text", lines=1, max_lines=6, scale=4, min_width=280,
                          info="Any sentence; short ones show best.")
        look = gr.Button("Look inside", variant="primary", elem_id="inside-go", scale=1, min_width=130)
    with gr.Row(elem_classes="slm-split"):
        with gr.Column(scale=1, min_width=300):
            gr.Markdown("### The text as the model reads it")
            tokens = html(tokens_html([], []), elem_id="inside-tokens")
        with gr.Column(scale=1, min_width=300):
            gr.Markdown("### What may come next")
            position = gr.Slider(1, 2, 1, step=1, label="After token", elem_id="inside-position", interactive=False,
                                 info="Go back to see what the model expected earlier in the text.")
            probs = html(probs_html([]), elem_id="inside-probs")
    gr.Markdown("### What each layer would guess")
    lens = html(lens_html([], []), elem_id="inside-lens")
    gr.Markdown("### Where the model looks back")
    attention = html(attention_html(None, []), elem_id="inside-attention", js=inside_js())
    view = [tokens, position, probs, attention, lens]
    gr.on([look.click, text.submit, model.input], bind(look_inside, session), [model, text], view, **MODEL)
    position.input(bind(move, session), [model, text, position], [probs],
                   **{**MODEL, "show_progress": "hidden", "trigger_mode": "always_last"})
    model.focus(bind(refresh, session), [model], [model], **QUICK)
    return {"model": model, "text": text, "view": view}


def refresh(session: Session, model: str | None) -> Any:
    """The models and snapshots there are."""
    return choose(session.snapshot_choices(), model, session.default_model())


@warned
def look_inside(session: Session, model: str, text: str) -> tuple[str, Any, str, str, str]:
    """Tokens, next-token probabilities, attention and each layer's guess for a text."""
    seen = session.language_model(model).inspect(session.check_prompt(text), top=TOP)
    last = len(seen.ids)
    return (
        tokens_html(seen.pieces, seen.ids),
        gr.update(maximum=max(2, last), value=last, interactive=last > 1),
        probs_html(seen.probs[-1]),
        attention_html(seen.attention, seen.pieces),
        lens_html(seen.lens, seen.pieces),
    )


@warned
def move(session: Session, model: str, text: str, position: int) -> str:
    """What the model expected after the token at `position`, counted from 1."""
    seen = session.language_model(model).inspect(session.check_prompt(text), top=TOP)
    return probs_html(seen.probs[min(max(int(position), 1), len(seen.probs)) - 1])
