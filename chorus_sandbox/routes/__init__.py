"""The operations of Chorus Pro, a file for each family.

Reading order: ``calls`` (what an operation receives) → ``deposits`` (deposit and report;
``report_pdf``) → ``searches``, ``invoices``, ``downloads``, ``supplier``, ``attachments``,
``buyer`` (what comes after) → ``structures``, ``accounts`` (the directory).
"""
