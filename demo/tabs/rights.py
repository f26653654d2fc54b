"""The bar above the tabs of a class's or public page: who may change things, and the place to type the code.

The browser keeps the key that a right code gives (never the code) in its local storage, and a copy in a cookie, with
which uploads are let through; both are worthless after twelve hours, after Lock, and when the server starts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo.guard import visitor
from demo.session import Session, sentence
from demo.tabs.wiring import QUICK, bind, html
from demo.views.words import note

STORAGE_KEY = "slm-key"
COOKIE_JS = """(key) => {
  const far = location.protocol === "https:" ? "; SameSite=None; Secure; Partitioned" : "; SameSite=Lax";
  const end = key ? "" : "; max-age=0";
  document.cookie = `slm-key-${location.port}=${encodeURIComponent(key || "")}; path=/${end}${far}`;
}"""
WATCHING = (
    "You are watching: everybody may look at everything and write stories. Training, preparing stories and changing "
    "runs are for the teacher."
)
HOLDING = "You are the teacher here: you can start, stop, prepare and delete. This browser stays unlocked for 12 hours."
SWITCHED_OFF = (
    "Training is switched off on this page; everybody may look and write stories. Whoever owns the page switches it on "
    "with a code: on a Space, set the secret SLM_TEACHER_CODE."
)


@dataclass(frozen=True)
class Bar:
    """The bar's components; `key` is what every handler that changes something takes."""

    key: gr.BrowserState
    says: gr.HTML
    code: gr.Textbox
    unlock: gr.Button
    lock: gr.Button


def layout(session: Session) -> Bar:
    """Lay out the bar; on one's own page none of it shows."""
    rights = session.rights
    key = gr.BrowserState("", storage_key=STORAGE_KEY, secret=STORAGE_KEY)
    with gr.Row(elem_id="page-rights", elem_classes="slm-bottom", visible=rights.public):
        says = html(note(SWITCHED_OFF if rights.switched_off else WATCHING), elem_id="page-who")
        code = gr.Textbox(label="Teacher", type="password", max_lines=1, elem_id="page-code", min_width=160, scale=0,
                          placeholder="type the code", visible=rights.has_code)
        unlock = gr.Button("Unlock", elem_id="page-unlock", min_width=100, scale=0, visible=rights.has_code)
        lock = gr.Button("Lock", elem_id="page-lock", min_width=100, scale=0, visible=False)
    return Bar(key, says, code, unlock, lock)


def wire(session: Session, page: gr.Blocks, bar: Bar, guarded: list[gr.Button]) -> None:
    """Let the bar and the buttons of those who may change things follow the key."""
    if not session.rights.public:
        return
    view = [bar.says, bar.code, bar.unlock, bar.lock, *guarded]
    asked = [bar.unlock.click, bar.code.submit]
    gr.on(asked, bind(unlock, session), [bar.code], [bar.key, bar.code, bar.says], **QUICK)
    bar.lock.click(bind(lock, session), [bar.key], [bar.key], **QUICK)
    for event in (page.load, bar.key.change):
        event(bind(show, session, len(guarded)), [bar.key], view, **QUICK)
        event(None, [bar.key], None, js=COOKIE_JS, **QUICK)


def unlock(session: Session, typed: str, request: gr.Request) -> tuple[Any, str, str]:
    """A key for the right code; a wrong one is told."""
    try:
        return session.rights.unlock(typed, visitor(request)), "", note(HOLDING)
    except ValueError as error:
        return gr.skip(), "", note(sentence(error), kind="warning")


def lock(session: Session, key: str) -> str:
    """Forget this browser's key."""
    session.rights.lock(key)
    return ""


def show(session: Session, guarded: int, key: str) -> tuple[Any, ...]:
    """What the bar says to who holds this key, and whether the buttons can be pressed."""
    rights, holds = session.rights, session.rights.holds(key)
    says = HOLDING if holds else SWITCHED_OFF if rights.switched_off else WATCHING
    asks = gr.update(visible=rights.has_code and not holds)
    return note(says), asks, asks, gr.update(visible=holds), *[gr.update(interactive=holds)] * guarded
