"""Adapters, each made once.

`serve` makes the database's object at start; it connects with its first use, after the worker's fork. The first request
that needs another adapter makes it.
"""

import os
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

import shared.lines
from shared.kit.lazy_import import load
from shared.kit.settings import Settings, SettingsError
from shared.outbox.dispatch import DispatchingDatabase
from shared.outbox.queue import Task, TaskQueue

if TYPE_CHECKING:
    from infra.google.invokers import InvokerTokens
    from shared.bookings.line import Line
    from shared.bookings.models import Booking
    from shared.kit.brand import Brand
    from shared.kit.database import Database
    from shared.kit.store import Store
    from shared.notifications.mail import Mailer
    from shared.payments.checkout import Checkout
    from shared.sign_in.otp import OneTimeCodes
    from shared.sign_in.sessions import Lifetimes
    from shared.sign_in.tokens import AccessTokens

# Settings that several functions need: to enqueue tasks, and to issue invoices when visits complete.
ENQUEUEING = ["cloud_tasks_location", "tasks_url", "tasks_invoker"]
INVOICING = ["supplier_address", "supplier_gstin"]


@cache
def settings() -> Settings:
    return Settings.read()


@cache
def lines() -> tuple[str, ...]:
    """Return this deployment's lines, as the setting LINES names them. Raises SettingsError for an unknown line.

    A name is a folder of `shared/lines`, or the dotted name of a line's package elsewhere.
    """
    here = shared.lines.__path__[0]
    available = sorted(name for name in os.listdir(here) if os.path.exists(f"{here}/{name}/line.py"))  # noqa: PTH110, PTH208 - pathlib is not loaded yet at a cold start
    named = tuple(available) if settings().lines == ("all",) else settings().lines
    unknown = [name for name in named if name not in available and not ("." in name and _is_package_of_line(name))]
    if unknown or not named:
        raise SettingsError(f"LINES names no line: {', '.join(unknown)} (there are: {', '.join(available)})")
    if len({name.rpartition(".")[2] for name in named}) < len(named):
        raise SettingsError("LINES names a line twice")
    return named


def _is_package_of_line(name: str) -> bool:
    try:
        return find_spec(f"{name}.line") is not None
    except (ImportError, ValueError):  # a parent package is missing, or the name is none of a package
        return False


def line_names() -> list[str]:
    """Return the names of this deployment's lines, as bookings store them."""
    return [module.rpartition(".")[2] for module in lines()]


@cache
def line(name: str) -> "Line":
    """Return the manifest of a line, or a neutral one for a line that is disabled in this deployment."""
    from shared.payments.neutral_line import RetiredLine

    module = next((one for one in lines() if one.rpartition(".")[2] == name), None)
    if module is None:
        return RetiredLine(name)
    found = cast("Line", load(f"{module if '.' in module else f'shared.lines.{module}'}.line").LINE)
    if found.name != name:
        raise SettingsError(f"the manifest of the line {name} is named {found.name}")
    return found


@cache
def invariants() -> dict[str, str]:
    """Return the SQL of each invariant of the core and of the lines, by name."""
    from shared.invariants import names
    from shared.invariants.run import read

    of_lines = [module for name in line_names() for module in line(name).invariants]
    return read(dict.fromkeys([*names.NAMES, *of_lines]))


@cache
def database() -> DispatchingDatabase:
    from infra.postgres.engine import PostgresDatabase

    chosen = settings()
    assert chosen.database_url  # noqa: S101 - required at start
    postgres = PostgresDatabase(
        chosen.database_url, chosen.database_pool, statement_timeout_ms=chosen.statement_timeout_ms
    )
    return DispatchingDatabase(postgres, _LazyQueue())


@cache
def slow_query_database() -> "Database":
    """Return a database for queries over whole tables: one connection with a longer read timeout."""
    from infra.postgres.engine import PostgresDatabase
    from shared.invariants.run import TIMEOUT_SECONDS

    chosen = settings()
    assert chosen.database_url  # noqa: S101 - required at start
    return PostgresDatabase(chosen.database_url, 1, read_timeout=TIMEOUT_SECONDS + 5)


class _LazyQueue:
    """Creates the queue's client with the first task, because most requests enqueue nothing."""

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


# Mail providers in the order in which they are tried; each is None without its settings.
MAILERS = (_resend, _smtp, _console)


@cache
def mailer() -> "Mailer":
    from infra.email import FallbackMailer

    return FallbackMailer([made for make in MAILERS if (made := make())])


@cache
def brand() -> "Brand":
    """Return the operator's name for mails of no line: the display name of the sender."""
    from email.utils import parseaddr

    from shared.kit.brand import Brand

    return Brand(parseaddr(settings().mail_from)[0])


@cache
def checkout() -> "Checkout":
    from functions import gateways
    from shared.payments.checkout import Checkout, Windows

    chosen = settings()

    def return_url(booking: "Booking", merchant_txn_id: str) -> str:
        query = {"ref": booking.ref, "txn": merchant_txn_id, "line": booking.line}
        return f"{chosen.payment_return_url}?{urlencode(query)}"

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
