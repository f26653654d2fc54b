"""Did it copy? A story with the stretches underlined that stand word for word in the training stories."""

from __future__ import annotations

from demo.views.words import escape, note, percent, plural
from slm.data.copies import Copied, Match

MOST_SOURCES = 3
SHOWN_AROUND = 240  # characters of the training story on either side of a stretch


def copied_html(found: Copied, sources: dict[int, str], *, title: str = "", remark: str = "") -> str:
    """One story after the check. `sources` holds, by `Match.place`, the training stories of some of its stretches."""
    body = _verdict(found) + _underlined(found) + _sources(found, sources)
    return _card(title, (note(remark, kind="warning") if remark else "") + body)


def not_compared_html(why: str, *, title: str = "") -> str:
    """One story that cannot be checked, and why."""
    return _card(title, note(why, kind="warning")) if title else note(why, kind="warning")


def _card(title: str, body: str) -> str:
    head = f"<header><b>{escape(title)}</b></header>" if title else ""
    return f'<article class="slm slm-card slm-copies">{head}{body}</article>'


def _verdict(found: Copied) -> str:
    if not found.longest or not found.text.strip():
        return note("Nothing of this story stands in the training stories.")
    words = plural(found.longest.words, "word")
    usual = f"in stories that the model has never seen it is usually {found.usual_words:.0f}"
    if not found.matches:
        return note(f"It shares no long stretch with any training story: the longest has {words}; {usual}.")
    if found.longest.tokens == sum(m.tokens for m in found.matches) and found.share == 1:
        return note("The whole story stands in the training stories, word for word.", kind="warning")
    share = percent(found.share)
    return note(
        f"Its longest stretch from a training story has {words}; {usual}. {share} of the story is underlined: "
        "stretches of some ten words or more that stand there word for word. Your own first words count too."
    )


def _underlined(found: Copied) -> str:
    parts, end = [], 0
    for match in found.matches:
        mark = "slm-copied slm-copied-longest" if match == found.longest else "slm-copied"
        said = f"{plural(match.words, 'word')} from a training story"
        parts.append(escape(found.text[end : match.begin]))
        parts.append(f'<mark class="{mark}" title="{said}">{escape(found.text[match.begin : match.end])}</mark>')
        end = match.end
    return f'<p class="slm-prose">{"".join(parts)}{escape(found.text[end:])}</p>'


def _sources(found: Copied, sources: dict[int, str]) -> str:
    items = "".join(
        f"<details><summary>Where {plural(match.words, 'word')} come from: \u201c{escape(_beginning(match))}\u201d"
        f'</summary><p class="slm-prose">{_around(match, sources[match.place])}</p></details>'
        for match in longest_first(found)
        if match.place in sources
    )
    return f'<div class="slm-sources">{items}</div>' if items else ""


def longest_first(found: Copied) -> list[Match]:
    """The stretches whose training stories are worth showing."""
    return sorted(found.matches, key=lambda m: -m.tokens)[:MOST_SOURCES]


def _beginning(match: Match) -> str:
    words = match.text.split()
    return " ".join(words[:6]) + (" \u2026" if len(words) > 6 else "")


def _around(match: Match, story: str) -> str:
    """The training story with the stretch underlined, cut to what stands around it."""
    begin = max(0, story.find(match.text))
    end = begin + len(match.text)
    before, after = story[:begin], story[end:]
    before = before if len(before) <= SHOWN_AROUND else "\u2026 " + before[-SHOWN_AROUND:].partition(" ")[2]
    after = after if len(after) <= SHOWN_AROUND else after[:SHOWN_AROUND].rpartition(" ")[0] + " \u2026"
    return f'{escape(before)}<mark class="slm-copied">{escape(match.text)}</mark>{escape(after)}'
