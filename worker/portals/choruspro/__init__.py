"""Chorus Pro. A call goes through these, in this order.

``portal`` (the contract) → an operation: ``deposit``, ``search``, ``consultation``, ``completion``,
``directory`` → ``gateway`` (both identities) → ``token`` → ``portals/http``. Beside them:
``verdict`` (what an outcome proves), ``contract_values`` (answers as values), ``status_words``
(Chorus Pro's words for a file or an invoice, and ours), ``json_fields`` (lenient reading),
``access`` (addresses, credentials).
"""
