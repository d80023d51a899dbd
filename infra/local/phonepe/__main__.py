"""`python -m infra.local.phonepe --port N --data DIR --merchant-id M --salt-key K`: serves until SIGTERM or SIGINT.

With `--client-id` the merchant has v2 too; the environment variables PHONEPE_CLIENT_SECRET and PHONEPE_WEBHOOK_PASSWORD
are its secret and the password of its webhooks.
"""

import argparse
import logging
import os
import signal
from pathlib import Path

from infra.local.phonepe.app import Options, Server
from infra.local.phonepe.desk import Pace
from infra.local.phonepe.signing import Merchant
from infra.local.phonepe.v2.account import Account


def _read(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="infra.local.phonepe", description="PhonePe PG, on this machine.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder for transactions")
    parser.add_argument("--merchant-id", required=True)
    parser.add_argument("--merchant-name", help="shown on the pay page; default: the id")
    kept = os.environ.get("PHONEPE_SALT_KEY")  # every user of a machine can read command lines
    parser.add_argument("--salt-key", default=kept, required=not kept, help="or PHONEPE_SALT_KEY in the environment")
    parser.add_argument("--salt-index", default="1")
    parser.add_argument("--salt", action="append", default=[], type=_salt, metavar="INDEX:KEY", help="a further salt")
    parser.add_argument("--public-url", help="this server's URL for browsers")
    parser.add_argument("--refund-seconds", type=float, default=2.0, help="seconds until a refund completes")
    parser.add_argument("--refund-polls", type=int, help="or this number of pending responses, if that is sooner")
    parser.add_argument("--client-id", default="", help="of v2")
    parser.add_argument("--client-version", default="1")
    parser.add_argument("--webhook-url", help="receives v2's webhooks")
    parser.add_argument("--webhook-user", default="sizzle")
    given = parser.parse_args(arguments)
    salts = {**dict(given.salt), given.salt_index: given.salt_key}
    merchant = Merchant(given.merchant_id, salts, given.salt_index, given.merchant_name or given.merchant_id)
    pace = Pace(given.refund_seconds, given.refund_polls)
    return Options(merchant, given.data, given.port, given.public_url, pace, _account(given))


def _account(given: argparse.Namespace) -> Account:
    return Account(
        given.client_id,
        given.client_version,
        os.environ.get("PHONEPE_CLIENT_SECRET", ""),
        given.webhook_url,
        given.webhook_user,
        os.environ.get("PHONEPE_WEBHOOK_PASSWORD", ""),
    )


def _salt(text: str) -> tuple[str, str]:
    index, _, key = text.partition(":")
    if not index or not key:
        raise argparse.ArgumentTypeError("a salt is INDEX:KEY")
    return index, key


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    ending = {signal.SIGTERM, signal.SIGINT}
    server = Server(_read())
    # Before any thread starts: a signal taken by another thread would not end this thread's wait.
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    server.start()
    print(f"PhonePe stand-in: {server.url}", flush=True)
    signal.sigwait(ending)
    server.stop()


if __name__ == "__main__":
    main()
