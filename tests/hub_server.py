"""A stand-in for the Hugging Face Hub that speaks its protocol: what the libraries ask, over real HTTP.

It serves folders as repositories and takes commits. Written from what huggingface_hub and datasets send.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "1" * 40
WHEN = "2026-01-01T00:00:00.000Z"
API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+?)(?:/(revision|tree|paths-info|preupload|commit)/([^/]+)(.*))?")
FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)")


class HubServer:
    """A Hub on this machine with these repositories: {("datasets", "owner/name"): folder}."""

    def __init__(self, repositories: dict[tuple[str, str], Path]) -> None:
        self.repositories = repositories
        self.received: dict[str, dict[str, bytes]] = {}  # files by the model that they were sent to
        self.fetched: list[str] = []  # files that were given away
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if file := FILE.fullmatch(path):
            return self._file("datasets" if file[1] else "models", file[2], file[3])
        if (asked := API.fullmatch(path)) and (folder := self.hub.repositories.get((asked[1], asked[2]))):
            if asked[3] in (None, "revision"):
                return self._json(_about(asked[2], folder))
            if asked[3] == "tree":
                return self._json(list(_entries(folder, asked[5].strip("/"), recursive="recursive=True" in self.path)))
        self._missing("RepoNotFound")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'somebody'}/{asked['name']}"
            self.hub.received[name] = {}
            return self._json({"url": f"{self.hub.url}/{name}", "name": name})
        found = API.fullmatch(path)
        if not found:
            return self._missing("RepoNotFound")
        kind, name, verb = found[1], found[2], found[3]
        if verb == "paths-info" and (folder := self.hub.repositories.get((kind, name))):
            return self._json(
                [entry for entry in _entries(folder, "", recursive=True) if entry["path"] in _paths(body)]
            )
        if verb == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        if verb == "commit":
            lines = [json.loads(line) for line in body.splitlines()]
            sent = [line["value"] for line in lines if line["key"] == "file"]
            self.hub.received[name] |= {one["path"]: base64.b64decode(one["content"]) for one in sent}
            return self._json(
                {"commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT, "success": True}
            )
        self._missing("RepoNotFound")

    def _file(self, kind: str, repository: str, name: str) -> None:
        folder = self.hub.repositories.get((kind, repository))
        if folder is None or not (folder / name).is_file():
            return self._missing("EntryNotFound" if folder else "RepoNotFound")
        content = (folder / name).read_bytes()
        whole = len(content)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if wanted:
            begin, end = int(wanted[1]), int(wanted[2] or whole - 1)
            content = content[begin : end + 1]
        if self.command == "GET":
            self.hub.fetched.append(name)
        headers = {"ETag": f'"{_digest(folder / name)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if wanted:
            headers["Content-Range"] = f"bytes {begin}-{begin + len(content) - 1}/{whole}"
        self._answer(206 if wanted else 200, content, headers)

    def _json(self, answer: Any) -> None:
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _missing(self, code: str) -> None:
        self._answer(404, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _about(name: str, folder: Path) -> dict[str, Any]:
    files = [{"rfilename": entry["path"]} for entry in _entries(folder, "", recursive=True) if entry["type"] == "file"]
    return {
        "_id": "1", "id": name, "sha": COMMIT, "private": False, "gated": False, "disabled": False, "tags": [],
        "downloads": 0, "likes": 0, "lastModified": WHEN, "createdAt": WHEN, "siblings": files,
    }  # fmt: skip


def _entries(folder: Path, under: str, *, recursive: bool) -> Iterator[dict[str, Any]]:
    place = folder / under
    for path in sorted(place.rglob("*") if recursive else place.iterdir()):
        entry = {"path": path.relative_to(folder).as_posix(), "oid": _digest(path), "size": 0, "type": "directory"}
        if path.is_file():
            entry |= {"type": "file", "size": path.stat().st_size}
        yield entry


def _digest(path: Path) -> str:
    content = path.read_bytes() if path.is_file() else path.name.encode()
    return hashlib.sha1(content).hexdigest()


def _paths(body: bytes) -> list[str]:
    """The paths in a question for them, which comes as JSON or as a form."""
    try:
        return json.loads(body)["paths"]
    except json.JSONDecodeError:
        return urllib.parse.parse_qs(body.decode())["paths"]
