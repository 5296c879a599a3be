"""HTTP with care, for any portal. A call goes through these, in this order.

``retries`` (reads only) → ``breaker`` (no call while it is open) → ``pacing`` (the common pace) →
``attempt`` (one call, told as a value) → ``connection`` (what was sent). ``address`` is beside.
"""
