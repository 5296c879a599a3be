"""``python -m chorus_sandbox``: runs a sandbox until it is told to stop."""

import sys

from chorus_sandbox.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m chorus_sandbox"))
