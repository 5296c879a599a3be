"""HTTP with care, for any portal. A call goes through these, in this order.

``retries`` (reads only) → ``breaker`` (leaves a server alone) → ``pacing`` (the common pace) →
``attempt`` (one call, told as a value) → ``connection`` (what was sent). Beside them: ``outcome``,
``address``.
"""
