"""``python -m worker`` is the same program as ``chorus-worker``."""

from worker.cli import main

main()
