"""Where the page is reached: what a class types, and why nothing can listen there."""

from __future__ import annotations

import errno
import socket

ALL_ADDRESSES = ("0.0.0.0", "::")
ELSEWHERE = ("192.0.2.1", 9)  # an address that belongs to nobody (RFC 5737)


def address_of_class(host: str, port: int) -> str | None:
    """What others on the network type to reach a page that listens on all addresses; None where that is not known."""
    if host not in ALL_ADDRESSES:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(ELSEWHERE)  # sends nothing; the system only says from which of its addresses it would
        except OSError:
            return None
        return f"http://{asking.getsockname()[0]}:{port}"


def why_not_here(host: str, port: int) -> str:
    """Why nothing could listen on this address and port, in a sentence."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trying:
            trying.bind(place)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            why = f"The page cannot listen on {host}, port {port} ({error.strerror})"
            return f"{why}; choose others with --host and --port."
    return f"Port {port} is taken already, perhaps by this very page in another window; choose another with --port."
