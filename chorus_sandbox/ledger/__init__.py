"""What the sandbox remembers: one SQLite file.

Reading order: ``records`` (the values) → ``tables`` → ``ledger`` (the file, its readers) → one
file a subject: ``fluxes``, ``invoices``, ``attachments``, ``faults``.
"""
