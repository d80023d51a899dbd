"""Secrets and personal data appear only where allowed, not in logs, responses, URLs, rows or the Redis store.

One story is played: signing in, wrong codes, booking, paying, a forged callback, the visit, a refund, and everything
failing once. Then everything it has left is read.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.pieces import Pieces
from tests.e2e.test_journey import mail_to, step
from tests.e2e.test_too_late import settle
from tests.e2e.traces import IPV4, JWT, Witness, codes_in, columns, digests, found, spellings, stored
from tests.system import Client, System

NAME, PHONE, LINE, SPECIAL_REQUESTS = "Zubeida Quarrington", "+917098612345", "77 Saffron Lane", "sesame allergy"
LIAR = "liar@forged.example"
# The columns that may contain each personal value, with the reason; no other column may.
PLACES = {
    "email": {"users.email"},
    "phone": {"users.phone"},
    "name": {"users.name", "invoices.document"},  # a tax invoice names its recipient
    "address": {
        "addresses.full_address",
        "appointments.address",  # the copy a booking keeps
        "idempotency_keys.answer",  # what was answered, for a day
        "invoices.document",  # the recipient's, which an invoice of ₹50,000 and more must state
    },
    "wish": {"home_chef_quotes.request", "appointments.details", "idempotency_keys.answer"},
    "liar": set(),
}


@dataclass
class Story:
    """The played journey, with values allowed nowhere (`keys`, `tokens`, `codes`) or in few places (`people`)."""

    system: System
    witness: Witness
    keys: dict[str, str]
    people: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)

    def record_tokens(self, tokens: dict[str, Any]) -> None:
        """Record the parts of tokens that no other token shares."""
        number = len(self.tokens)
        _, claims, signature = tokens["access_token"].split(".")
        parts = {"claims": claims, "signature": signature, "refresh token": tokens["refresh_token"]}
        self.tokens |= {f"{name} {number}": part for name, part in parts.items()}

    def doors(self, *, but_tokens: bool = False) -> dict[str, set[str]]:
        """Return the secrets in every spelling; short ones also by their unkeyed hashes, which can be reversed."""
        words = {name: spellings(word) for name, word in (self.keys | ({} if but_tokens else self.tokens)).items()}
        short = [*self.codes, self.people["email"], self.people["phone"], PHONE]
        return words | {f"hash of {text}": set(digests(text)) for text in short}

    def persons(self) -> dict[str, set[str]]:
        return {name: spellings(word) for name, word in self.people.items()}


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def code_for(story: Story, email: str) -> str:
    """Request a sign-in code and read it from the mail."""
    system = story.system
    assert system.http.post(f"{system.api}/auth/send-otp", json={"email": email}, timeout=10).status_code == 200
    story.codes.append(re.search(r"\b\d{6}\b", system.mails(email)[0]["text"])[0])  # type: ignore[index]
    return story.codes[-1]


def present(story: Story, email: str, code: str) -> requests.Response:
    body = {"email": email, "otp": code}
    return story.system.http.post(f"{story.system.api}/auth/verify-otp", json=body, timeout=10)


def signs_in(story: Story) -> Client:
    """Sign in with a wrong code first, refresh, and show every token in wrong places."""
    email = story.people["email"]
    code = code_for(story, email)
    story.codes.append(wrong(code))
    assert present(story, email, wrong(code)).status_code == 401
    client = Client(story.system, email, present(story, email, code).json())
    story.record_tokens(client.tokens)
    renewed = client.post("/auth/refresh", {"refresh_token": client.tokens["refresh_token"]}).json()
    story.record_tokens(renewed)
    for odd in (renewed["access_token"], renewed["refresh_token"], email, PHONE):
        client.get("/customer/profile", Authorization=f"Bearer {odd}x")
        client.post("/auth/refresh", {"refresh_token": odd + "x"})
        client.put("/customer/profile", {"nonsense": odd, "phone": odd + "x"})
        client.post("/auth/send-otp", {"phone": odd})
    client.tokens |= renewed
    return client


def books_and_pays(story: Story, client: Client) -> dict[str, Any]:
    client.put("/customer/profile", {"name": NAME, "phone": PHONE, "dob": "1983-02-11"})
    where = client.address(full_address=LINE)
    body = client.booking_body(address_id=where, special_requests=SPECIAL_REQUESTS)
    quoted = client.post("/customer/quotes", body, Idempotency_Key="quote").json()
    booking = client.post("/customer/bookings", {"quote_id": quoted["id"]}, Idempotency_Key="book").json()
    client.post("/customer/addresses", {"full_address": LINE, "city": "Pune", "pincode": "411001"}, Idempotency_Key="a")
    page = client.post("/payments/initiate", {"booking_id": booking["id"]}, Idempotency_Key="pay").json()
    forges_a_callback(story, page["merchant_txn_id"])
    story.system.http.post(page["payment_url"], data={"outcome": "pay"}, timeout=10)
    mail_to(story.system, client.email, "Confirmed", booking["ref"])
    client.get(f"/payments/status/{page['merchant_txn_id']}")
    return booking


def forges_a_callback(story: Story, txn: str) -> None:
    data = {"merchantTransactionId": txn, "state": "COMPLETED", "payer": LIAR}
    callback = {"success": True, "code": "PAYMENT_SUCCESS", "data": data}
    response = base64.b64encode(json.dumps(callback).encode()).decode()
    signed = {"X-VERIFY": sha256(f"{response}guess".encode()).hexdigest() + "###1"}
    url = f"{story.system.api}/payments/callback"
    answer = story.system.http.post(url, json={"response": response}, headers=signed, timeout=10)
    assert answer.status_code == 401


def is_visited(chef: Client, booking: dict[str, Any]) -> None:
    chef.get(f"/chef/bookings/{booking['id']}")
    for status in ("confirmed", "in_progress", "completed"):
        step(chef, booking["id"], status)
    chef.put(f"/chef/bookings/{booking['id']}/status", {"status": "cancelled", "reason": "too late"})


def pays_too_late(story: Story, client: Client) -> None:
    booking = client.book(address_id=client.address(full_address=LINE), special_requests=SPECIAL_REQUESTS)
    txn = client.post("/payments/initiate", {"booking_id": booking["id"]}).json()["merchant_txn_id"]
    story.system.sql("update bookings set pay_by = now() where id = :id", id=booking["id"])
    story.system.run_job("expire")
    settle(story.system, txn, "pay")
    mail_to(story.system, client.email, "Refunded", booking["ref"])


@contextmanager
def missing(system: System, table: str) -> Iterator[None]:
    """Rename a table for a moment, so that the driver's error quotes the statement with its parameters."""
    system.sql(f"alter table {table} rename to missing")
    try:
        yield
    finally:
        system.sql(f"alter table missing rename to {table}")


