"""A story on the page: the prompt as the person typed it, then what the model made of it."""

from __future__ import annotations

from demo.views.words import escape


def story_html(prompt: str, continuation: str, *, note: str = "", writing: bool = False) -> str:
    """The prompt and its continuation as a page of a book; a cursor blinks while it is being written."""
    cursor = '<span class="slm-cursor" aria-hidden="true"></span>' if writing else ""
    if not prompt and not continuation and not writing:
        continuation = ""
        body = '<p class="slm-empty">Type how a story begins, and the model goes on.</p>'
    else:
        body = (
            f'<p class="slm-prose"><span class="slm-prompt">{escape(prompt)}</span>'
            f"{escape(continuation)}{cursor}</p>"
        )
    foot = f"<footer>{escape(note)}</footer>" if note else ""
    return f'<article class="slm slm-story" aria-busy="{str(writing).lower()}">{body}{foot}</article>'
