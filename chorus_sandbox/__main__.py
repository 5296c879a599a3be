"""``python -m chorus_sandbox``: runs a sandbox until it is told to stop."""

import sys
from pathlib import Path

from chorus_sandbox.command import main

if __name__ == "__main__":
    # The interpreter puts the path of this file there; a program that runs this one, its own name.
    called = sys.argv[0]
    program = "python -m chorus_sandbox" if Path(called).name == "__main__.py" else called
    sys.exit(main(sys.argv[1:], program=program))
