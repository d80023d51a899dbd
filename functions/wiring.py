"""Adapters: each is made once, by the first request that needs it, after the worker's fork."""

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
    from shared.bookings.line import Line
    from shared.kit.database import Database
    from shared.kit.store import Store
    from shared.notifications.mail import Mailer
    from shared.payments.checkout import Checkout
    from shared.sign_in.otp import OneTimeCodes
    from shared.sign_in.sessions import Lifetimes
    from shared.sign_in.tokens import AccessTokens

# Lines of business by name, imported by the first booking of each.
LINES = {"home_chef": "shared.lines.home_chef.line"}

# Invariants of the core and of each line: modules that name theirs, imported by the hourly check.
INVARIANTS = {"core": "shared.invariants.names", "home_chef": "shared.lines.home_chef.invariants.names"}

# Settings that several functions need: to enqueue tasks, and to issue invoices when visits complete.
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


def _resend() -> "Mailer | None":
    from infra.email import ResendMailer

    chosen = settings()
    return ResendMailer(chosen.resend_api_key, chosen.mail_from, chosen.resend_url) if chosen.resend_api_key else None


def _smtp() -> "Mailer | None":
    from infra.email import SmtpMailer

    chosen = settings()
    return SmtpMailer(chosen.smtp_url, chosen.mail_from) if chosen.smtp_url else None


def _console() -> "Mailer | None":
    from infra.email import ConsoleMailer

    chosen = settings()
    return ConsoleMailer(chosen.environment) if chosen.is_local else None


# Senders of mail in the order in which they are tried; each is None without its settings.
MAILERS = (_resend, _smtp, _console)


@cache
def mailer() -> "Mailer":
    from infra.email import FirstThatWorks

    return FirstThatWorks([made for make in MAILERS if (made := make())])


@cache
def checkout() -> "Checkout":
    from functions import gateways
    from shared.payments.checkout import Checkout, Windows

    chosen = settings()

    def return_url(ref: str, merchant_txn_id: str) -> str:
        return f"{chosen.payment_return_url}?{urlencode({'ref': ref, 'txn': merchant_txn_id})}"

    windows = Windows(
        reuse=timedelta(seconds=chosen.attempt_reuse_seconds),
        extension=timedelta(seconds=chosen.attempt_extension_seconds),
        per_hour=chosen.payments_per_hour,
    )
    return Checkout(database(), gateways.chosen_gateway(), gateways.gateway_named, line, windows, return_url)


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
