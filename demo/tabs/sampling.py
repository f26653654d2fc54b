"""How a story is drawn: the sliders of the Write tab, the chart of what they do, and a second voice to compare with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from demo.session import MISTAKES, Session
from demo.stories import MOST_STORIES, OFF
from demo.tabs.wiring import QUICK, REREAD, bind, filled_later, unseen
from demo.views.next_words import NEXT_TEMPLATE, next_js
from slm.config import SampleConfig
from slm.fields import field_doc
from slm.own_sampling import load_sampling
from slm.runs import resolve

SETTINGS = ("temperature", "top_k", "top_p", "max_new_tokens", "seed", "min_p", "repetition_penalty")
SHORT = {"max_new_tokens": "max_tokens"}
AFTER_STORY = "the story"
# A slider takes the chosen model's value where it still has the one that the page gave it last.
FOLLOW_JS = """(own, last, ...now) => {
  if (!own) return [undefined, ...now.map(() => undefined)];
  const [next, given] = [JSON.parse(own), JSON.parse(last)];
  return [own, ...now.map((value, at) => (value === given[at] && value !== next[at] ? next[at] : undefined))];
}"""


def layout(
    session: Session, model: gr.Dropdown
) -> tuple[dict[str, gr.components.Component], gr.Radio, gr.HTML]:
    """The sampling settings by field name, in the order of SETTINGS, and the chart of what they do."""
    usual = SampleConfig()
    drawn: dict[str, gr.Slider] = {
        "temperature": gr.Slider(0, 2, usual.temperature, step=0.05, label="Temperature", **_slider("temperature")),
        "top_k": gr.Slider(0, 200, usual.top_k or 0, step=1, label="Top-k (0 is off)", **_slider("top_k")),
        "top_p": gr.Slider(0, 1, usual.top_p or 1, step=0.01, label="Top-p (1 is off)", **_slider("top_p")),
    }
    bars = gr.HTML({"settings": _plain_settings(usual)}, html_template=NEXT_TEMPLATE, js_on_load=next_js(),
                   elem_id="write-next", apply_default_css=False)
    after = gr.Radio(["the beginning", AFTER_STORY], value="the beginning", label="The bars show what may come after",
                     elem_id="write-next-after")
    fields: dict[str, gr.components.Component] = {**drawn}
    fields["max_new_tokens"] = gr.Slider(
        1, session.most_tokens, usual.max_new_tokens, step=1, label="Length", **_slider("max_new_tokens")
    )
    fields["seed"] = gr.Textbox("", label="Seed", max_lines=1, placeholder="new each time", **_info("seed"))
    with gr.Accordion("More settings", open=False):
        drawn["min_p"] = gr.Slider(0, 1, usual.min_p or 0, step=0.01, label="Min-p (0 is off)", **_slider("min_p"))
        drawn["repetition_penalty"] = gr.Slider(
            0.5, 2, usual.repetition_penalty or 1, step=0.05, label="Repetition penalty (1 is off)",
            **_slider("repetition_penalty"),
        )
    back = gr.Button("Back to the model's own settings", size="sm", elem_id="write-own-settings")
    gr.on([slider.change for slider in drawn.values()], None, list(drawn.values()), None,
          js=_settings_js(list(drawn)), **QUICK)
    fields |= drawn
    follow_model(session, model, {"max_new_tokens": fields["max_new_tokens"], **drawn}, back)
    return fields, after, bars


def follow_model(session: Session, model: gr.Dropdown, sliders: dict[str, Any], back: gr.Button) -> None:
    """Let the sliders move to the settings of whichever model is chosen; one that a person moved stays until `back`."""
    limits = {name: (slider.minimum, slider.maximum) for name, slider in sliders.items()}
    own, last = unseen(), unseen(json.dumps(slider_values(SampleConfig(), limits)))
    asked = model.change(bind(own_settings, session, limits), [model], [own], **REREAD)
    asked.then(None, [own, last, *sliders.values()], [last, *sliders.values()], js=FOLLOW_JS, **QUICK)
    back.click(None, [last], list(sliders.values()), js="(last) => JSON.parse(last)", **QUICK)


def own_settings(session: Session, limits: Mapping[str, tuple[float, float]], model: str | None) -> str:
    """The sliders' places for a model's own settings, as FOLLOW_JS takes them; empty where it has none to be read."""
    try:
        return json.dumps(slider_values(load_sampling(resolve(session.model_path(model))), limits))
    except MISTAKES:  # whoever writes with it is told
        return ""


def slider_values(settings: SampleConfig, limits: Mapping[str, tuple[float, float]]) -> list[float]:
    """Where the sliders stand for these settings, within their ends; None is OFF."""
    given = {name: getattr(settings, name) for name in limits}
    return [
        min(max(OFF[name] if value is None else value, limits[name][0]), limits[name][1])
        for name, value in given.items()
    ]


def comparison() -> tuple[gr.Slider, gr.Dropdown, list[gr.components.Component]]:
    """How many stories, which second model, and whether and how its settings differ."""
    usual = SampleConfig()
    count = gr.Slider(1, MOST_STORIES, 1, step=1, label="Stories", elem_id="write-count",
                      info="Written side by side, each from its own seed.")
    other = filled_later(gr.Dropdown([], label="Compare with", elem_id="write-other",
                                     info="A second model continues the same words with the same seed."))
    unlike = gr.Checkbox(False, label="Compare with other settings", elem_id="write-other-settings",
                         info="The same words and the same seed with these settings, side by side.")
    second = [
        gr.Slider(0, 2, 1.2, step=0.05, label="Second temperature", elem_id="write-other-temperature"),
        gr.Slider(0, 200, usual.top_k or 0, step=1, label="Second top-k (0 is off)", elem_id="write-other-top-k"),
        gr.Slider(0, 1, usual.top_p or 1, step=0.01, label="Second top-p (1 is off)", elem_id="write-other-top-p"),
    ]
    gr.on([slider.input for slider in second], None, None, [unlike], js="() => true", **QUICK)
    return count, other, [unlike, *second]


def _info(name: str) -> dict[str, Any]:
    return {"info": field_doc(SampleConfig, name), "elem_id": "write-" + SHORT.get(name, name).replace("_", "-")}


def _slider(name: str) -> dict[str, Any]:
    # Gradio's own button for each slider knows what it stood at when the page was opened, whichever model that was.
    return {**_info(name), "buttons": []}


def _plain_settings(settings: SampleConfig) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in ("temperature", *OFF)}


def _settings_js(names: list[str]) -> str:
    """Hand the sliders' values to the next-word chart: a slider at its OFF end is null. Nothing goes to the server."""
    values = ", ".join(f"{name}: {name} === {OFF[name]} ? null : {name}" if name in OFF else name for name in names)
    return (
        f"({', '.join(names)}) => {{ window.dispatchEvent(new CustomEvent('slm-settings', "
        f"{{ detail: {{ {values} }} }})); }}"
    )
