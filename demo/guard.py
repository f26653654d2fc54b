"""What stands before the page's handlers: who may upload, how large a request may be, how often one may ask, and how
many requests of one address may wait.

Every handler that makes a model or the disk work calls `pace` before it does; tests/demo/test_guard.py finds one that
does not.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request

from demo.rights import Rights

if TYPE_CHECKING:
    import gradio as gr

    from demo.session import Session

COOKIE = "slm-key"
MOST_BODY_BYTES = 1_000_000  # of what a page sends without a key: its fields' values
NO_UPLOAD = "Uploading needs the teacher's code."
NO_FILE = "Naming a file needs the teacher's code."
TOO_MANY_WAIT = "From your address {most} requests wait already: ask again when some of them have been answered."
TOO_LARGE = f"What was sent is larger than {MOST_BODY_BYTES / 1e6:.0f} MB; send less."


def pace(session: Session, request: gr.Request, work: str) -> None:
    """Count a request for this kind of demo.rights.WORK; ValueError where this visitor asks for it too often."""
    if work in session.limits.a_minute:
        session.allow_request(visitor(request), work)


def visitor(request: gr.Request | Request) -> str:
    """The address of who asks; behind the proxy of a Space, as the proxy tells it."""
    forwarded = request.headers.get("x-forwarded-for", "") if "SPACE_ID" in os.environ else ""
    return forwarded.split(",")[0].strip() or (request.client.host if request.client else "")


def waiting(page: gr.Blocks, who: str) -> int:
    """How many requests of a visitor wait in the page's queue for their turn."""
    lines = page._queue.event_queue_per_concurrency_id.values()
    return sum(visitor(event.request) == who for line in lines for event in line.queue)


class Guard:
    """An ASGI layer around the page's server: uploads, files that are named by their address and large requests need
    the cookie of a key, and so do more waiting requests of one address than `most_waiting`."""

    def __init__(self, app: Any, rights: Rights, most_waiting: int | None = None) -> None:
        self.app, self.rights, self.most_waiting = app, rights, most_waiting
        self._entering: Counter[str] = Counter()  # requests that are on their way into the queue, by visitor

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        who = visitor(Request(scope)) if self.most_waiting is not None and _wants_a_turn(scope) else None
        refusal = None
        if not self._holds_a_key(scope):
            refusal = _refusal(scope)
            if refusal is None and _length(scope):
                body = await _whole(receive)
                refusal = (403, NO_FILE) if names_a_file(body) else None
                receive = _given_again(body, receive)
            refusal = refusal or self._no_room_for(who, scope)
        if refusal is None:
            await self._let_in(who, scope, receive, send)
            return
        status, says = refusal
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"error": says, "detail": says}).encode()})

    def _holds_a_key(self, scope: dict[str, Any]) -> bool:
        return any(self.rights.holds(key) for key in keys_in(dict(scope["headers"]).get(b"cookie", b"")))

    async def _let_in(self, who: str | None, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if who is None:
            await self.app(scope, receive, send)
            return
        self._entering[who] += 1  # many that come at the same moment must not all find the queue as it was before
        try:
            await self.app(scope, receive, send)
        finally:
            self._entering[who] -= 1
            self._entering += Counter()  # forgets who has none

    def _no_room_for(self, who: str | None, scope: dict[str, Any]) -> tuple[int, str] | None:
        most = self.most_waiting
        if who is None or most is None or waiting(scope["app"].get_blocks(), who) + self._entering[who] < most:
            return None
        return 429, TOO_MANY_WAIT.format(most=most)


def _wants_a_turn(scope: dict[str, Any]) -> bool:
    """Whether this request goes into the queue: from a page, or from a program."""
    if scope["method"] != "POST":
        return False
    path = scope["path"].rstrip("/")
    return path.endswith("/queue/join") or "/call/" in path


def _refusal(scope: dict[str, Any]) -> tuple[int, str] | None:
    """What whoever holds no key is told of this request, with the HTTP status; None where it is let through."""
    if scope["path"].rstrip("/").endswith("/upload"):
        return 403, NO_UPLOAD
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    # A request that does not say its length may have no end.
    endless = b"transfer-encoding" in headers or not length.isdigit()
    return (413, TOO_LARGE) if endless or int(length) > MOST_BODY_BYTES else None


def _length(scope: dict[str, Any]) -> int:
    """The bytes of a request's body, as it says; 0 where it says none."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _whole(receive: Any) -> bytes:
    """A request's body, or what had come of it when it broke off."""
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)


def _given_again(body: bytes, receive: Any) -> Any:
    """What an application receives of a request whose body was read before it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        return left.pop() if left else await receive()

    return receive_again


def names_a_file(body: bytes) -> bool:
    """Whether JSON holds a file in gradio's form.

    Gradio fetches what the file's address names, however large, before it asks any handler: whatever the handler takes.
    """
    try:
        rest = [json.loads(body)]
    except RecursionError:
        return True  # no page of ours nests so deeply, and what lies deeper cannot be looked at
    except ValueError:
        return False  # gradio cannot read it either
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            meta = value.get("meta")
            if isinstance(meta, dict) and meta.get("_type") == "gradio.FileData":
                return True
            rest.extend(value.values())
        elif isinstance(value, list):
            rest.extend(value)
    return False


def keys_in(cookies: bytes) -> list[str]:
    """The keys in a Cookie header; pages of several servers on one machine each have their own. The empty one too."""
    try:
        found = SimpleCookie(cookies.decode("latin-1"))
    except CookieError:
        return [""]
    return ["", *(unquote(morsel.value) for name, morsel in found.items() if name.startswith(COOKIE))]
