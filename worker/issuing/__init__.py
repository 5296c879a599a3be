"""A year becomes invoices.

Reading order: ``batch`` (a year, member by member) → ``prepare`` (computed and checked) →
``directory`` (asked; ``directory_rules`` judge) → ``holds`` → ``terms``, ``numbering`` →
``render`` → ``documents`` (frozen and stored; ``unprintable`` says which text cannot be set).
``check`` looks at a year as the batch would, before any number.
"""
