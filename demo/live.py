"""What is new, for every page that watches: one picture, made once and sent to all of them.

A page asks `slm/watch?seen=...` every few seconds, past gradio's events: thirty pages in a class would otherwise take
the time that the training needs. The answer is 204 where nothing is new, the new parts of the picture, or
`{"repaint": true}` where buttons and lists change too, which gradio then does.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo import preparing
from demo.comparing import Seen, curves_chart, seen_now
from demo.guard import visitor
from demo.rights import Pace
from demo.session import Session
from demo.watching import LATEST, RunView, watch
from slm.data.prepare import list_datasets

SHORTEST_S = 1.5  # between two questions of a page
LONGEST_S = 8.0
PAGES_A_SECOND = 6  # that ask, when there are many
REMEMBERED_S = 15.0  # a page that has not asked for so long is gone
SHARE = 0.01  # of a core for making pictures of a run anew, at most ...
OLDEST_S = 6.0  # ... unless the last is so old
KEPT = 16
NEW_PICTURES = 120  # made from nothing for one address of a class within a minute; those that are kept cost little
REPAINT = b'{"repaint": true}'


@dataclass(frozen=True)
class Picture:
    """What a tab shows of one run or of several, ready to send. `seen` names it; `shape` changes when buttons, lists or
    tables do."""

    seen: str
    shape: str
    version: str
    body: bytes
    zipped: bytes


class Audience:
    """The pages that ask, and how long each is to wait so that together they ask at most PAGES_A_SECOND times."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, page: str, now: float) -> float:
        """Seconds until this page, which asks now, is to ask again."""
        self._asked[page] = now
        self._asked.move_to_end(page)
        while now - next(iter(self._asked.values())) > REMEMBERED_S:
            self._asked.popitem(last=False)
        return min(max(SHORTEST_S, len(self._asked) / PAGES_A_SECOND), LONGEST_S)


class Gallery:
    """The newest picture of each run that is watched; one that took long to make is kept longer."""

    def __init__(self, make: Callable[[str, Picture | None], Picture], most: int = KEPT) -> None:
        self._make = make
        self._most = most
        self._pictures: OrderedDict[str, tuple[float, Picture]] = OrderedDict()  # good until, picture
        self._turn = asyncio.Lock()

    def __contains__(self, chosen: str) -> bool:
        return chosen in self._pictures

    async def newest(self, chosen: str) -> Picture:
        """The picture of a run, made anew where the last is too old; others wait for it, and make none themselves."""
        async with self._turn:
            until, last = self._pictures.get(chosen, (0.0, None))
            if last is not None and time.monotonic() < until:
                return last
            picture, cost_s = await run_in_threadpool(_timed, self._make, chosen, last)
            self._pictures[chosen] = time.monotonic() + good_for_s(cost_s), picture
            self._pictures.move_to_end(chosen)
            while len(self._pictures) > self._most:
                self._pictures.popitem(last=False)
            return picture


def _timed(make: Callable[[str, Picture | None], Picture], chosen: str, last: Picture | None) -> tuple[Picture, float]:
    begun = time.thread_time()
    picture = make(chosen, last)
    return picture, time.thread_time() - begun


def good_for_s(cost_s: float) -> float:
    """How long a picture is shown that took so long to make."""
    return min(max(1.0, cost_s / SHARE), OLDEST_S)


def paint(session: Session, chosen: str, last: Picture | None = None) -> Picture:
    """The picture of a run as it is now: the last one where nothing is new."""
    view = watch(session, chosen, seen=last.version if last else None)
    if view is None:
        assert last is not None
        return last
    parts = {"train-status": view.status, "train-chart": view.chart, "train-samples": view.samples}
    return _picture(seen_of(view, chosen), parts, shape=_short(view.shape), version=view.version)


def paint_curves(session: Session, names: str, last: Picture | None = None) -> Picture:
    """The picture of several runs' curves, whose names come as JSON: the last one where nothing is new."""
    chosen = json.loads(names)
    seen = seen_now(session, chosen)
    if last is not None and last.version == str(seen):
        return last
    parts = {"runs-chart": curves_chart(session, seen.names)}
    return _picture(str(seen), parts, shape=seen.table, version=str(seen))


def _picture(seen: str, parts: dict[str, Any], *, shape: str, version: str) -> Picture:
    body = json.dumps({"seen": seen, "parts": parts}).encode()
    return Picture(seen, shape, version, body, gzip.compress(body, 5))


