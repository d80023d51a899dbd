"""The PhonePe stand-in in a thread of the test, called over HTTP."""

import tempfile
from pathlib import Path

import requests

from infra.local.phonepe.app import Options, Server
from infra.local.phonepe.desk import Pace
from infra.local.phonepe.signing import Merchant
from infra.local.phonepe.v2.account import Account

TIMEOUT = 10
CREDENTIALS = ("TESTCLIENT", "1", "test-client-secret")
WEBHOOK_USER = ("hooks", "pass1word")


class PhonePeServer:
    """The stand-in, running from `start` to `stop` or inside a `with`; its state is in `data`, or in memory.

    `salts` maps indexes to salts; `index` signs the callbacks. A refund completes after `refund_seconds`, or earlier
    after `refund_polls` pending answers. `webhook_url` is what v2's dashboard configures.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        merchant_id: str = "TESTMERCHANT",
        merchant_name: str = "Sizzle",
        salts: dict[str, str] | None = None,
        index: str = "1",
        refund_seconds: float = 0.3,
        refund_polls: int | None = None,
        public_url: str | None = None,
        webhook_url: str | None = None,
    ):
        self.merchant_id = merchant_id
        self.salts = salts or {"1": "test-salt"}
        self.index = index
        self.account = Account(*CREDENTIALS, webhook_url, *WEBHOOK_USER)
        self._folder = tempfile.TemporaryDirectory() if data is None else None
        self._server = Server(
            Options(
                merchant=Merchant(merchant_id, self.salts, index, merchant_name),
                data=data or Path(self._folder.name),
                public_url=public_url,
                pace=Pace(refund_seconds, refund_polls),
                account=self.account,
            )
        )
        self.url = self._server.url

    def start(self):
        self._server.start()
        return self

    def stop(self):
        self._server.stop()
        if self._folder:
            self._folder.cleanup()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def pay_page(self, url, outcome):
        """Choose `pay`, `decline` or `pending` on a pay page; returns the redirect, not followed."""
        return requests.post(url, data={"outcome": outcome}, timeout=TIMEOUT, allow_redirects=False)

    def settle(self, transaction_id, outcome, **wish):
        """Settle a payment with `force=True`, `code=...`, `after_seconds=n` and `after_polls=n` as in `control`."""
        return self._post(f"/{transaction_id}/settle", {"outcome": outcome, **wish})

    def attempt(self, order_id):
        """Fail one attempt inside a v2 order; the order stays open."""
        return self._post(f"/{order_id}/attempt", {})

    def fault(self, name, times=1, *, value=None, transaction=None):
        """Arm a fault of `faults.CATALOGUE` for one transaction or for any."""
        path = f"/{transaction}/faults" if transaction else "/faults"
        return self._post(path, {"fault": name, "times": times, "value": value})

    def no_faults(self):
        requests.delete(f"{self.url}/_local/payments/faults", timeout=TIMEOUT).raise_for_status()

    def transactions(self):
        """Return all transactions as the control API lists them, newest first."""
        return requests.get(f"{self.url}/_local/payments", timeout=TIMEOUT).json()

    def _post(self, path, wish):
        answer = requests.post(f"{self.url}/_local/payments{path}", json=wish, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()
