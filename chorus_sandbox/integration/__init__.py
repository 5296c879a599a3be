"""The verdict on a deposited file.

Reading order: ``integration`` (when, and which verdict) → ``lots`` (unpacked) → ``documents``
(read, by their ``dialects`` and ``schemas``) → ``controls`` (what Chorus Pro refuses).
"""
