"""The fixtures of every measurement: a database with users and a visit, their tokens, and each server's environment."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import requests

from infra import migrations
from infra.phonepe.v1.client import PhonePe
from infra.phonepe.v1.wire import Signer
from infra.postgres.engine import PostgresDatabase
from shared.kit.ids import new_id
from shared.kit.settings import Keys
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes, SignedIn
from shared.sign_in.tokens import AccessTokens, RefreshToken
from tests.architecture.probe import SECRETS, placeholders
from tests.google_servers import GoogleServers
from tests.make import Make, Person
from tests.phonepe_server import PhonePeServer
from tests.postgres_server import shared_postgres

JSON = {"Content-Type": "application/json"}
LIVES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))


@dataclass(frozen=True)
class HttpRequest:
    """A request that a cold process must answer with 200."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None


@dataclass
class Stage:
    make: Make
    database_url: str
    google: GoogleServers
    customer: Person
    txn: str
    tokens: dict[str, str]

    @property
    def environ(self) -> dict[str, str]:
        known = {
            "DATABASE_URL": self.database_url,
            "PHONEPE_API": "v1",
            "GCE_METADATA_HOST": self.google.metadata_host,
            "OIDC_ISSUER": self.google.issuer,
            "OIDC_JWKS_URL": self.google.jwks_url,
            "CLOUD_TASKS_URL": self.google.tasks_url,
            "CLOUD_TASKS_LOCATION": self.google.location,
            **{f"{name}_INVOKER": self.google.email for name in ("TASKS", "SCHEDULE", "MIGRATE")},
        }
        return placeholders() | known

    def reads(self) -> dict[str, Callable[[], HttpRequest]]:
        """Return for each function a builder of a request that opens its database connection (docs has none)."""
        bearing = {role: {"Authorization": f"Bearer {token}"} for role, token in self.tokens.items()}
        reads = {
            "customer": HttpRequest("GET", "/api/v1/customer/bookings", bearing["customer"]),
            "chef": HttpRequest("GET", "/api/v1/chef/bookings", bearing["chef"]),
            "admin": HttpRequest("GET", "/api/v1/admin/bookings", bearing["admin"]),
            "payments": HttpRequest("GET", f"/api/v1/payments/status/{self.txn}", bearing["customer"]),
            "callback": self.callback(),
            "docs": HttpRequest("GET", "/api/v1/openapi.json", {}),
            "tasks": HttpRequest("POST", f"/outbox/{self._done()}", self._invoked("TASKS")),
            "schedule": HttpRequest("POST", "/jobs/expire", self._invoked("SCHEDULE")),
            "migrate": HttpRequest("POST", "/migrations/upgrade", self._invoked("MIGRATE")),
        }
        return {"auth": self._refresh, **{name: partial(lambda read: read, read) for name, read in reads.items()}}

    def _refresh(self) -> HttpRequest:
        """Return a refresh request of a new session, because a refresh token works once."""
        begun = _begin(self.make, self.customer)
        token = RefreshToken(begun.session_id, begun.generation).encode(Keys.parse(SECRETS["REFRESH_KEYS"]))
        return HttpRequest("POST", "/api/v1/auth/refresh", JSON, json.dumps({"refresh_token": token}).encode())

    def _done(self) -> UUID:
        """Store a processed outbox message and return its id."""
        message_id = new_id()
        self.make.run(
            "insert into outbox (id, kind, payload, created_at, due_at, next_try_at, done_at)"
            " values (:id, 'payments.callback', '{}', now(), now(), now(), now())",
            id=message_id,
        )
        return message_id

    def _invoked(self, function: str) -> dict[str, str]:
        """Return the headers of a platform call to a function."""
        response = requests.get(
            f"http://{self.google.metadata_host}/computeMetadata/v1/instance/service-accounts/default/identity",
            {"audience": SECRETS[f"{function}_URL"], "format": "full"},
            headers={"Metadata-Flavor": "Google"},
            timeout=5,
        )
        return {"Authorization": f"Bearer {response.text}"}

    def callback(self) -> HttpRequest:
        """Return a signed callback about the payment, with a new transaction id each time."""
        about = {"merchantTransactionId": self.txn, "transactionId": uuid4().hex}
        response = b64encode(json.dumps({"data": about}).encode()).decode()
        signed = hashlib.sha256((response + "salt").encode()).hexdigest() + "###1"
        headers = {"Content-Type": "application/json", "X-VERIFY": signed}
        return HttpRequest("POST", "/api/v1/payments/callback", headers, json.dumps({"response": response}).encode())


def set_up(google: GoogleServers, phonepe: PhonePeServer) -> Stage:
    url = shared_postgres().new_database()
    migrations.upgrade(url)
    database = PostgresDatabase(url, 2)
    make = Make(database, datetime.now(UTC))
    gateway = PhonePe(phonepe.url, phonepe.merchant_id, Signer(Keys(phonepe.salts)), "http://127.0.0.1:9/callback")
    customer, chef = make.customer(), make.chef()
    _, txn = make.paid(gateway, phonepe, customer, chef_id=chef.id)
    admin = Person(new_id(), "admin")
    make.run("insert into users (id, email, role) values (:id, 'admin@test.example', 'admin')", id=admin.id)
    tokens = {person.role: _token(make, person) for person in (customer, chef, admin)}
    return Stage(make, url, google, customer, txn, tokens)


def _begin(make: Make, person: Person) -> SignedIn:
    [(email,)] = make.rows("select email from users where id = :id", id=person.id)
    with make.db.transaction() as session:
        begun = sessions.begin(session, email, LIVES, datetime.now(UTC))
    assert begun, "is active"
    return begun


def _token(make: Make, person: Person) -> str:
    begun = _begin(make, person)
    keys = AccessTokens(Keys.parse(SECRETS["JWT_KEYS"]), "bookings", "bookings-api", 86_400)
    return keys.issue(begun.user_id, begun.session_id, person.role, datetime.now(UTC))
