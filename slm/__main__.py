"""`python -m slm`: the command line."""

from __future__ import annotations

import os
import sys

from slm.cli import main
from slm.processes import leaves_threads

if __name__ == "__main__":
    code = main()
    if leaves_threads():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
