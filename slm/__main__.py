"""`python -m slm`: the command line."""

from __future__ import annotations

import sys

from slm.cli import main

if __name__ == "__main__":
    sys.exit(main())
