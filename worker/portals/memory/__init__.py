"""A portal in memory: ``portal``, the contract; ``books``, what it holds."""
