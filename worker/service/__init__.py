"""The program: opened, campaigned, beating, watched.

Reading order: ``opening`` (of an installation) → ``bootstrap`` (builds the parts, nowhere else) →
``campaign`` (a year moved forward) → ``decisions`` (what a person decides about an invoice) →
``heartbeat`` (unattended; ``systemd`` is told, ``failures`` are kept). Beside them:
``installation``, ``demo``, ``local_portal``, ``logs``.
"""
