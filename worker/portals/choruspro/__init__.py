"""Chorus Pro. A call goes through these, in this order.

``portal`` (the contract) → an operation: ``deposit``, ``search``, ``reading``, ``completion``,
``directory`` → ``pages`` (lists) → ``gateway`` (both identities) → ``token`` → ``portals/http``.
Beside them: ``verdict`` (what an outcome proves), ``failures`` (errors), ``records`` (answers as
values), ``answers`` (lenient reading of JSON), ``words`` (Chorus Pro's own), ``settings``.
"""
