"""What the documents say of the code, compared with the code."""
