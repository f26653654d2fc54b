"""Paper and ink: the page's colours and letters, the same as those of demo/static/page.css, all from the system."""

from __future__ import annotations

import gradio as gr

SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif"]
MONO = ["ui-monospace", "Cascadia Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]
LEATHER = gr.themes.Color(
    name="leather", c50="#fbf4ea", c100="#f1e4d3", c200="#e6cfb2", c300="#d6b188", c400="#c08f5c", c500="#9c6534",
    c600="#7a4a21", c700="#633b1a", c800="#4d2e15", c900="#3a2310", c950="#241509",
)
PAPER = gr.themes.Color(
    name="paper", c50="#fffdf8", c100="#fbf7ef", c200="#e2d9c9", c300="#cfc4b2", c400="#a89c8b", c500="#857a6c",
    c600="#6b6257", c700="#3d3833", c800="#2b2620", c900="#242120", c950="#1b1917",
)

# gradio's own sizes, but in rem, so that projector mode (demo/static/header.js) makes all letters larger at once.
LETTERS = gr.themes.Size(
    name="letters", xxs="0.5625rem", xs="0.625rem", sm="0.8125rem", md="0.875rem", lg="1rem", xl="1.375rem",
    xxl="1.625rem",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """The theme of the page, light and dark."""
    return gr.themes.Base(
        primary_hue=LEATHER, secondary_hue=LEATHER, neutral_hue=PAPER, font=SANS, font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md, text_size=LETTERS,
    ).set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_dark="#ece5d8",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="#b0a595",
        background_fill_primary="*neutral_50",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_950",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_padding="*spacing_sm 0",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_text_weight="600",
        block_label_text_color="*body_text_color",
        block_label_text_color_dark="*body_text_color",
        block_info_text_color="*body_text_color_subdued",
        block_info_text_color_dark="*body_text_color_subdued",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_width="1px",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_400",
        slider_color="*primary_600",
        slider_color_dark="#e0aa74",
        color_accent="*primary_600",
        color_accent_soft="*primary_100",
        color_accent_soft_dark="#3a2d20",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="#e0aa74",
        button_primary_background_fill_hover_dark="#ebbd90",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#241509",
        button_secondary_background_fill="*neutral_50",
        button_secondary_background_fill_hover="*primary_100",
        button_secondary_background_fill_dark="*neutral_900",
        button_secondary_background_fill_hover_dark="#3a2d20",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_cancel_background_fill="*neutral_50",
        button_cancel_background_fill_hover="#fae0d9",
        button_cancel_background_fill_dark="*neutral_900",
        button_cancel_background_fill_hover_dark="#42211b",
        button_cancel_border_color="*neutral_300",
        button_cancel_border_color_dark="*neutral_700",
        button_cancel_text_color="#a8321f",
        button_cancel_text_color_dark="#f08d78",
        checkbox_label_background_fill="*neutral_50",
        checkbox_label_background_fill_dark="*neutral_900",
        checkbox_label_background_fill_selected="*primary_100",
        checkbox_label_background_fill_selected_dark="#3a2d20",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_border_color_dark="*neutral_700",
        checkbox_label_text_color="*body_text_color",
        checkbox_label_text_color_dark="*body_text_color",
        checkbox_label_text_color_selected="*body_text_color",
        checkbox_label_text_color_selected_dark="*body_text_color",
        table_odd_background_fill="*neutral_50",
        table_odd_background_fill_dark="*neutral_900",
        table_even_background_fill="*neutral_50",
        table_even_background_fill_dark="*neutral_900",
    )
