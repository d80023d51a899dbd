"""Killable functions with real servers around them; customers, gateway and queue retry, and time passes."""

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from pg8000.native import Connection

from infra.local.cloud_tasks.store import Store
from infra.local.processes import Process, ReservedPort, healthy, stop, wait_ready
from infra.postgres.engine import PostgresDatabase
from shared.kit.ids import new_id
from shared.kit.settings import Keys
from shared.sign_in.tokens import AccessTokens
from shared.users.models import CUSTOMER
from tests.architecture.probe import SECRETS, placeholders
from tests.google_servers import GoogleServers
from tests.kill.boundaries import Boundaries
from tests.mail_server import MailServer
from tests.make import Make
from tests.phonepe_server import PhonePeServer
from tests.postgres_server import plain_connection

FUNCTIONS = ("customer", "payments", "callback", "tasks", "schedule")
INVOKER = "invoker@test.example"
MAX_TRIES = 8  # maximum tries of one call

# Expires leases, makes the sweep and the polls due, gives up gateway calls, and allows the next customer poll.
LATER = (
    "update outbox set leased_until = null, next_try_at = now() where done_at is null and due_at <= now()",
    "update payment_attempts set started_at = started_at - interval '20 s' where state = 'created'",
    "update payment_attempts set next_poll_at = now() - interval '2 minutes', asked_at = null where next_poll_at is not null",
    "update refunds set next_poll_at = now() - interval '2 minutes', sent_at = sent_at - interval '2 minutes' where next_poll_at is not null",
)
DUE = "select * from tasks where state = 'scheduled' and scheduled <= ? order by scheduled"
UNFINISHED = """
select (select count(*) from outbox where done_at is null and due_at <= now())
  + (select count(*) from payment_attempts where state in ('created', 'pending'))
  + (select count(*) from refunds where state in ('created', 'sent', 'pending'))
"""


@dataclass
class Visit:
    """A booked visit with its customer's token and the payment's start answer."""

    token: str
    booking: dict[str, Any]
    page: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.booking["id"])


