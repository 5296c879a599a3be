"""Golden documents: bytes that change only on purpose."""
