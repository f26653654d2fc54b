"""Data: stories become a data set that a model can learn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from demo import preparing
from demo.datasets import delete_dataset
from demo.live import made_since, preparing_version
from demo.session import MISTAKES, Session, sentence
from demo.tabs.question import ask_before
from demo.tabs.wiring import (
    ALWAYS_LAST,
    QUICK,
    REREAD,
    TICK,
    TOLD,
    bind,
    filled_later,
    html,
    inform,
    live,
    take_offer,
    unseen,
    warn,
    warned,
)
from demo.views.data import compact_counts, made_at, manifest_html, preview_html, progress_html
from slm.config import PrepareConfig
from slm.data.prepare import default_name, list_datasets
from slm.data.sources import local_source
from slm.fields import field_doc, parse_fields
from slm.runs import check_name, read_json

# A data set is shown while it is the chosen one: another may have been chosen while the answer was on its way.
SHOW_JS = """(answer, chosen) => {
  const [name, manifest, preview] = JSON.parse(answer);
  return name === (chosen ?? null) ? [manifest, preview] : [undefined, undefined];
}"""
SOURCES = {
    "starter": (
        "Starter stories",
        "Made by a program that is part of this project: ready at once and without the internet, but simpler and more "
        "alike than real stories. Good for a first training; with the internet, TinyStories is better.",
    ),
    "tinystories": (
        "TinyStories",
        "2.1 million short stories for small children (roneneldan/TinyStories), fetched from the Hugging Face Hub, a "
        "public collection of models and data: about 1 GB.",
    ),
    "tinystories-clean": (
        "TinyStories, clean edition",
        "2.7 million stories without duplicates or broken characters (karpathy/tinystories-gpt4-clean), fetched from "
        "the Hugging Face Hub: the best choice.",
    ),
    "other": (
        "Another data set, a file or a folder",
        "The name of a data set on the Hugging Face Hub that has a column \"text\", or where a .txt, .jsonl or "
        ".parquet file or a folder of them lies on the computer that runs this page.",
    ),
    "text": (
        "Own text",
        "Paste stories, or upload a file of them, with an empty line between one story and the next. Where stories "
        "have empty lines themselves, put a line <|endoftext|> between them.",
    ),
}
VOCABULARIES = [
    ("4,096 tokens, for micro and mini", "4096"),
    ("8,192 tokens, for slm-55m", "8192"),
    ("GPT-2's 50,257 tokens, for slm-51m", "gpt2"),
    ("512 tokens, for very short texts", "512"),
]
UPLOAD_TYPES = [".txt", ".jsonl", ".json", ".parquet"]


def layout(session: Session, key: gr.BrowserState) -> dict[str, Any]:
    """Lay out the tab; the components that the page refreshes when it is opened."""
    with gr.Row(elem_classes="slm-split"):
        with gr.Column(scale=3, min_width=300):
            labels = [(label, key) for key, (label, _) in SOURCES.items()]
            source = gr.Radio(labels, value="starter", label="Stories", elem_id="data-source")
            about = gr.Markdown(SOURCES["starter"][1], elem_id="data-about")
            place = gr.Textbox("", label="Name of the data set, file or folder", elem_id="data-place", visible=False,
                               placeholder="roneneldan/TinyStories")
            text = gr.Textbox("", label="Text", elem_id="data-text", visible=False, lines=8, max_lines=16)
            upload = gr.File(
                label="Or a file", elem_id="data-upload", visible=False, file_types=UPLOAD_TYPES, height="8.5rem"
            )
            vocab = gr.Dropdown(VOCABULARIES, value="4096", label="Vocabulary", elem_id="data-vocab",
                                info="How many different pieces of words the model will know.")
            with gr.Accordion("More settings", open=False):
                name = gr.Textbox("", label="Name", elem_id="data-name", info=field_doc(PrepareConfig, "name"))
                limit = gr.Textbox("", label="Limit", max_lines=1, elem_id="data-limit", placeholder="all",
                                   info=field_doc(PrepareConfig, "limit"))
            with gr.Row():
                prepare = gr.Button("Prepare", variant="primary", elem_id="data-prepare", scale=2, min_width=110)
                cancel = gr.Button("Cancel", variant="stop", elem_id="data-cancel", interactive=False, min_width=80)
            status = html(progress_html(None), elem_id="data-status")
        with gr.Column(scale=5, min_width=300):
            prepared = filled_later(gr.Dropdown([], label="Data sets", elem_id="data-sets",
                                                info="Everything that is ready to be learnt from."))
            manifest = html(manifest_html(None), elem_id="data-manifest")
            gr.Markdown("### Some of the stories")
            preview = html(preview_html([]), elem_id="data-preview")
            delete, question = deleting(session, prepared, key)
    seen, offered, answer = live("slm/preparing"), unseen(), unseen()
    shown = [seen, status, cancel, prepared, offered]
    source.input(choose_source, [source], [about, place, text, upload], **QUICK)
    wish = [source, place, text, upload, vocab, name, limit, key]
    begun = prepare.click(bind(start_preparing, session), wish, [status, upload], **TOLD)
    news = bind(tick, session), [prepared, seen, key], shown
    paints = [after.then(*news, **REREAD) for after in (begun, question)]
    cancel.click(bind(cancel_preparing, session), [key], [cancel], **TOLD)
    paints.append(seen.tick(*news, **TICK))
    parts = {
        "prepared": prepared, "view": shown, "guarded": [prepare, upload, delete],
        "offered": offered, "answer": answer, "pictures": [manifest, preview],
    }  # fmt: skip
    show_chosen(session, prepared.input, parts)
    for painted in paints:
        settle(session, painted, parts)
    return parts


def settle(session: Session, painted: Dependency, parts: dict[str, Any]) -> None:
    """After a painting: take its offer, then show the data set that is chosen by then."""
    show_chosen(session, take_offer(painted, parts["offered"], parts["prepared"]).then, parts)


def show_chosen(session: Session, event: Any, parts: dict[str, Any]) -> None:
    """At this event, show the chosen data set."""
    prepared, answer = parts["prepared"], parts["answer"]
    asked = event(bind(show, session), [prepared], [answer], **REREAD, **ALWAYS_LAST)
    asked.then(None, [answer, prepared], parts["pictures"], js=SHOW_JS, **QUICK)


def deleting(session: Session, prepared: gr.Dropdown, key: gr.BrowserState) -> tuple[gr.Button, Dependency]:
    """The button that deletes the data set that is shown, after a question; the event that did."""
    with gr.Row():
        delete = gr.Button("Delete this data set \u2026", variant="stop", elem_id="data-delete", scale=0, min_width=250)
    words = "Delete the data set {name} with its stories, for good?"
    question = ask_before(delete, prepared, words, elem_id="data-delete")
    deletes = question.yes.click(bind(delete_set, session), [question.name, key], [question.panel], **TOLD)
    return delete, deletes


def choose_source(source: str) -> tuple[str, Any, Any, Any]:
    """What the source is, and the fields that it needs."""
    own = source == "text"
    return SOURCES[source][1], gr.update(visible=source == "other"), gr.update(visible=own), gr.update(visible=own)


def start_preparing(
    session: Session, source: str, place: str | None, text: str | None, upload: str | None, vocab: str,
    name: str | None, limit: str | None, key: str | None,
) -> Any:
    """Begin to prepare in a process of its own; a file that was uploaded for it is kept, so its field is emptied."""
    try:
        session.allow_change(key)
        config = prepare_config(
            session, source, place or "", text or "", upload, vocab=vocab, name=name or "", limit=limit or ""
        )
        preparing.start(config, session.data)
    except MISTAKES as error:
        warn(error, "Not started")
        return progress_html({"stage": "error", "message": sentence(error)}), gr.skip()
    return progress_html({"stage": "read"}), gr.update(value=None)


def prepare_config(
    session: Session, source: str, place: str, text: str, upload: str | None, *, vocab: str, name: str, limit: str
) -> PrepareConfig:
    """The form as settings; an own text is kept as a file first. ValueError says what is missing."""
    name = name.strip()
    most = parse_fields(PrepareConfig, {"limit": limit.strip()})["limit"]
    if source == "other":
        source = place.strip()
        if not source:
            raise ValueError("which data set? Type its name on the Hub, a file or a folder")
        if here := local_source(source):
            source = str(here.resolve())  # another process prepares, which stands in another folder
    elif source == "text" and upload and text.strip():
        raise ValueError("there is a text and a file: take the file away, or empty the text")
    elif source == "text" and upload:
        file = Path(upload)
        name = name or f"{file.stem}-{vocab}"
        if file.suffix.lower() not in UPLOAD_TYPES:
            raise ValueError(f"{file.name} cannot be read; upload one of {', '.join(UPLOAD_TYPES)}")
        source = str(preparing.keep_file(file, session.data, name=_free(session, name)))
    elif source == "text":
        name = name or free_name(session, "own-text")
        source = str(preparing.save_text(text, session.data, name=_free(session, name)))
    wanted = PrepareConfig(source=source, name=_as_name(name) if name else None, vocab=vocab, limit=most)
    return PrepareConfig(source=source, name=default_name(wanted), vocab=vocab, limit=most)


def _as_name(name: str) -> str:
    return check_name("".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)[:64].strip("-."))


def _free(session: Session, name: str) -> str:
    """The name for an own text: an earlier text of that name, which may be read just now, is not overwritten."""
    return preparing.check_free(_as_name(name), session.data)


def free_name(session: Session, stem: str) -> str:
    """A name that no data set has yet."""
    return next(name for i in range(1, 10_000) if not (session.data / (name := f"{stem}-{i}")).exists())


@warned
def cancel_preparing(session: Session, key: str) -> Any:
    """End the preparation at work."""
    session.allow_change(key)
    preparing.cancel(session.data)
    return gr.update(interactive=False)


@warned
def delete_set(session: Session, name: str | None, key: str) -> Any:
    """Delete the data set that the question named."""
    session.allow_change(key)
    delete_dataset(session, name)
    inform(f"the data set {name} is gone", "Deleted")
    return gr.update(visible=False)


def show(session: Session, name: str | None) -> str:
    """Counts and stories of a data set, with its name, as SHOW_JS takes them."""
    try:
        manifest = session.manifest(name)
        stories = read_json(session.data / check_name(name or "") / "preview.json")
    except (ValueError, FileNotFoundError):
        manifest, stories = {}, []
    return json.dumps([name, manifest_html(manifest), preview_html(stories, limit=8)])


def paint(session: Session, chosen: str | None, key: str) -> tuple[Any, ...]:
    """What the tab shows when it is opened beside the chosen data set, which stays."""
    version, *shown = _shown(session, chosen, "", key)
    # Where one is chosen the page keeps what it has seen: by that `tick` tells what was made meanwhile.
    return gr.skip() if chosen else version, *shown


def tick(session: Session, chosen: str | None, seen: str, key: str) -> Any:
    """What is new on the disk, if anything is."""
    return gr.skip() if preparing_version(session) == seen else _shown(session, chosen, seen, key)


def _shown(session: Session, chosen: str | None, seen: str, key: str) -> tuple[Any, ...]:
    """The preparation at work, the data sets, and one as an offer: that made since `seen`, else the chosen one."""
    version = preparing_version(session)  # first: what changes from here on is new once more
    progress = preparing.progress(session.data)
    sets = {m["name"]: m for m in sorted(list_datasets(session.data), key=made_at, reverse=True)}
    stage, just_made = progress["stage"] if progress else "none", made_since(seen, progress)
    can_cancel = session.rights.holds(key) and stage not in ("none", "done", "error")
    wanted = just_made if just_made in sets else chosen
    value = wanted if wanted in sets else next(iter(sets), None)
    choices = [(f"{name} \u00b7 {compact_counts(m)}", name) for name, m in sets.items()]
    offered = json.dumps([chosen, value])
    return version, progress_html(progress), gr.update(interactive=can_cancel), gr.update(choices=choices), offered
