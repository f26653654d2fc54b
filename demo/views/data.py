"""What a person sees of a data set: how its making goes on, what is in it, what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from demo.views.words import bar, compact, duration, escape, figure, finite, note, number, percent, plural
from slm.data.clean import REASONS

STAGES = {
    "read": "Reading the stories",
    "count": "Counting which tokens are frequent",
    "tokenise": "Cutting the stories into tokens",
    "index": "Noting what follows what, to tell later whether a model copied",
    "done": "The data set is ready",
}


def progress_html(progress: Mapping[str, Any] | None) -> str:
    """How far the preparation is: {"stage", "done", "total", "elapsed_s"}, or {"stage": "error", "message"}."""
    if not progress:
        hint = "Choose a source and press Prepare. The starter stories take seconds."
        return f'<section class="slm">{note(hint)}</section>'
    stage = str(progress.get("stage") or "")
    if stage == "error":
        message = str(progress.get("message") or "It did not work.")
        return f'<section class="slm">{note(message, kind="error")}</section>'
    title = STAGES.get(stage, stage)
    done, total = finite(progress.get("done")), finite(progress.get("total"))
    share = 1.0 if stage == "done" else min(1.0, done / total) if done is not None and total else None
    counts = number(done) + (f" of {number(total)}" if total else "") if done or total else ""
    spent = duration(progress["elapsed_s"]) if finite(progress.get("elapsed_s")) is not None else ""
    line = " \u00b7 ".join(part for part in (_step(stage), counts, spent, _time_left(progress)) if part)
    return (
        f'<section class="slm slm-status"><header><h3>{escape(title)}</h3></header>{bar(share, title)}'
        f'<p class="slm-small">{escape(line)}</p></section>'
    )


def _step(stage: str) -> str:
    steps = [name for name in STAGES if name != "done"]
    return f"step {steps.index(stage) + 1} of {len(steps)}" if stage in steps else ""


def _time_left(progress: Mapping[str, Any]) -> str:
    """How long the step at work still takes at the speed it had so far; nothing in its first second."""
    done, total, spent = (finite(progress.get(name)) for name in ("done", "total", "stage_s"))
    if not done or not total or spent is None or spent < 1 or done >= total:
        return ""
    return f"about {duration(max(1.0, spent * (total - done) / done))} left in this step"


def manifest_html(manifest: Mapping[str, Any] | None) -> str:
    """A data set's counts, its story lengths, and the stories that were dropped with the reasons."""
    if not manifest:
        return f'<section class="slm">{note("No data set yet: prepare one first.")}</section>'
    parts = (
        _facts(manifest),
        _counts(manifest),
        _dropped(manifest),
        _histogram(manifest.get("length_histogram")),
    )
    name, description = (
        escape(manifest.get("name") or "data set"),
        escape(manifest.get("description") or manifest.get("source") or ""),
    )
    lead = f'<p class="slm-lead">{description}</p>' if description else ""
    return (
        f'<section class="slm slm-manifest"><header><h3>{name}</h3></header>{lead}{"".join(parts)}</section>'
    )


def _facts(manifest: Mapping[str, Any]) -> str:
    train = manifest.get("train") or {}
    rows = []
    if finite(manifest.get("vocab_size")):
        rows.append(
            figure(
                "vocabulary",
                number(manifest["vocab_size"]),
                "How many different tokens the model can read and write.",
                "tokens",
            )
        )
    if (covered := finite(manifest.get("vocab_coverage"))) is not None:
        rows.append(
            figure(
                "text covered",
                percent(covered),
                "The share of the stories' pieces of words that have a token of their own; the rest is spelt with "
                "smaller ones, so nothing is lost.",
            )
        )
    if finite(manifest.get("vocab_used")):
        unused = "Tokens that occur at least once in the training stories; of the others the model learns nothing."
        rows.append(figure("tokens in use", number(manifest["vocab_used"]), unused, "tokens"))
    tokens, size = finite(train.get("tokens")), finite(train.get("bytes"))
    if tokens and size:
        rows.append(
            figure(
                "a token holds",
                number(size / tokens, 2),
                "The more text a token holds, the less the model has to read.",
                "bytes",
            )
        )
    if finite(manifest.get("longest_story_tokens")):
        rows.append(figure("longest story", number(manifest["longest_story_tokens"]), "In tokens.", "tokens"))
    if finite(manifest.get("unigram_entropy")):
        rows.append(
            figure(
                "by frequency alone",
                number(manifest["unigram_entropy"], 2),
                "The loss of a model that knows only how frequent each token is; learning begins below it.",
                "nats/token",
            )
        )
    return f'<dl class="slm-figures">{"".join(rows)}</dl>' if rows else ""


