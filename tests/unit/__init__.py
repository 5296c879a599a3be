"""Unit tests: no file, no network, no database."""
