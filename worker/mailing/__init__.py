"""Members are written: asked for their references in November, sent their statements (C3, C7, C10).

Reading order: ``texts`` (the templates) → ``letters`` (who is written what) → ``sending`` (each
once, as far as SMTP allows). ``contacts``: what a person may ask about the data of a contact (C11).
"""