def triggers_every_failure(story: Story, client: Client) -> None:
    system, address = story.system, {"full_address": LINE, "city": "Pune", "pincode": "411001"}
    with missing(system, "addresses"):
        assert client.post("/customer/addresses", address).status_code == 500
    code, email = code_for(story, f"second.{client.email}"), f"second.{client.email}"
    with missing(system, "sessions"):
        assert present(story, email, code).status_code == 500
        assert client.put("/customer/profile", {"name": NAME, "phone": PHONE}).status_code == 500
    system.http.post(f"{system.url}/_local/payments/faults", json={"fault": "pay.http_500"}, timeout=10)
    waiting = client.book(address_id=client.address(full_address=LINE))
    assert client.post("/payments/initiate", {"booking_id": waiting["id"]}).status_code == 503
    with Pieces(system).stopped("upstash"):
        answer = system.http.post(f"{system.api}/auth/send-otp", json={"email": email}, timeout=10)
        assert answer.status_code == 503
        assert present(story, email, code).status_code == 503


@pytest.fixture(scope="module")
def story(system: System) -> Iterator[Story]:
    with Witness() as witness:
        mine = replace(system, http=witness)
        number = system.sql("select count(*) from users")[0][0]
        people = {"email": f"secret{number}@test.example", "phone": PHONE[3:], "name": NAME.split()[1]}
        played = Story(
            mine, witness, keys_of(system), people | {"address": LINE, "wish": SPECIAL_REQUESTS, "liar": LIAR}
        )
        client, chef = signs_in(played), system.demo("asha")
        is_visited(Client(mine, chef.email, chef.tokens), books_and_pays(played, client))
        pays_too_late(played, client)
        triggers_every_failure(played, client)
        leaves_a_code_waiting(played)
        played.record_tokens(chef.tokens)
        client.post("/auth/logout", {})
        yield played


def leaves_a_code_waiting(story: Story) -> None:
    """Leave a code unused, because the store deletes used codes."""
    email = f"third.{story.people['email']}"
    assert present(story, email, wrong(code_for(story, email))).status_code == 401


