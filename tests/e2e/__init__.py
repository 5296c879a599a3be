"""The real program in its own process, as people and machines use it."""