def seen_of(view: RunView, chosen: str | None) -> str:
    """The name that a page keeps of what it shows, and asks with."""
    return json.dumps([chosen or LATEST, _short(view.shape), _short(view.version)])


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def preparing_version(session: Session) -> str:
    """Changes when anything that the Data tab shows does; begins with what `made_since` reads."""
    progress = preparing.progress(session.data)
    names = ",".join(m["name"] for m in list_datasets(session.data))
    return f"{progress['stage'] if progress else 'none'} {names} {progress}"


def made_since(seen: str, progress: Mapping[str, Any] | None) -> str | None:
    """The name of the data set that was made after a page had seen this preparing_version; None where none was.

    A page that has seen nothing yet saw none being made.
    """
    if not seen or not progress or progress["stage"] != "done":
        return None
    stage, _, rest = seen.partition(" ")
    known = stage == "done" and progress["name"] in rest.partition(" ")[0].split(",")
    return None if known else progress["name"]


def routes(session: Session) -> list[Route]:
    """What the page's own server answers beside gradio."""
    audience, gallery = Audience(), Gallery(functools.partial(paint, session))
    comparisons = Gallery(functools.partial(paint_curves, session))
    pictures = Pace(NEW_PICTURES)

    def too_many(request: Request, shown: Gallery, chosen: str) -> bool:
        """Whether this address has had too many pictures made; one that is to be made now is counted."""
        if not session.limits.a_minute or chosen in shown:
            return False
        if pictures.wait_s(who := visitor(request)):
            return True
        pictures.count(who)
        return False

    def headers(request: Request) -> dict[str, str]:
        page = request.query_params.get("page", "")[:40]
        return {"slm-next-s": str(audience.wait_s(page, time.monotonic())), "cache-control": "no-store"}

    async def watch_run(request: Request) -> Response:
        seen, answer = request.query_params.get("seen", ""), headers(request)
        chosen, shape = parse_seen(seen)
        # Each run has a picture; names that somebody made up share one, or each would have one made for it.
        chosen = chosen if has_run(session, chosen) else LATEST
        if too_many(request, gallery, chosen):
            return later(answer)
        return send(await gallery.newest(chosen), request, seen, shape, answer)

    async def watch_curves(request: Request) -> Response:
        seen, answer = request.query_params.get("seen", ""), headers(request)
        shown = Seen.parse(seen)
        # As above: only runs that there are, and the same ones in any order have one picture.
        names = sorted({name for name in shown.names if has_run(session, name)})[: session.limits.curves]
        if too_many(request, comparisons, chosen := json.dumps(names)):
            return later(answer)
        return send(await comparisons.newest(chosen), request, seen, shown.table, answer)

    async def watch_preparing(request: Request) -> Response:
        answer = headers(request)
        if await run_in_threadpool(preparing_version, session) == request.query_params.get("seen"):
            return Response(status_code=204, headers=answer)
        return Response(REPAINT, media_type="application/json", headers=answer)

    places = {"watch": watch_run, "curves": watch_curves, "preparing": watch_preparing}
    return [Route(f"/slm/{place}", answer) for place, answer in places.items()]


def later(headers: dict[str, str]) -> Response:
    """The answer to who asks for too much: the page goes on showing what it has, and asks again when it may."""
    return Response(status_code=429, headers={**headers, "slm-next-s": str(LONGEST_S)})


def send(picture: Picture, request: Request, seen: str, shape: str, headers: dict[str, str]) -> Response:
    """The answer to a page that shows `seen`, of this shape: nothing, the picture, or that gradio is to paint."""
    if picture.seen == seen:
        return Response(status_code=204, headers=headers)
    if picture.shape != shape:
        return Response(REPAINT, media_type="application/json", headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(picture.body, media_type="application/json", headers=headers)
    return Response(picture.zipped, media_type="application/json", headers={**headers, "content-encoding": "gzip"})


def has_run(session: Session, name: str) -> bool:
    """Whether there is a run or model of this name."""
    try:
        return session.run_dir(name).is_dir()
    except ValueError:
        return False


def parse_seen(seen: str) -> tuple[str, str]:
    """(the run chosen, the shape shown) of what `seen_of` made; (LATEST, "") of anything else."""
    try:
        chosen, shape, _ = json.loads(seen)
    except (ValueError, TypeError):
        return LATEST, ""
    return (chosen, shape) if isinstance(chosen, str) and isinstance(shape, str) else (LATEST, "")
