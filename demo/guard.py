"""What stands before gradio's own doors: on a page for others, only who holds a key may upload."""

from __future__ import annotations

import json
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote

from demo.rights import Rights

COOKIE = "slm-key"
REFUSED = "Uploading needs the teacher's code."


class UploadGuard:
    """An ASGI layer around the page's server that lets an upload through only with the cookie of a key."""

    def __init__(self, app: Any, rights: Rights) -> None:
        self.app, self.rights = app, rights

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request."""
        upload = scope["type"] == "http" and scope["path"].rstrip("/").endswith("/upload")
        if not upload or any(self.rights.holds(key) for key in keys_in(dict(scope["headers"]).get(b"cookie", b""))):
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"error": REFUSED, "detail": REFUSED}).encode()})


def keys_in(cookies: bytes) -> list[str]:
    """The keys in a Cookie header; pages of several servers on one machine each have their own. The empty one too."""
    try:
        found = SimpleCookie(cookies.decode("latin-1"))
    except CookieError:
        return [""]
    return ["", *(unquote(morsel.value) for name, morsel in found.items() if name.startswith(COOKIE))]