def _counts(manifest: Mapping[str, Any]) -> str:
    rows = ""
    for part, meaning in (("train", "to learn from"), ("validation", "kept back to test on")):
        counts = manifest.get(part) or {}
        cells = "".join(f"<td>{number(counts.get(unit))}</td>" for unit in ("stories", "tokens", "bytes"))
        rows += f"<tr><th scope='row'>{part} <small>{meaning}</small></th>{cells}</tr>"
    return (
        "<div class='slm-scroll' tabindex='0'><table class='slm-table'><thead><tr><td></td><th scope='col'>stories</th>"
        "<th scope='col'>tokens</th><th scope='col'>bytes</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _dropped(manifest: Mapping[str, Any]) -> str:
    dropped = {str(why): int(n) for why, n in (manifest.get("dropped") or {}).items() if finite(n)}
    lines = [
        f"<li><b>{n:,}</b> {escape(REASONS.get(why, why.replace('_', ' ')))}</li>"
        for why, n in dropped.items()
    ]
    repaired = finite(manifest.get("repaired"))
    mended = (
        f"<p class='slm-small'>{plural(int(repaired), 'story', 'stories')} had broken characters mended.</p>"
        if repaired
        else ""
    )
    if not lines:
        return f"<p class='slm-small'>No story was left out.</p>{mended}"
    count = plural(sum(dropped.values()), "story", "stories")
    return f"<p class='slm-small'>Left out, {count}:</p><ul class='slm-dropped'>{''.join(lines)}</ul>{mended}"


def _histogram(histogram: Mapping[str, Any] | None) -> str:
    """Bars of the manifest's {"edges", "counts"}: counts[i] stories have edges[i] to edges[i + 1] - 1 tokens."""
    edges, counts = (histogram or {}).get("edges") or [], (histogram or {}).get("counts") or []
    most, total = max(counts, default=0), sum(counts)
    if not most or len(edges) < len(counts):
        return ""
    width, height, base = 600, 150, 120
    slot = width / len(counts)
    shapes, rows = [], []
    for i, count in enumerate(counts):
        tall = (base - 8) * count / most
        last = f"{edges[i + 1] - 1:,}" if i + 1 < len(edges) else None
        until = f"to {last}" if last else "or more"
        rows.append(f"<tr><td>{edges[i]:,}</td><td>{last or 'or more'}</td><td>{count:,}</td></tr>")
        title = f"{edges[i]:,} {until} tokens: {plural(count, 'story', 'stories')} ({percent(count / total)})"
        shapes.append(
            f'<rect x="{(i + 0.06) * slot:.1f}" y="{base - tall:.1f}" width="{slot * 0.88:.1f}" height="{tall:.1f}">'
            f"<title>{title}</title></rect>"
        )
    every = max(1, -(-len(edges) // 8))
    names = [
        f'<text x="{i * slot:.1f}" y="{base + 18}" text-anchor="{"middle" if i else "start"}">{edge:,}</text>'
        for i, edge in enumerate(edges[: len(counts)])
        if i % every == 0
    ]
    return (
        '<figure class="slm-histogram"><figcaption>How long the stories are, in tokens</figcaption>'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Histogram of story lengths in tokens">'
        f"{''.join(shapes)}{''.join(names)}</svg>{_lengths(rows)}</figure>"
    )


def _lengths(rows: Iterable[str]) -> str:
    heads = "".join(f"<th scope='col'>{name}</th>" for name in ("from", "to", "stories"))
    return (
        "<details><summary>The numbers</summary><div class='slm-scroll' tabindex='0'><table class='slm-table'>"
        f"<caption class='slm-sr'>Stories by their length in tokens</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def preview_html(stories: Iterable[str | Mapping[str, Any]] | None, *, limit: int = 12) -> str:
    """A few stories of the data set as cards."""
    stories = list(stories or [])[:limit]
    if not stories:
        return f'<section class="slm">{note("A few of the stories appear here.")}</section>'
    texts = [str(story.get("text") or "") if isinstance(story, Mapping) else str(story) for story in stories]
    cards = "".join(
        f'<article class="slm-card"><p class="slm-prose" tabindex="0">{escape(text)}</p></article>' for text in texts
    )
    return f'<section class="slm slm-cards" aria-label="Some of the stories">{cards}</section>'


def compact_counts(manifest: Mapping[str, Any]) -> str:
    """One line for a list: "2.1 M stories, 450 M tokens"."""
    train = manifest.get("train") or {}
    return ", ".join(f"{compact(n)} {one if n == 1 else many}" for n, one, many in (
        (train.get("stories"), "story", "stories"), (train.get("tokens"), "token", "tokens")
    ))


def made_at(manifest: Mapping[str, Any]) -> float:
    """When a data set was made, in unix seconds; 0.0 where it does not say."""
    return finite(manifest.get("created")) or 0.0
