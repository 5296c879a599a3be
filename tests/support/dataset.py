"""The built-in structures of the sandbox, each by what sets it apart."""

from chorus_sandbox import directory

BUILT_IN = directory.read_structures(directory.BUILT_IN)

SUPPLIER = "33254021516357"
"""Private supplier of the recorded test set."""
PUBLIC_SUPPLIER = "00001000900017"
"""Public supplier: it may use ``FACTURES_PUBLIQUES``."""
INACTIVE_SUPPLIER = "00001000900025"

NO_PARAMETER = "12345678200051"
ENGAGEMENT = "12345678200036"
SERVICE = "12345678200028"
SERVICE_AND_ENGAGEMENT = "12345678200044"
STATE = "11000201100044"
INACTIVE = "12345678200101"
MOA_ONLY = "12345678200119"
EITHER = "12345678200127"
SERVICE_RULES = "12345678200135"
"""Its services differ: one wants an engagement, one is inactive, one expired, one not yet open."""
PAYMENT_NOT_REPORTED = "12345678200143"
MANY_SERVICES = "12345678200150"
