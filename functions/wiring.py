"""Which adapter is used for what: each made once, by the first request that needs it, after the worker's fork."""

from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from shared.kit.loading import load
from shared.kit.settings import Settings
from shared.outbox.dispatch import DispatchingDatabase
from shared.outbox.queue import Task, TaskQueue

if TYPE_CHECKING:
    from infra.google.invokers import InvokerTokens
    from infra.phonepe.v1.client import PhonePe as PhonePeV1
    from infra.phonepe.v1.wire import Signer
    from infra.phonepe.v2.client import PhonePe as PhonePeV2
    from shared.bookings.line import Line
    from shared.kit.database import Database
    from shared.kit.store import Store
    from shared.notifications.mail import Mailer
    from shared.payments.checkout import Checkout
    from shared.payments.gateway import Gateway
    from shared.sign_in.otp import OneTimeCodes
    from shared.sign_in.sessions import Lifetimes
    from shared.sign_in.tokens import AccessTokens

# A line of business by its name, imported when a booking of that line is met.
LINES = {"home_chef": "shared.lines.home_chef.line"}

# What must hold of the rows of the core and of each line: modules that name theirs, read when somebody asks.
INVARIANTS = {"core": "shared.invariants.names", "home_chef": "shared.lines.home_chef.invariants.names"}

# The settings of what many functions do: promise work to the queue, complete visits, which issues an invoice.
PROMISING = ["cloud_tasks_location", "tasks_url", "tasks_invoker"]
INVOICING = ["supplier_address", "supplier_gstin"]


@cache
def settings() -> Settings:
    return Settings.read()


def line(name: str) -> "Line":
    return cast("Line", load(LINES[name]))


@cache
def invariants() -> dict[str, str]:
    from shared.invariants.run import read

    return read(name for room in INVARIANTS.values() for name in import_module(room).NAMES)


@cache
def database() -> DispatchingDatabase:
    from infra.postgres.engine import PostgresDatabase

    chosen = settings()
    assert chosen.database_url  # noqa: S101 - required at start
    postgres = PostgresDatabase(
        chosen.database_url, chosen.database_pool, statement_timeout_ms=chosen.statement_timeout_ms
    )
    return DispatchingDatabase(postgres, _LateQueue())


@cache
def patient_database() -> "Database":
    """Return the database for what reads everything there is: one connection, which waits longer for an answer."""
    from infra.postgres.engine import PostgresDatabase
    from shared.invariants.run import PATIENCE

    chosen = settings()
    assert chosen.database_url  # noqa: S101 - required at start
    return PostgresDatabase(chosen.database_url, 1, read_timeout=PATIENCE + 5)


class _LateQueue:
    """The queue, made with the first task: most requests promise nothing."""

    def enqueue(self, task: Task, within: float = 0.5) -> None:
        queue().enqueue(task, within)


@cache
def queue() -> TaskQueue:
    from infra.cloud_tasks import CloudTasks
    from infra.google.identity import MetadataIdentity

    chosen = settings()
    return CloudTasks(
        chosen.cloud_tasks_url,
        chosen.cloud_tasks_location or "",
        chosen.tasks_url or "",
        chosen.tasks_invoker or "",
        MetadataIdentity(chosen.gce_metadata_host),
    )


@cache
def store() -> "Store":
    from infra.redis import UpstashRedis

    chosen = settings()
    return UpstashRedis(chosen.upstash_redis_rest_url or "", chosen.upstash_redis_rest_token or "")


@cache
def mailer() -> "Mailer":
    """Resend, then SMTP, then in development the console."""
    from infra.email import ConsoleMailer, FirstThatWorks, ResendMailer, SmtpMailer

    chosen = settings()
    mailers: list[Mailer] = []
    if chosen.resend_api_key:
        mailers.append(ResendMailer(chosen.resend_api_key, chosen.mail_from, chosen.resend_url))
    if chosen.smtp_url:
        mailers.append(SmtpMailer(chosen.smtp_url, chosen.mail_from))
    if chosen.is_local:
        mailers.append(ConsoleMailer(chosen.environment))
    return FirstThatWorks(mailers)


@cache
def signer() -> "Signer":
    from infra.phonepe.v1.wire import Signer

    salts = settings().phonepe_salt_keys
    assert salts  # noqa: S101 - asked for where there are some
    return Signer(salts)


@cache
def phonepe_v1() -> "PhonePeV1":
    from infra.phonepe.v1.client import PhonePe

    chosen = settings()
    return PhonePe(
        chosen.phonepe_base_url,
        chosen.phonepe_merchant_id or "",
        signer(),
        f"{chosen.public_url}/api/v1/payments/callback",
    )