def keys_of(system: System) -> dict[str, str]:
    env = system.env
    names = ("JWT_KEYS", "REFRESH_KEYS", "OTP_KEYS", "PHONEPE_SALT_KEYS", "PHONEPE_WEBHOOK_KEYS")
    keys = {f"{name} {n}": pair.partition(":")[2] for name in names for n, pair in enumerate(env[name].split(","))}
    password = urlsplit(env["DATABASE_URL"]).password
    assert password
    alone = ("UPSTASH_REDIS_REST_TOKEN", "PHONEPE_CLIENT_SECRET")
    shown = sha256(
        env["PHONEPE_WEBHOOK_KEYS"].encode()
    ).hexdigest()  # the webhook's Authorization header is a secret by itself
    return keys | {name: env[name] for name in alone} | {"DATABASE_URL": password, "a webhook's word": shown}


def test_no_log_of_any_process_holds_a_secret_or_a_person(story: Story):
    """Seen to fail with the body or the Authorization header in the line of a request (`functions/web/middleware.py`), and with
    the text of an exception beside its stack (`shared/kit/log.py`).
    """
    words = story.doors() | story.persons()
    for name, text in story.system.logs().items():
        held = found(text, words) + codes_in(text, story.codes)
        assert held == [], f"{name}.log"
        assert JWT.search(text) is None, f"{name}.log"
    failures = [line for line in story.system.logs()["customer"].splitlines() if "unexpected error" in line]
    assert failures, "what failed was to be noted"


def test_no_answer_holds_a_secret_but_to_whom_a_token_is_given(story: Story):
    """Seen to fail with the exception's text as the detail of a 500 (`functions/web/problems.py`)."""
    for path, text in story.witness.answers():
        gives = path.endswith(("/verify-otp", "/refresh"))
        held = found(text, story.doors(but_tokens=gives))
        assert held + codes_in(text, story.codes) == [], path
        assert gives or JWT.search(text) is None, path
        assert not re.search(r"Traceback|sqlalchemy|pg8000|\.py\b", text), path


def test_no_address_holds_a_secret_or_a_person(story: Story):
    """Seen to fail with a salt among the parameters of the return address (`functions/wiring.py`)."""
    urls, words = story.witness.addresses(), story.doors() | story.persons()
    assert len(urls) > 30
    for url in urls:
        assert found(url, words) + codes_in(url, story.codes) == [], url
        assert JWT.search(url) is None


def test_no_row_holds_a_secret_and_a_person_only_where_they_belong(story: Story):
    """Seen to fail with a token in `sessions.end_reason`, with a refused callback kept in the inbox, and with the address
    a mail went to among its notification's facts.
    """
    doors, persons = story.doors(), story.persons()
    found_in: dict[str, set[str]] = {name: set() for name in persons}
    for place, text in columns(story.system):
        assert found(text, doors) + codes_in(text, story.codes) == [], place
        assert JWT.search(text) is None, place
        for name in found(text, persons):
            found_in[name].add(place)
    assert found_in == PLACES


def test_the_store_contains_no_secret_and_no_person(story: Story):
    """Seen to fail with the code itself or its plain hash in place of the keyed one, and with the address or the network
    in the name of a key (`shared/sign_in/otp.py`).
    """
    kept, words = stored(story.system), story.doors() | story.persons()
    assert kept
    for key, text in kept:
        assert found(text, words) + codes_in(text, story.codes) == [], key
        assert IPV4.search(text) is None, key


def test_codes_are_distinguished_from_look_alikes():
    look_alikes = [
        "a482913f",
        "0.482913",
        "2026-11-20 05:00:00.482913+00",
        "1482913",
        "4829130",
        "x-482913",
        "482913-b",
    ]
    assert codes_in(" ".join(look_alikes), ["482913"]) == []
    for text in ('"482913"', "code=482913&", "is 482913.", "[482913]", "482913"):
        assert codes_in(text, ["482913"]) == ["482913"]


@pytest.mark.parametrize(
    "written", ["a b@x.example", "a%20b%40x.example", "YSBiQHguZXhhbXBsZQ==", b"a b@x.example".hex()]
)
def test_a_word_is_found_however_it_is_written(written: str):
    words = {"email": spellings("a b@x.example"), "phone": spellings("9876543210")}
    assert found(f"...{written}...", words) == ["email"]
