"""Google's identities: our own, and our callers'."""


class IdentityUnavailable(Exception):
    """The metadata server or the issuer's keys cannot be reached: nothing is known about the caller. Try again later."""
