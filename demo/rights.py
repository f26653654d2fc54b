"""Who may change things on a page that others see too, and how much each visitor may ask of it.

Whoever types the code gets a key: a random word that the browser keeps and sends along. The code itself is kept
nowhere, not even here, where only its digest stands.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

KEY_LIFE_S = 12 * 3600.0
MOST_KEYS = 256
MINUTE_S = 60.0
MAY_NOT = "this needs the teacher's code: type it at the top of the page, under Teacher"
SWITCHED_OFF = "training, preparing and deleting are switched off here; whoever runs this page can set a code for them"


# What costs the server work, by how much one request of it costs, and what a visitor calls it.
WORK = {
    "story": "stories",  # seconds of a model
    "view": "views of a model or a run",  # tenths of a second: a model's inside, a copy check, the curves of runs
    "word": "next words",  # one pass of a model, often asked for while somebody types
    "file": "files",  # a model written to the disk
}


@dataclass(frozen=True)
class Limits:
    """What one visitor may ask for; None is no end, and so is a kind of WORK that `a_minute` does not name."""

    prompt_characters: int = 20_000
    tokens: int = 1000  # of one story
    stories: int = 8  # at once, over all models
    curves: int | None = None  # at once, in one picture
    upload_mb: int = 500
    queue: int | None = None  # requests of all visitors that wait
    waiting: int | None = None  # of those, requests of one address; a whole school may have only one
    a_minute: Mapping[str, int] = field(default_factory=dict)  # of one address, by kind of WORK


OWN_PAGE = Limits()
CLASS_PAGE = Limits(
    prompt_characters=4_000, tokens=400, stories=4, curves=8, upload_mb=100, queue=60, waiting=40,
    a_minute={"story": 60, "view": 120, "word": 600, "file": 6},
)  # fmt: skip


class Pace:
    """At most `each` times a minute for one visitor, and `in_all` times for all of them together."""

    def __init__(self, each: int, in_all: int | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = {"each": each, "all": in_all}
        self._clock, self._lock = clock, threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def wait_s(self, visitor: str) -> float:
        """Seconds until this visitor may again; 0.0 where that is now."""
        with self._lock:
            return max(self._wait_s(visitor, self._most["each"]), self._wait_s("", self._most["all"]))

    def count(self, visitor: str) -> None:
        """This visitor did it once more."""
        with self._lock:
            now = self._clock()
            if len(self._times) > 1000:
                self._times = {name: times for name, times in self._times.items() if now - times[-1] < MINUTE_S}
            for name in (visitor, ""):
                self._times.setdefault(name, deque(maxlen=1000)).append(now)

    def _wait_s(self, name: str, most: int | None) -> float:
        times = self._times.get(name)
        if most is None or not times:
            return 0.0
        while times and self._clock() - times[0] >= MINUTE_S:
            times.popleft()
        if not times:
            del self._times[name]
            return 0.0
        return 0.0 if len(times) < most else max(0.0, MINUTE_S - (self._clock() - times[-most]))


class Rights:
    """Who may change things: everybody without a code, else who typed it; nobody where that is `switched_off`."""

    def __init__(
        self, code: str | None = None, *, switched_off: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.has_code, self.switched_off = code is not None and not switched_off, switched_off
        # A code from a file or a secret often ends with a line break; what is typed is stripped, too.
        self._digest = _digest((code or "").strip() or secrets.token_hex())
        self._wrong = Pace(5, 30, clock=clock)
        self._keys: dict[bytes, float] = {}  # digest of a key, and until when it is good
        self._clock, self._lock = clock, threading.Lock()

    @property
    def public(self) -> bool:
        """Whether others than who runs the page are expected here."""
        return self.has_code or self.switched_off

    def unlock(self, typed: str | None, visitor: str) -> str:
        """A key for who typed the right code; ValueError for a wrong one, and for one more after too many of those."""
        if not self.has_code:
            raise ValueError(SWITCHED_OFF if self.switched_off else "this page needs no code")
        if wait_s := self._wrong.wait_s(visitor):
            raise ValueError(f"too many wrong codes came; wait {wait_s:.0f} seconds, then try again")
        if not hmac.compare_digest(_digest((typed or "").strip()), self._digest):
            self._wrong.count(visitor)
            raise ValueError("this is not the teacher's code; type it again")
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._keys[_digest(key)] = self._clock() + KEY_LIFE_S
            while len(self._keys) > MOST_KEYS:
                del self._keys[next(iter(self._keys))]
        return key

    def lock(self, key: str | None) -> None:
        """Take a key back."""
        with self._lock:
            self._keys.pop(_digest(key or ""), None)

    def holds(self, key: str | None) -> bool:
        """Whether who sends this key may change things."""
        if not self.public:
            return True
        return isinstance(key, str) and self._keys.get(_digest(key), 0.0) > self._clock()


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
