"""chorus-worker: bills shared public services, from raw consumption to a settled e-invoice.

The list of files of this folder is the path of the data; docs/architecture.md is its map.
"""

__version__ = "0.1.0"
