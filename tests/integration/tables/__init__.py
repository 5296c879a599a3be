"""Tables, written to real files."""
