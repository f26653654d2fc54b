"""The page: `python app.py`, then open http://127.0.0.1:7860."""

from __future__ import annotations

import argparse
import os
import secrets
import threading

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from demo.address import address_of_class, why_not_here
from demo.rights import Rights
from demo.startup import import_gradio
from demo.zero import Zero, is_here
from slm.runs import bundled_dir, checkpoints_dir, data_dir

CODE_VARIABLE = "SLM_TEACHER_CODE"
OPEN_TO_ALL = (
    "Whoever reaches this page can start, stop and delete trainings. In a class add --teacher-code CODE: then all "
    "others only watch and write."
)


EMPTY_CODE = (
    "The teacher's code is empty, and with no code everybody can start, stop and delete trainings: give one with "
    f"--teacher-code or {CODE_VARIABLE}, or leave both away."
)


def parse_args(words: list[str] | None = None) -> argparse.Namespace:
    on_spaces = "SPACE_ID" in os.environ
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="0.0.0.0" if on_spaces else "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")
    parser.add_argument("--share", action="store_true", help="make a public link; changes need a code")
    parser.add_argument(
        "--teacher-code", metavar="CODE", help="who types it starts and stops, all others watch and write "
        f"(else {CODE_VARIABLE}, which other users of this machine cannot see in the list of processes)",
    )  # fmt: skip
    parser.add_argument("--checkpoints", help="folder of models and runs (else SLM_CHECKPOINTS, else checkpoints/)")
    parser.add_argument("--data-dir", help="folder of prepared data sets (else SLM_DATA, else data/)")
    return parser.parse_args(words)


def rights(args: argparse.Namespace) -> Rights:
    """Who may change things: whoever runs a page for this machine alone, else who knows the code.

    SystemExit for an empty code, which a variable that was never set makes of one.
    """
    from_environment = os.environ.pop(CODE_VARIABLE, None)  # so that no process that the page starts inherits it
    code = from_environment if args.teacher_code is None else args.teacher_code
    if code is not None:
        if not code.strip():
            raise SystemExit(EMPTY_CODE)
        return Rights(code)
    if "SPACE_ID" in os.environ:
        return Rights(switched_off=True)
    if args.share:
        code = secrets.token_hex(4)
        print(f"To train, prepare or delete on the shared page, type this code: {code}")
        return Rights(code)
    if args.host not in ("127.0.0.1", "localhost", "::1"):
        print(OPEN_TO_ALL)
    return Rights()


def main() -> None:
    args = parse_args()
    import_gradio()
    zero = Zero() if is_here() else None
    from demo.page import build, launch_options
    from demo.session import Session

    try:
        places = checkpoints_dir(args.checkpoints), data_dir(args.data_dir)
    except ValueError as error:
        raise SystemExit(f"{error}") from None
    session = Session(*places, rights(args), bundled_dir(), zero)
    page = build(session)
    place = {"server_name": args.host, "server_port": args.port, "share": args.share}
    try:
        page.launch(**place, prevent_thread_lock=True, **launch_options(session))
    except OSError:
        raise SystemExit(why_not_here(args.host, args.port)) from None
    if "SPACE_ID" not in os.environ and (address := address_of_class(args.host, args.port)):
        print(f"Other machines on this network open {address}")
    threading.Thread(target=session.warm, daemon=True).start()  # torch takes seconds; the page is up already
    page.block_thread()


if __name__ == "__main__":
    main()
