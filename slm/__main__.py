"""`python -m slm`: the command line."""

from __future__ import annotations

import os
import sys

from slm.cli import main

if __name__ == "__main__":
    code = main()
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        # Gloo's threads outlive their process group (DistributedDataParallel holds it), and one that still lets go of
        # a tensor while Python shuts down aborts the process after all was done.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
