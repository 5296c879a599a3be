"""The computing half: values in, values out.

It knows no file but its own tables, no network, database or clock.

Reading order: ``period``, ``money``, ``vat``, ``members`` → ``consumption`` → ``tariff``,
``rating`` → ``statement`` → ``invoice`` → ``document``; then ``credit_note``; beside them
``status`` (states and moves of an invoice), ``journal`` (the hash chain) and ``text``. The
tables ``bindings.toml`` and ``french.toml`` are loaded with it, by ``toml``.
"""
