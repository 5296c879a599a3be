"""The verdict on any invoice file, ours or not.

Reading order: ``verdict`` (the whole) → ``pdf`` (the XML inside; ``pdf_marks``, what the PDF says
of it) → ``profiles`` (what it claims to be) → ``xpaths`` (how a term is read) → ``amounts``,
``dates``; ``chorus`` has Chorus Pro's limits.
"""
