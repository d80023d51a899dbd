"""Google's identities: our own, and our callers'."""


class IdentityUnavailable(Exception):
    """The metadata server or the issuer's keys cannot be reached: the caller's identity is unknown; try again later."""
