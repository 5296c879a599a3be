"""A portal in memory: ``portal``, the contract; ``ledger``, what it holds."""
