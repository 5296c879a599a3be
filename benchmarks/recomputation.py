"""What computing issued documents again costs: CPU and peak memory, in a process of its own.

``python -m benchmarks.recomputation CONFIG`` says it as JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

from worker.audit.recomputation import recompute
from worker.service.opening import open_app


def main() -> None:
    """Compute every document of an installation again."""
    app = open_app(Path(sys.argv[1]))
    start = time.process_time()
    documents = differing = 0
    for one in recompute(app.store):
        documents += 1
        differing += bool(one.findings)
    spent = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"documents": documents, "differing": differing, "cpu": spent, "peak": peak}))


if __name__ == "__main__":
    main()
