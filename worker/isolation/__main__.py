"""The other side: the limits first, then the reader's libraries, then its answers."""

import json
import os
import resource
import shutil
import sys
from importlib import import_module

from worker.isolation.frames import READY, STARVED, write_frame

PROCESSOR_GRACE = 5
"""Seconds between the signal that tells the reason (SIGXCPU) and the one that tells none."""


def _main(module: str, limits: str, *arguments: str) -> int:
    for limit, bound in json.loads(limits).items():
        _, hard = resource.getrlimit(int(limit))
        above = PROCESSOR_GRACE if int(limit) == resource.RLIMIT_CPU else 0
        most = bound + above if hard == resource.RLIM_INFINITY else min(bound + above, hard)
        resource.setrlimit(int(limit), (bound, most))
    # Whatever a library prints must not be taken for an answer.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        serve = import_module(module).prepare(*arguments)
        write_frame(target, READY)
        serve(sys.stdin.buffer, target)
    except MemoryError:
        return STARVED
    except BrokenPipeError:
        # The program ended first: its folder is then ours to remove.
        return 0
    finally:
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
