"""The page: five tabs put together, its look, and how it is launched."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from demo.endpoints import add_endpoints
from demo.guard import Guard
from demo.live import routes
from demo.session import Session
from demo.tabs import data, inside, report, rights, runs, train, write
from demo.tabs.wiring import ALWAYS_LAST, QUICK, REREAD, bind, html, keep_when_full
from demo.theme import theme
from demo.views.chart import static_text

TITLE = "SLM"
LEAD = "Train a small language model from nothing, watch it learn, and write stories with it."
HOUR_S, DAY_S = 3600, 86400
PROJECTOR = "Larger letters, thicker lines, stronger colours: readable from the last row"
HEAD = (
    f'<header class="slm-title"><h1>{TITLE}</h1><p>{LEAD}</p><button type="button" class="slm-projector-button" '
    f'aria-pressed="false" title="{PROJECTOR}">Projector</button>'
    '<p class="slm-sr slm-says" role="status" aria-live="polite"></p></header>'
)


def launch_options(session: Session) -> dict[str, Any]:
    """What belongs to `launch` rather than to the page."""
    guard: tuple[Any, ...] = (Guard, (session.rights, session.limits.waiting), {})
    return {
        "theme": theme(),
        "css": "".join(static_text(f"{name}.css") for name in ("page", "layout", "write", "inside", "report")),
        "footer_links": ["api"],
        "run_history": False,
        "max_file_size": f"{session.limits.upload_mb}mb",
        "app_kwargs": {"routes": routes(session), "middleware": [guard]},
    }


def heading(name: str) -> None:
    """A tab's name as its heading, for whoever goes through the page by headings; the tab's button shows it already."""
    html(f'<h2 class="slm-sr">{name}</h2>', elem_classes="slm-unseen")


def keep_tab(page: gr.Blocks, tabs: gr.Tabs, each: list[gr.Tab]) -> None:
    """Keep the open tab in the address, so that a page that is loaded anew shows it again.

    Gradio loads it anew after a lost connection: whoever watched a training then goes on watching.
    """
    known = json.dumps([tab.id for tab in each])
    # The first tab is chosen before the page is there, and would be what the address says then.
    asked = "const asked = (window.slmTab ??= location.hash.slice(1))"
    for tab in each:
        tab.select(None, js=f"() => {{ {asked}; history.replaceState(null, '', '#{tab.id}'); }}", **QUICK)
    chosen = f"{known}.includes(asked) ? {{__type__: 'update', selected: asked}} : undefined"
    page.load(None, None, [tabs], js=f"() => {{ {asked}; return {chosen}; }}", **QUICK)


def build(session: Session) -> gr.Blocks:
    """The page, ready to launch."""
    gr.set_static_paths([session.exports.home])
    # Gradio keeps what was uploaded; whatever is wanted of that is copied at once.
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(HOUR_S, DAY_S)) as page:
        html(HEAD, js=static_text("header.js"))
        bar = rights.layout(session)
        with gr.Tabs() as tabs:
            with gr.Tab("Write", id="write") as write_tab:
                heading("Write")
                on_write = write.layout(session)
            with gr.Tab("Train", id="train") as train_tab:
                heading("Train")
                on_train = train.layout(session, bar.key)
            with gr.Tab("Inside", id="inside") as inside_tab:
                heading("Inside")
                on_inside = inside.layout(session)
            with gr.Tab("Data", id="data") as data_tab:
                heading("Data")
                on_data = data.layout(session, bar.key)
            with gr.Tab("Runs", id="runs") as runs_tab:
                heading("Runs")
                on_runs = runs.layout(session, bar.key)

        keep_tab(page, tabs, [write_tab, train_tab, inside_tab, data_tab, runs_tab])

        # What a page shows is read from the disk when it is opened, and again when a tab is.
        def on_opening(tab: gr.Tab, handler: Any, inputs: list[Any], outputs: list[Any]) -> Any:
            unlocked = [bar.key.change] if session.rights.public and bar.key in inputs else []
            return gr.on([page.load, tab.select, *unlocked], bind(handler, session), inputs, outputs, **REREAD)

        known = on_opening(
            write_tab, write.refresh, on_write["models"], [*on_write["models"], *on_write["offered"]]
        )
        chosen = write.take_models(known, on_write["models"], on_write["offered"])
        chosen.then(bind(write.look_ahead, session), on_write["looks"], [on_write["bars"]], **write.LOOK)
        inside.wire(session, page, on_inside, inside_tab, [write_tab, train_tab, data_tab, runs_tab])
        on_opening(runs_tab, runs.paint, on_runs["chosen"], on_runs["view"])
        card = on_runs["report"]
        runs_tab.select(bind(report.show, session), [card["run"]], card["view"], **REREAD)
        data_painted = on_opening(data_tab, data.paint, [on_data["prepared"], bar.key], on_data["view"])
        data.settle(session, data_painted, on_data)
        on_opening(train_tab, train.paint, [on_train["chosen"], bar.key], on_train["view"])
        for opening in (page.load, train_tab.select):
            read = opening(bind(train.refresh_data, session), [on_train["data"]], [on_train["data"]], **REREAD)
            told = read.then(
                bind(train.explain, session), on_train["form"], on_train["explained"], **QUICK, **ALWAYS_LAST
            )
        # With the tab alone: as the page opens, measuring would slow the first story down, and be slowed by it.
        told.then(bind(train.look_ahead, session), [*on_train["form"], bar.key], on_train["explained"], **train.MEASURE)
        rights.wire(session, page, bar, [*on_train["guarded"], *on_data["guarded"], *on_runs["guarded"]])
        add_endpoints(session)
        keep_when_full(page)
    # Past the queue nobody waits, so nothing holds those back who ask at once.
    page.queue(max_size=session.limits.queue, api_open=False)
    return page
