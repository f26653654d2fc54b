"""How handlers are bound to components: with the session, out of the public API, their mistakes said in a sentence."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from types import MethodType
from typing import Any, TypeVar

import gradio as gr
from gradio.events import Dependency

from demo.session import MISTAKES, Session, failure, message, sentence
from demo.views.chart import CHART_TEMPLATE, chart_js, static_text
from demo.views.words import escape

Filled = TypeVar("Filled", gr.Dropdown, gr.Slider)
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden"}  # reads the disk and answers at once
TOLD: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}  # may show a notice; gradio sends those by its queue
# Shows what is there now. What the page still holds may be gone: gradio would refuse the name with an error before the
# handler, which goes on to another, sees it.
REREAD: dict[str, Any] = {**QUICK, "preprocess": False}
# What was changed while an answer was made has an answer of its own, after that one.
ALWAYS_LAST: dict[str, Any] = {"trigger_mode": "always_last"}
TICK: dict[str, Any] = {**REREAD, "trigger_mode": "once"}
MODEL: dict[str, Any] = {  # computes with a model; two at a time
    **PRIVATE, "concurrency_id": "model", "concurrency_limit": 2, "show_progress": "minimal",
}


def bind(handler: Callable[..., Any], session: Session, *more: Any) -> Callable[..., Any]:
    """The handler with the session as its first argument; gradio still sees its types, as it does a method's."""
    bound = MethodType(handler, session)
    return functools.partial(bound, *more) if more else bound


def warn(error: Exception | str, title: str) -> None:
    """Show what went wrong as one sentence that begins with the title, since gradio shows none of its own.

    Gradio takes it for HTML, and a message may repeat what somebody typed.
    """
    gr.Warning(escape(sentence(f"{title}: {message(error)}")))


def inform(text: str, title: str) -> None:
    """Show what was done as one sentence that begins with the title, as `warn` does."""
    gr.Info(escape(sentence(f"{title}: {text}")))


def warned(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, with MISTAKES shown as one sentence and the page left as it was."""

    @functools.wraps(handler)
    def careful(*args: Any) -> Any:
        try:
            return handler(*args)
        except MISTAKES as error:
            warn(error, "Not yet")
            return gr.skip()

    return careful


def failed(error: Exception) -> str:
    """Why a model could not go on; what gradio raises, as for a spent quota of lent GPUs, in its own words."""
    return re.sub("<[^>]*>", "", str(error.message)) if isinstance(error, gr.Error) else failure(error)


def keep_when_full(page: gr.Blocks) -> None:
    """Leave what a page shows as it is where the queue has no room; call it when all handlers are bound.

    Gradio says in a sentence that it is busy, but it also writes "Error" over what the handler would have painted,
    until another handler paints there; a handler with its own listener for failures is left alone.
    """
    listening = {fn.trigger_after for fn in page.fns.values() if fn.trigger_only_on_failure}
    for fn in list(page.fns.values()):
        if fn.queue and fn.outputs and fn.api_visibility == "private" and fn._id not in listening:
            Dependency(None, {}, fn._id, fn.fn).failure(gr.skip, None, fn.outputs, **QUICK)


def chart(elem_id: str) -> gr.HTML:
    """The loss chart."""
    return gr.HTML(
        value={"runs": []}, html_template=CHART_TEMPLATE, js_on_load=chart_js(), elem_id=elem_id, part=elem_id
    )


def live(place: str) -> gr.HTML:
    """What a tab shows, by name; while the tab is looked at the page asks `place` (demo/live.py) for anything new."""
    return gr.HTML(value="", html_template="", js_on_load=static_text("live.js"), visible="hidden", place=place)


def part(value: str, *, elem_id: str, js: str = "") -> gr.HTML:
    """Ready-made HTML that `live` keeps up to date."""
    return html(value, elem_id=elem_id, js=static_text("part.js") + js, part=elem_id)


def html(value: str = "", *, elem_id: str | None = None, js: str | None = None, **props: Any) -> gr.HTML:
    """Ready-made HTML from one of the views."""
    return gr.HTML(value=value, elem_id=elem_id, js_on_load=js, apply_default_css=False, **props)


def filled_later(component: Filled) -> Filled:
    """A list, or a slider, whose choices come when the page is painted; its handlers judge what is chosen.

    What a page was painted with gradio keeps in the server's memory. After a restart it knows the empty layout alone,
    and would refuse whatever stands on a page that was open before.
    """
    component.preprocess = lambda payload: payload  # type: ignore[method-assign]
    return component


def choose(choices: list[tuple[str, str]], value: str | None, default: str | None) -> dict[str, Any]:
    """A dropdown's new choices; its value stays where it is still among them.

    A value that stays is not sent: the person may have chosen another one while the answer was on its way.
    """
    known = [choice for _, choice in choices]
    update: dict[str, Any] = {"choices": choices}
    if value not in known:
        update["value"] = default if default in known else None
    return gr.update(**update)


# An offer is taken once, and only where the part still has the value that the server was asked with.
TAKE_JS = """(offer, now) => {
  const [asked, value] = JSON.parse(offer || "[null, null]");
  return [(now ?? null) === asked && value !== asked ? value : undefined, ""];
}"""


def offer(
    choices: list[tuple[str, str]], asked: str | None, default: str | None
) -> tuple[dict[str, Any], str]:
    """As `choose`, but the default comes as an offer, for `take_offer`.

    The answer may come late: only the page knows whether a person has chosen another value meanwhile.
    """
    update = choose(choices, asked, default)
    return update, json.dumps([asked, update.pop("value", asked)])


def take_offer(after: Dependency, offered: gr.Textbox, part: gr.Dropdown | gr.HTML) -> Dependency:
    """When an event is done that wrote an offer, let a part of the page take it, unless it has changed meanwhile."""
    return after.then(None, [offered, part], [part, offered], js=TAKE_JS, **QUICK)


def unseen(value: str = "") -> gr.Textbox:
    """A place for what the server answers and the page's own steps read; nobody sees it."""
    return gr.Textbox(value, visible=False)
