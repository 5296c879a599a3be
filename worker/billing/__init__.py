"""The computing half: values in, values out. It knows no file, network, database or clock.

Reading order: ``period``, ``money``, ``vat``, ``members`` → ``consumption`` → ``tariff``,
``rating`` → ``statement`` → ``invoice`` → ``document``; then ``credit_note``; beside them
``status`` (states and moves of an invoice), ``journal`` (the hash chain) and ``text``. Two
tables, ``bindings.toml`` and ``french.toml``, are parts of the program and loaded with it.
"""
