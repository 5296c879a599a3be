"""The waiting half: it lasts months, and is called at any time, twice, or after a crash.

Reading order, as an invoice lives it: ``deposit`` → ``reconcile`` (an uncertain one is looked for)
→ ``integration`` (the report on a file; ``evidence`` keeps it) → ``statuses`` (at the buyer's).
"""
