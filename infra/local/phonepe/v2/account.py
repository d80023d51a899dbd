from dataclasses import dataclass, field


@dataclass(frozen=True)
class Account:
    """A merchant as v2 knows it: its credentials, and the webhook its dashboard names; without an id there is none."""

    client_id: str = ""
    client_version: str = "1"
    client_secret: str = field(default="", repr=False)
    webhook_url: str | None = None
    webhook_user: str = "sizzle"
    webhook_password: str = field(default="", repr=False)
