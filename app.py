"""The page: `python app.py`, then open http://127.0.0.1:7860."""

from __future__ import annotations

import argparse
import os
import secrets
import threading

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from demo.startup import import_gradio
from slm.runs import checkpoints_dir, data_dir


def parse_args(words: list[str] | None = None) -> argparse.Namespace:
    on_spaces = "SPACE_ID" in os.environ
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="0.0.0.0" if on_spaces else "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")
    parser.add_argument("--share", action="store_true", help="make a public link; changes need a code")
    parser.add_argument("--checkpoints", help="folder of models and runs (else SLM_CHECKPOINTS, else checkpoints/)")
    parser.add_argument("--data-dir", help="folder of prepared data sets (else SLM_DATA, else data/)")
    return parser.parse_args(words)


def main() -> None:
    args = parse_args()
    import_gradio()
    from demo.page import build, launch_options
    from demo.session import Session

    code = None
    if args.share or "SPACE_ID" in os.environ:
        code = os.environ.get("SLM_TEACHER_CODE") or secrets.token_hex(4)
        if "SLM_TEACHER_CODE" not in os.environ and args.share:
            print(f"To train, prepare or delete on the shared page, type this code: {code}")
    session = Session(checkpoints_dir(args.checkpoints), data_dir(args.data_dir), code)
    page = build(session)
    place = {"server_name": args.host, "server_port": args.port, "share": args.share}
    page.launch(**place, prevent_thread_lock=True, **launch_options())
    threading.Thread(target=session.warm, daemon=True).start()  # torch takes seconds; the page is up already
    page.block_thread()


if __name__ == "__main__":
    main()
