"""Proof of what was issued and deposited.

``verification`` (books against journal), ``portal_copy`` (the portal's copy against ours),
``documents`` (exported as they were issued), ``record`` (all that is kept of one invoice).
"""
