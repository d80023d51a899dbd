"""X-VERIFY of v1: the plain SHA-256 of a text and a salt, followed by the index that names the salt."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

SEPARATOR = "###"


@dataclass(frozen=True)
class Merchant:
    """A merchant with all its salts by index; the salt of `index` signs its callbacks."""

    id: str
    salts: Mapping[str, str] = field(repr=False)
    index: str
    name: str


def sign(text: str, salt_key: str, index: str) -> str:
    """Return the header's value for `text`, which is base64 + path, a path, or (in a callback) base64 alone."""
    return f"{hashlib.sha256((text + salt_key).encode()).hexdigest()}{SEPARATOR}{index}"


def is_signed(header: str, text: str, merchant: Merchant) -> bool:
    """Tell whether `header` signs `text` with the salt of its index; constant time in the digest."""
    index = header.partition(SEPARATOR)[2]
    salt_key = merchant.salts.get(index)
    return salt_key is not None and hmac.compare_digest(header.encode(), sign(text, salt_key, index).encode())
