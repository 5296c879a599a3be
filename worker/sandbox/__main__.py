"""``python -m worker.sandbox``: runs a sandbox until it is told to stop."""

import sys

from worker.sandbox.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m worker.sandbox"))
