"""The tests of the worker: see the section on tests in docs/architecture.md."""
