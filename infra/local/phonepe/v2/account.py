from dataclasses import dataclass, field


@dataclass(frozen=True)
class Account:
    """A merchant's v2 credentials and webhook; without a client id it has no v2."""

    client_id: str = ""
    client_version: str = "1"
    client_secret: str = field(default="", repr=False)
    webhook_url: str | None = None
    webhook_user: str = "sizzle"
    webhook_password: str = field(default="", repr=False)
