"""The page: five tabs put together, its look, and how it is launched."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.endpoints import add_endpoints
from demo.session import Session
from demo.tabs import data, inside, runs, train, write
from demo.tabs.wiring import QUICK, bind
from demo.views.chart import static_text

TITLE = "SLM"
LEAD = "Train a small language model from nothing, watch it learn, and write stories with it."
SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
MAX_UPLOAD = "500mb"


def theme() -> gr.themes.Base:
    """Paper and ink, with the system's own fonts: nothing is fetched from anywhere."""
    return gr.themes.Soft(
        primary_hue=gr.themes.colors.teal, neutral_hue=gr.themes.colors.stone, font=SANS, font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
    )


def launch_options() -> dict[str, Any]:
    """What belongs to `launch` rather than to the page."""
    return {
        "theme": theme(),
        "css": static_text("page.css") + static_text("layout.css"),
        "footer_links": ["api"],
        "run_history": False,
        "max_file_size": MAX_UPLOAD,
    }


def build(session: Session) -> gr.Blocks:
    """The page, ready to launch."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=False) as page:
        gr.HTML(f'<header class="slm-title"><h1>{TITLE}</h1><p>{LEAD}</p></header>', js_on_load=None, apply_default_css=False)
        code = gr.Textbox(
            label="Owner's code", type="password", visible=session.public, elem_id="page-code",
            info="Everybody may write and look; training, preparing and deleting need this code.",
        )
        with gr.Tabs():
            with gr.Tab("Write") as write_tab:
                on_write = write.layout(session)
            with gr.Tab("Train") as train_tab:
                on_train = train.layout(session, code)
            with gr.Tab("Inside") as inside_tab:
                on_inside = inside.layout(session)
            with gr.Tab("Data") as data_tab:
                on_data = data.layout(session, code)
            with gr.Tab("Runs") as runs_tab:
                on_runs = runs.layout(session, code)
        # What a page shows is read from the disk whenever it is opened, and again when a tab is.
        gr.on([page.load, write_tab.select], bind(write.refresh, session), [on_write["model"], on_write["other"]],
              [on_write["model"], on_write["other"]], **QUICK)
        gr.on([page.load, inside_tab.select], bind(inside.refresh, session), [on_inside["model"]], [on_inside["model"]], **QUICK)
        gr.on([page.load, runs_tab.select], bind(runs.paint, session), [on_runs["run"], on_runs["compare"]], on_runs["view"], **QUICK)
        gr.on([page.load, data_tab.select], bind(data.paint, session), [on_data["prepared"]], on_data["view"], **QUICK)
        page.load(bind(train.paint, session), [on_train["chosen"]], on_train["view"], **QUICK)
        gr.on([page.load, train_tab.select], bind(train.refresh_data, session), [on_train["data"]], [on_train["data"]], **QUICK).then(
            bind(train.explain, session), on_train["form"], on_train["explained"], **QUICK)
        add_endpoints(session)
    return page
