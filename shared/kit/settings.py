"""The settings of a deployment, read once from the environment and typed.

`.env.example` documents each name. At start, a function calls `require` with the secrets it needs, so that each
function gets only its own. A missing secret stops the process with an error that names it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

KEY_LENGTH = 32
# PhonePe publishes these for its shared sandbox: anyone can sign a callback with them (docs/phonepe.md#sandbox-keys).
SANDBOX_MERCHANTS = frozenset({"PGTESTPAYUAT", "PGTESTPAYUAT86", "PGTESTPAY", "MERCHANTUAT"})
SANDBOX_SALTS = frozenset(
    {
        "099eb0cd-02cf-4e2a-8aca-3e6c6aff0399",
        "96434309-7796-489d-8924-ab56988a6076",
        "14fa5465-f8a7-443f-8477-f986b8fcfde9",
    }
)
ENVIRONMENTS = frozenset({"local", "test", "staging", "production"})
PHONEPE_APIS = frozenset({"v1", "v2"})


class SettingsError(Exception):
    """The environment is invalid; the message lists names, never a value."""


@dataclass(frozen=True)
class Keys:
    """Named secrets: the first signs, all are accepted, so that keys rotate without downtime."""

    by_id: Mapping[str, str] = field(repr=False)

    @property
    def current(self) -> tuple[str, str]:
        return next(iter(self.by_id.items()))

    @classmethod
    def parse(cls, text: str) -> "Keys":
        """Read `id:secret[,id:secret]`, the current key first. Raises ValueError."""
        pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
        if not pairs or any(not name or not secret for name, _, secret in pairs):
            raise ValueError("is not written as id:secret[,id:secret]")
        if len({name for name, _, _ in pairs}) < len(pairs):
            raise ValueError("names an id twice")
        return cls({name: secret for name, _, secret in pairs})


def _is_terminal_height(name: str, text: str) -> bool:
    """Return whether LINES is a number: terminals export their height under the same name."""
    return name == "lines" and text.isdigit()


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())


READERS: dict[Any, Any] = {
    str: str,
    int: int,
    str | None: str,
    Keys | None: Keys.parse,
    tuple[str, ...]: _list,
}


@dataclass(frozen=True)
class Settings:
    """One value per environment variable (the field's name in capitals); names of durations end with their unit."""

    environment: str = "production"
    log_level: str = "INFO"
    google_cloud_project: str = "local"

    lines: tuple[str, ...] = ("all",)

    database_url: str | None = field(default=None, repr=False)
    database_pool: int = 8
    statement_timeout_ms: int = 0

    upstash_redis_rest_url: str | None = None
    upstash_redis_rest_token: str | None = field(default=None, repr=False)

    public_url: str | None = None
    payment_return_url: str | None = None
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: int = 1

    jwt_keys: Keys | None = None
    jwt_issuer: str = "bookings"
    jwt_audience: str = "bookings-api"
    access_token_seconds: int = 604_800
    refresh_keys: Keys | None = None
    refresh_token_seconds: int = 2_592_000
    refresh_grace_seconds: int = 10
    admin_session_seconds: int = 43_200

    otp_keys: Keys | None = None
    otp_seconds: int = 300
    otp_alarm_per_minute: int = 300

    mail_from: str = "Bookings <hello@bookings.example>"
    resend_api_key: str | None = field(default=None, repr=False)
    resend_url: str = "https://api.resend.com"
    smtp_url: str | None = field(default=None, repr=False)

    cloud_tasks_url: str = "https://cloudtasks.googleapis.com"
    cloud_tasks_location: str | None = None
    tasks_url: str | None = None
    tasks_invoker: str | None = None
    schedule_url: str | None = None
    schedule_invoker: str | None = None
    migrate_url: str | None = None
    migrate_invoker: str | None = None
    gce_metadata_host: str = "metadata.google.internal"
    oidc_issuer: str = "https://accounts.google.com"
    oidc_jwks_url: str = "https://www.googleapis.com/oauth2/v3/certs"

    phonepe_api: str = "v2"
    phonepe_merchant_id: str | None = None
    phonepe_auth_url: str = "https://api.phonepe.com/apis/identity-manager"
    phonepe_pg_url: str = "https://api.phonepe.com/apis/pg"
    phonepe_client_id: str | None = None
    phonepe_client_version: str | None = None
    phonepe_client_secret: str | None = field(default=None, repr=False)
    phonepe_webhook_keys: Keys | None = None
    phonepe_base_url: str = "https://api.phonepe.com/apis/hermes"
    phonepe_salt_keys: Keys | None = None

    supplier_name: str | None = None
    supplier_address: str | None = None
    supplier_gstin: str | None = None
    supplier_state: str = "Maharashtra"

    quote_seconds: int = 1_800
    unpaid_seconds: int = 1_800
    attempt_extension_seconds: int = 1_500
    attempt_reuse_seconds: int = 900
    unpaid_bookings_per_customer: int = 3
    bookings_per_hour: int = 10
    quotes_per_hour: int = 60
    payments_per_hour: int = 10
    start_window_minutes: int = 0

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment; an empty value counts as absent. Raises SettingsError with the invalid names."""
        source = os.environ if environ is None else environ
        values, wrong = {}, []
        for item in fields(cls):
            text = source.get(item.name.upper(), "").strip()
            if text and not _is_terminal_height(item.name, text):
                try:
                    values[item.name] = READERS[item.type](text)
                except ValueError:
                    wrong.append(item.name.upper())
        if wrong:
            raise SettingsError(f"cannot be read: {', '.join(wrong)}")
        settings = cls(**values)
        if settings.environment not in ENVIRONMENTS:
            # A misspelt "production" would skip the checks for production.
            raise SettingsError(f"ENVIRONMENT is none of {', '.join(sorted(ENVIRONMENTS))}")
        if settings.phonepe_api not in PHONEPE_APIS:
            raise SettingsError(f"PHONEPE_API is none of {', '.join(sorted(PHONEPE_APIS))}")
        settings.refuse_sandbox_in_production()
        settings.refuse_weak_keys_in_production()
        return settings

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of all settings, as field names."""
        return frozenset(item.name for item in fields(cls))

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def is_local(self) -> bool:
        return self.environment in {"local", "test"}

    @property
    def resend_api_key_or_smtp_url(self) -> str | None:
        """Return a configured mail provider's credential, None without one; in development the console prints mails."""
        return self.resend_api_key or self.smtp_url or ("console" if self.is_local else None)

    def require(self, *names: str) -> None:
        """Raise SettingsError naming the given settings that are not set."""
        missing = [name.upper() for name in names if getattr(self, name) in (None, "")]
        if missing:
            raise SettingsError(f"missing: {', '.join(sorted(missing))}")

    def refuse_sandbox_in_production(self) -> None:
        """Raise SettingsError if production uses the gateway's published test keys: anyone could sign a callback."""
        salts = set(self.phonepe_salt_keys.by_id.values()) if self.phonepe_salt_keys else set()
        if self.is_production and (self.phonepe_merchant_id in SANDBOX_MERCHANTS or salts & SANDBOX_SALTS):
            raise SettingsError(
                "PHONEPE_MERCHANT_ID or PHONEPE_SALT_KEYS is published sandbox data, refused in production"
            )

    def refuse_weak_keys_in_production(self) -> None:
        """Raise SettingsError if a signing key in production is shorter than 32 characters (RFC 7518, 3.2)."""
        signing = {"JWT_KEYS": self.jwt_keys, "REFRESH_KEYS": self.refresh_keys, "OTP_KEYS": self.otp_keys}
        weak = [name for name, keys in signing.items() if keys and min(map(len, keys.by_id.values())) < KEY_LENGTH]
        if self.is_production and weak:
            raise SettingsError(f"shorter than {KEY_LENGTH} characters: {', '.join(weak)}")
