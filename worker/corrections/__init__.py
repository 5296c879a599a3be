"""What a person decides about an invoice.

``todo`` says what waits for a decision; ``resend``, ``completion`` and ``credit`` carry it out.
"""
