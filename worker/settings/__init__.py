"""The configuration of this installation.

``keys`` (what may be set, and how it is checked) → ``loading`` (the file, the environment above
it) → ``secrets``. Beside them: ``tariffs`` (the grids of a folder), ``shipped`` (our own files).
"""
