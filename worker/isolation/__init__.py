"""The bounded child processes that read hostile bytes.

A document may unfold to any size inside a library: only the operating system can stop that. Each
reader runs as ``python -m worker.isolation MODULE`` under limits of memory, processor time and
waiting time, in a session and a folder of its own, with no secret in its environment.

Reading order: ``limits`` (the table) → ``child`` (our side) → ``frames`` (what crosses) →
``__main__`` (the other side). A reader is a module whose ``prepare(*arguments)`` loads what it
needs and returns the function that answers on two streams. What ``files`` gives is read here.
"""
