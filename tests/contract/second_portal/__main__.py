"""The portal as a process: one line of JSON with its URL, then requests until it is ended."""

import argparse
import json
import sys
import threading
from pathlib import Path

from tests.contract.second_portal.server import SecondPortal


def main() -> None:
    """Serve until killed, or until standard input closes with `--exit-with-parent`."""
    parser = argparse.ArgumentParser(prog="second_portal")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", type=Path, help="SQLite file of the state, kept across kills")
    parser.add_argument("--exit-with-parent", action="store_true")
    chosen = parser.parse_args()
    with SecondPortal(chosen.data, chosen.port) as portal:
        facts = {"url": portal.url, "cpro_account": portal.cpro_account, **portal.configure()}
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        if chosen.exit_with_parent:
            sys.stdin.read()
        else:
            threading.Event().wait()


if __name__ == "__main__":
    main()
