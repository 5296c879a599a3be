"""Integration tests: real files, real processes, 127.0.0.1 only."""
