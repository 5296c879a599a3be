"""How a request comes in and its answer leaves.

Reading order: ``server`` (HTTP) → ``injection`` (a request and its fault; ``distortion`` spoils
answers) → ``gates`` (who may call what; the table of routes). Beside them ``panel``, the buyer's
panel under ``/_sandbox/``, and ``page``, its HTML.
"""
