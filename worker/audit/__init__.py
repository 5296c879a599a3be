"""Proof of what was issued and deposited.

``verification`` (books against journal), ``recomputation`` (issued documents computed again from
their rows; ``recheck``, a slice at each heartbeat), ``explanation`` (an amount down to the rows,
files and grid it comes from), ``portal_copy`` (the portal's copy against ours), ``documents``
(exported as they were issued), ``record`` (all that is kept of one invoice).
"""
