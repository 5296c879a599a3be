"""What the sandbox remembers: one SQLite file.

Reading order: ``records`` (the values) → ``tables`` → ``ledger`` (the file, its readers) → one
book a subject: ``flux_book``, ``invoice_book``, ``attachment_book``, ``fault_book``.
"""
