"""Whether the Hugging Face Hub can be reached, found out in a moment."""

from __future__ import annotations

import contextlib
import http.client
import queue
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

REACH_TIMEOUT_S = 5.0  # a name, a connection and its encryption, on the slow line of a school


def hub_is_reachable() -> bool:
    """Whether the Hub answers within REACH_TIMEOUT_S; the library itself tries for minutes where it does not."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers: queue.Queue[bool] = queue.Queue()

    def knock() -> None:
        try:
            request = urllib.request.Request(f"{constants.ENDPOINT}/robots.txt", method="HEAD")
            urllib.request.urlopen(request, timeout=REACH_TIMEOUT_S).close()
            answers.put(True)
        except urllib.error.HTTPError:
            answers.put(True)
        except (OSError, ValueError, http.client.HTTPException) as error:
            # Certificates are the library's to judge, which may know of more of them.
            answers.put(isinstance(getattr(error, "reason", None), ssl.SSLError))

    # In a thread, because nothing else bounds the time that looking up a name takes.
    threading.Thread(target=knock, daemon=True).start()
    try:
        return answers.get(timeout=REACH_TIMEOUT_S)
    except queue.Empty:
        return False


@contextlib.contextmanager
def offline_unless_reachable() -> Iterator[None]:
    """While the block runs, the Hub's libraries look into their caches only, unless the Hub answers at once.

    What is not there is a ConnectionError then, which says that the Hub did not answer.
    """
    import datasets
    from huggingface_hub import constants

    if hub_is_reachable():
        yield
        return
    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    except Exception as error:
        if before[0]:  # nobody asked it
            raise
        raise ConnectionError(f"it did not answer within {REACH_TIMEOUT_S:g} s") from error
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before