@cache
def phonepe_v2() -> "PhonePeV2":
    from infra.phonepe.v2.client import PhonePe
    from infra.phonepe.v2.token import Credentials, Tokens

    chosen = settings()
    credentials = Credentials(
        chosen.phonepe_client_id or "", chosen.phonepe_client_version or "", chosen.phonepe_client_secret or ""
    )
    tokens = Tokens(chosen.phonepe_auth_url, credentials, store())
    return PhonePe(chosen.phonepe_pg_url, chosen.phonepe_merchant_id or "", tokens)


def gateway_needs() -> list[str]:
    """Return the settings without which no payment can begin, by the version of the gateway that is chosen."""
    if settings().phonepe_api == "v1":
        return ["phonepe_merchant_id", "phonepe_salt_keys", "public_url"]
    credentials = ["phonepe_client_id", "phonepe_client_version", "phonepe_client_secret"]
    return ["phonepe_merchant_id", *credentials, "upstash_redis_rest_url", "upstash_redis_rest_token"]


def callback_needs() -> list[str]:
    """Return the settings without which no message of the gateway that is chosen can be believed to be its own."""
    return ["phonepe_salt_keys" if settings().phonepe_api == "v1" else "phonepe_webhook_keys"]


def gateway() -> "Gateway":
    """Return the gateway new payments begin at."""
    return phonepe_v1() if settings().phonepe_api == "v1" else phonepe_v2()


def gateway_named(name: str) -> "Gateway":
    """Return the gateway an attempt was begun at; raises GatewayUnavailable for one this deployment has no settings for."""
    from shared.payments.gateway import GatewayUnavailable

    if name == "phonepe" and settings().phonepe_salt_keys:
        return phonepe_v1()
    if name == "phonepe_v2" and settings().phonepe_client_secret:
        return phonepe_v2()
    raise GatewayUnavailable(f"no settings for {name}")


def is_from(name: str, raw: bytes, header: str) -> bool:
    """Tell whether a message was sent by the gateway of this name, by its header; never where it has no settings."""
    chosen = settings()
    if name == "phonepe" and chosen.phonepe_salt_keys:
        from infra.phonepe.v1.wire import is_authentic

        return is_authentic(raw, header, signer())
    if name == "phonepe_v2" and chosen.phonepe_webhook_keys:
        from infra.phonepe.v2.wire import is_ours

        return is_ours(header, chosen.phonepe_webhook_keys)
    return False


def id_in(name: str, raw: bytes) -> str:
    """Return our id that a message of the gateway of this name speaks of; empty where there is none."""
    if name == "phonepe":
        from infra.phonepe.v1.wire import our_id
    else:
        from infra.phonepe.v2.wire import our_id
    return our_id(raw)


@cache
def checkout() -> "Checkout":
    from shared.payments.checkout import Checkout, Windows

    chosen = settings()

    def return_url(ref: str, merchant_txn_id: str) -> str:
        return f"{chosen.payment_return_url}?{urlencode({'ref': ref, 'txn': merchant_txn_id})}"

    windows = Windows(
        reuse=timedelta(seconds=chosen.attempt_reuse_seconds),
        extension=timedelta(seconds=chosen.attempt_extension_seconds),
        per_hour=chosen.payments_per_hour,
    )
    return Checkout(database(), gateway(), gateway_named, line, windows, return_url)


@cache
def access_tokens() -> "AccessTokens":
    from shared.sign_in.tokens import AccessTokens

    chosen = settings()
    assert chosen.jwt_keys  # noqa: S101 - required at start
    return AccessTokens(chosen.jwt_keys, chosen.jwt_issuer, chosen.jwt_audience, chosen.access_token_seconds)


@cache
def one_time_codes() -> "OneTimeCodes":
    from shared.sign_in.otp import OneTimeCodes

    chosen = settings()
    assert chosen.otp_keys  # noqa: S101 - required at start
    return OneTimeCodes(store(), chosen.otp_keys, chosen.otp_seconds, chosen.otp_alarm_per_minute)


def lifetimes() -> "Lifetimes":
    from shared.sign_in.sessions import Lifetimes

    chosen = settings()
    return Lifetimes(
        session=timedelta(seconds=chosen.refresh_token_seconds),
        admin=timedelta(seconds=chosen.admin_session_seconds),
        grace=timedelta(seconds=chosen.refresh_grace_seconds),
    )


@cache
def invokers(audience: str, email: str) -> "InvokerTokens":
    from infra.google.invokers import InvokerTokens

    chosen = settings()
    return InvokerTokens(chosen.oidc_issuer, chosen.oidc_jwks_url, audience, frozenset({email}))
