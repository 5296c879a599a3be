"""Chorus Pro. A call goes through these, in this order.

``portal`` (the contract) → an operation: ``deposit``, ``search``, ``reading``, ``completion``,
``directory`` → ``gateway`` (both identities) → ``token`` → ``portals/http``. Beside them:
``verdict`` (what an outcome proves), ``records`` (answers as values), ``status_words``
(Chorus Pro's words for a file or an invoice, and ours), ``answers`` (lenient reading of JSON),
``settings``.
"""
