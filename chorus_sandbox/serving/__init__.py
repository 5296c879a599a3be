"""How a request comes in and its answer leaves.

Reading order: ``server`` (HTTP) → ``fault_effects`` (what a fault does to a request; ``distortion``
changes answers) → ``gateway`` (who may call what; the table of routes). Beside them ``panel``, the
buyer's panel under ``/_sandbox/``, and ``page``, its HTML.
"""
