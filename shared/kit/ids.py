"""Generate ids: unpredictable, unique, in the format each use requires."""

import secrets
from uuid import UUID, uuid4

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: read aloud and typed without mistakes


def new_id() -> UUID:
    return uuid4()


def crockford(length: int) -> str:
    """Return `length` random Crockford base32 characters (5 bits each)."""
    return "".join(CROCKFORD[byte % 32] for byte in secrets.token_bytes(length))  # 256 is a multiple of 32


def booking_ref(prefix: str) -> str:
    """Return a booking reference that is easy to read aloud: the prefix and 8 characters (docs/product.md#states)."""
    return f"{prefix}-{crockford(8)}"


def merchant_id(prefix: str) -> str:
    """Return a new id for the gateway: at most 34 of [A-Za-z0-9_-], never used twice (docs/phonepe.md#ids-and-amounts)."""
    return f"{prefix}_{crockford(26)}"


def prefix_of(merchant_id: str) -> str:
    """Return the prefix of a gateway id made by `merchant_id`."""
    return merchant_id.partition("_")[0]
