"""What Google tells: who we are, and who calls."""


class IdentityUnavailable(Exception):
    """The metadata server or the issuer's keys cannot be reached: nothing is known about the caller. Try again later."""
