"""Anybody's invoice file, judged.

Reading order: ``verdict`` (the whole) → ``pdf`` (the XML inside; ``pdf_marks``, what the PDF says
of it) → ``profiles`` (what it claims to be) → ``xpaths`` (where a business term stands) →
``amounts``, ``prices``, ``dates``; ``chorus`` has Chorus Pro's limits on a file.
"""
