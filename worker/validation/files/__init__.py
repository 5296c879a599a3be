"""The verdict on any invoice file, ours or not.

Reading order: ``verdict`` (the whole) → ``pdf`` (the XML inside; ``pdf_marks``, what the PDF says
of it; ``pdf_actions``, what it does) → ``profiles`` (what it claims to be) → ``xpaths`` (how a term
is read) → ``amounts``, ``dates``, ``left_out``; ``chorus`` has Chorus Pro's limits.
"""