@dataclass
class World:
    urls: dict[str, str]
    db: Connection
    make: Make
    google: GoogleServers
    phonepe: PhonePeServer
    mail: MailServer
    boundaries: Boundaries

    # Customers.

    def call(self, function: str, method: str, path: str, **wanted: Any) -> requests.Response:
        """Call a function on a new connection; raises requests.ConnectionError when it is killed meanwhile."""
        return requests.request(method, self.urls[function] + path, timeout=20, **wanted)

    def retry(self, call: Callable[[], requests.Response]) -> dict[str, Any]:
        """Retry until the call succeeds: at once without an answer, later when the answer asks for that."""
        failure = "no answer"
        for _ in range(MAX_TRIES):
            with suppress(requests.ConnectionError):
                answer = call()
                failure = f"{answer.status_code} {answer.text}"
                if answer.ok:
                    return dict(answer.json())
                self.time_passes()
        raise AssertionError(f"it could not be done in {MAX_TRIES} tries: {failure}")

    def post(self, function: str, path: str, body: Any, token: str, key: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        return self.call(function, "POST", f"/api/v1{path}", json=body, headers=headers)

    def booked(self) -> Visit:
        """Book a new chef for a new customer and deliver their notifications.

        Earlier polls are moved away: due 30 s after the payment began, they would shift this visit's boundaries.
        """
        self.delete_tasks()
        self.db.run("update outbox set done_at = now() where done_at is null")
        self.mail.flush()
        customer, chef = self.make.customer(), self.make.chef()
        token = self._token(customer.id)
        request = {"address_id": str(customer.address_id), "chef_id": str(chef.id)}
        request |= {"booking_date": self.make.day(3).isoformat(), "time_slot": "12:00"}
        visit = Visit(token, self.post("customer", "/customer/bookings", request, token, "book").json())
        assert "id" in visit.booking, visit.booking
        self.rest()
        return visit

    def initiate(self, visit: Visit) -> None:
        body = {"booking_id": visit.id}
        visit.page = self.retry(lambda: self.post("payments", "/payments/initiate", body, visit.token, "pay"))

    def pay(self, visit: Visit) -> None:
        """Press pay on the customer's gateway page."""
        self.phonepe.pay_page(visit.page["payment_url"], "pay")

    def poll(self, visit: Visit) -> None:
        path = f"/api/v1/payments/status/{visit.page['merchant_txn_id']}"
        headers = {"Authorization": f"Bearer {visit.token}"}
        self.retry(lambda: self.call("payments", "GET", path, headers=headers))

    def cancel(self, visit: Visit) -> None:
        body = {"reason": "plans", "expected_refund": visit.booking["total"]}
        path = f"/customer/bookings/{visit.id}/cancel"
        self.retry(lambda: self.post("customer", path, body, visit.token, "cancel"))

    # Gateway, queue and clock.

    def report(self, visit: Visit) -> None:
        """Send the gateway's callback until a function accepts it."""
        content = {"success": True, "code": "PAYMENT_SUCCESS"}
        body = content | {"data": {"merchantTransactionId": visit.page["merchant_txn_id"]}}
        response = base64.b64encode(json.dumps(body).encode()).decode()
        signed = sha256((response + self.phonepe.salts["1"]).encode()).hexdigest() + "###1"
        path, headers = "/api/v1/payments/callback", {"X-VERIFY": signed}
        self.retry(lambda: self.call("callback", "POST", path, json={"response": response}, headers=headers))

    def deliver(self) -> None:
        """Deliver each due task once; a task without a 2xx is delivered again later."""
        for task in self._tasks.execute(DUE, time.time()):
            with suppress(requests.ConnectionError):
                if self._invoke("tasks", urlsplit(json.loads(task["request"])["url"]).path).ok:
                    self._tasks.end("done", "name", task["name"])

    def delete_tasks(self) -> None:
        """Delete every task, as if the queue had accepted none."""
        self._tasks.execute("update tasks set state = 'dropped'")

    def pause_queue(self) -> None:
        """Pause the queue's own deliveries, so that every run is the same."""
        for name in self.google._tasks._queues:
            self._tasks.execute("insert into paused values (?)", name)

    def run_job(self, name: str) -> None:
        with suppress(requests.ConnectionError):  # the next round runs it again
            self._invoke("schedule", f"/jobs/{name}").raise_for_status()

    def time_passes(self) -> None:
        for statement in LATER:
            self.db.run(statement)

    def cancelled_unpaid(self, visit: Visit) -> None:
        self.db.run("update bookings set pay_by = now() where id = :id", id=visit.id)
        self.run_job("expire")

    def rest(self) -> None:
        """Run everything outstanding to its end."""
        self.deliver()
        for _ in range(MAX_TRIES):
            if self.db.run(UNFINISHED) == [[0]]:
                return
            self.time_passes()
            self.run_job("sweep")
            self.run_job("reconcile")
            self.deliver()
        raise AssertionError(f"no rest: {self.db.run('select kind, last_error from outbox where done_at is null')}")

    @property
    def _tasks(self) -> Store:
        return self.google._tasks._store

    @cached_property
    def _tokens(self) -> AccessTokens:
        return AccessTokens(Keys.parse(SECRETS["JWT_KEYS"]), "bookings", "bookings-api", 3600)

    @cached_property
    def _identities(self) -> dict[str, dict[str, str]]:
        return {name: self._identity(name) for name in ("tasks", "schedule")}

    def _identity(self, function: str) -> dict[str, str]:
        wanted = {"audience": self.urls[function], "email": INVOKER}
        answer = requests.post(f"http://{self.google.metadata_host}/sign", json=wanted, timeout=10)
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def _invoke(self, function: str, path: str) -> requests.Response:
        return self.call(function, "POST", path, headers=self._identities[function])

    def _token(self, user_id: Any) -> str:
        now, session_id = datetime.now(UTC), new_id()
        self.db.run(
            "insert into sessions (id, user_id, rotated_at, expires_at) values (:id, :user, now(), now() + interval '1 d')",
            id=session_id,
            user=user_id,
        )
        return self._tokens.issue(user_id, session_id, CUSTOMER, now)


@contextmanager
def start_world(folder: Path, database_url: str) -> Iterator[World]:
    ports = {name: ReservedPort() for name in FUNCTIONS}
    urls = {name: f"http://127.0.0.1:{port.number}" for name, port in ports.items()}
    boundaries = Boundaries(folder)
    boundaries.watch()
    database = PostgresDatabase(database_url, 1)
    with (
        GoogleServers(folder) as google,
        PhonePeServer(folder / "phonepe", refund_seconds=0) as phonepe,
        MailServer() as mail,
        closing(plain_connection(database_url)) as db,
    ):
        world = World(urls, db, Make(database, datetime.now(UTC)), google, phonepe, mail, boundaries)
        world.pause_queue()
        phonepe.fault("callback.lost", times=100_000)  # the test reports instead
        served = [f"{name}={port.number}" for name, port in ports.items()]
        command = [sys.executable, "-m", "tests.kill.launcher", str(folder), *served]
        env = os.environ | placeholders() | _environment(world, database_url)
        launcher = Process("launcher", command, folder / "functions.log", env, healthy(urls[FUNCTIONS[-1]]))
        try:
            launcher.start()
            wait_ready([launcher], 60)
            yield world
        finally:
            stop([launcher])
            database.dispose()
            for port in ports.values():
                port.close()


def _environment(world: World, database_url: str) -> dict[str, str]:
    google, phonepe = world.google, world.phonepe
    return {
        "DATABASE_URL": database_url,
        "PHONEPE_API": "v1",
        "PHONEPE_BASE_URL": phonepe.url,
        "PHONEPE_MERCHANT_ID": phonepe.merchant_id,
        "PHONEPE_SALT_KEYS": f"1:{phonepe.salts['1']}",
        "SMTP_URL": world.mail.smtp_url,
        "GCE_METADATA_HOST": google.metadata_host,
        "OIDC_ISSUER": google.issuer,
        "OIDC_JWKS_URL": google.jwks_url,
        "CLOUD_TASKS_URL": google.tasks_url,
        "CLOUD_TASKS_LOCATION": google.location,
        "TASKS_URL": world.urls["tasks"],
        "TASKS_INVOKER": INVOKER,
        "SCHEDULE_URL": world.urls["schedule"],
        "SCHEDULE_INVOKER": INVOKER,
    }
