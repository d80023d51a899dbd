"""`make demo`: one booking from sign-in to completion, and one that was paid too late, printed step by step.

`python -m infra.local.journey [--port 8080]` runs against a running `make dev`, or starts one and stops it again.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import requests
from sqlalchemy import text

from infra.local.demo import demo_id
from infra.postgres.engine import PostgresDatabase

TIMEOUT: Final = 30
CHEF: Final = "asha@sizzle.example"
HOME: Final = {
    "full_address": "7 Carter Road, Bandra West",
    "city": "Mumbai",
    "pincode": "400050",
    "latitude": 19.0596,
    "longitude": 72.8295,
}


class StepFailed(Exception):
    """The system's response differs from the expected one; the message contains it."""


@dataclass
class Person:
    """A client of the API, who signs in with a code from a mail."""

    url: str
    email: str
    http: requests.Session = field(default_factory=requests.Session)
    tokens: dict[str, Any] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}
        return self.http.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=TIMEOUT)

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = self.send(method, path, body)
        if answer.status_code == 429:
            say(f"rate limited: waits {answer.headers['Retry-After']} s (Retry-After)")
            time.sleep(int(answer.headers["Retry-After"]))
            answer = self.send(method, path, body)
        if answer.status_code != expect:
            raise StepFailed(f"{method} {path} answered {answer.status_code}: {answer.text}")
        return answer.json() if answer.content else None

    def mails(self) -> list[dict[str, str]]:
        address = f"{self.url}/_local/mail?to={quote(self.email)}"
        found: list[dict[str, str]] = self.http.get(address, timeout=TIMEOUT).json()
        return found

    def sign_in(self) -> None:
        self.call("POST", "/auth/send-otp", {"email": self.email})
        code = re.search(r"\b\d{6}\b", self.mails()[0]["text"])
        if code is None:
            raise StepFailed("no code in the mail")
        self.tokens = self.call("POST", "/auth/verify-otp", {"email": self.email, "otp": code[0]})

    def mail_about(self, words: str) -> dict[str, str]:
        """Wait for a mail whose subject contains these words."""

        def found() -> dict[str, str] | None:
            return next((mail for mail in self.mails() if words in mail["subject"]), None)

        mail: dict[str, str] = eventually(found, f"a mail “{words}”")
        return mail


def eventually(poll: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while not (found := poll()):
        if time.monotonic() > until:
            raise StepFailed(f"{what} did not arrive within {seconds:.0f} s")
        time.sleep(0.2)
    return found


def say(step: str, *lines: str) -> None:
    print(f"\n● {step}", *(f"  {line}" for line in lines), sep="\n", flush=True)


def rupees(amount: float) -> str:
    return f"₹{amount:,.2f}"


def arrive(customer: Person) -> str:
    customer.sign_in()
    say(f"{customer.email} signs in with a code from a mail", f"new here: {customer.tokens['is_new_user']}")
    customer.call("PUT", "/customer/profile", {"name": "Nia Rao", "phone": "+919812345678"})
    address: str = customer.call("POST", "/customer/addresses", HOME, 201)["id"]
    place = {name: HOME[name] for name in ("city", "pincode", "latitude", "longitude")}
    served = customer.call("POST", "/customer/check-serviceability", place)
    say("gives a name and an address", f"{HOME['full_address']}: served by {served['rule']} “{served['area']}”")
    return address


def book(customer: Person, address: str) -> dict[str, Any]:
    visit = {
        "address_id": address,
        "time_slot": "19:00",
        "duration_hours": 3,
        "guest_count": 8,
        "chef_id": str(demo_id(CHEF)),
    }
    priced = first_free_day(customer, visit)
    lines = [f"{name.replace('_', ' '):<16}{rupees(amount):>12}" for name, amount in priced["breakdown"].items()]
    say("requests a quote for a dinner for eight at 19:00", *lines)
    booking: dict[str, Any] = customer.call("POST", "/customer/bookings", {"quote_id": priced["id"]}, 201)
    say(
        f"books it: {booking['ref']}", f"{booking['chef_name']}, {booking['status']}, to be paid by {booking['pay_by']}"
    )
    return booking


def first_free_day(customer: Person, visit: dict[str, Any]) -> dict[str, Any]:
    """Return a quote for the chef's first free evening; earlier demos have booked others."""
    for ahead in range(3, 60):
        day = (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()
        answer = customer.send("POST", "/customer/quotes", visit | {"booking_date": day})
        if answer.status_code == 201:
            priced: dict[str, Any] = answer.json()
            return priced
    raise StepFailed("no evening is free in the next two months: `make dev RESET=1` deletes all data")


def pay(customer: Person, booking: dict[str, Any], outcome: str) -> str:
    page = customer.call("POST", "/payments/initiate", {"booking_id": booking["id"]})
    pressed = customer.http.post(page["payment_url"], data={"outcome": outcome}, timeout=TIMEOUT, allow_redirects=False)
    say(f"opens the pay page and presses “{outcome}”", f"sent back to {pressed.headers.get('Location', '?')}")
    txn: str = page["merchant_txn_id"]
    return txn


def confirmed(customer: Person, booking: dict[str, Any], txn: str) -> None:
    def paid() -> Any:
        status = customer.call("GET", f"/payments/status/{txn}")
        return status if status["status"] == "success" else None

    status = eventually(paid, "the payment")
    now = customer.call("GET", f"/customer/bookings/{booking['id']}")
    mail = customer.mail_about("Confirmed")
    say(
        f"the payment of {rupees(status['amount'])} has arrived: booking {now['status']}",
        f"mail to the customer: “{mail['subject']}”",
    )


def cook(chef: Person, booking: dict[str, Any]) -> None:
    asked = chef.mail_about(booking["ref"])
    chef.sign_in()
    say(f"{chef.email} signs in", f"mail to the chef: “{asked['subject']}”")
    for status, words in (("confirmed", "accepts"), ("in_progress", "starts"), ("completed", "completes")):
        seen = chef.call("PUT", f"/chef/bookings/{booking['id']}/status", {"status": status})
        say(f"the chef {words} it", f"booking {seen['status']}, earns {rupees(seen['earning'])}")


def pay_too_late(customer: Person, address: str, database_url: str) -> None:
    """Leave a payment pending until its booking is cancelled, then let it succeed: it is refunded in full."""
    booking = book(customer, address)
    txn = pay(customer, booking, "pending")
    let_the_deadline_pass(database_url, booking["id"])
    run_job(customer, "expire")
    now = customer.call("GET", f"/customer/bookings/{booking['id']}")
    say(
        "the customer does not pay in time (the deadline is moved in the database)",
        f"booking {now['status']}: {now['cancellation_reason']}",
    )
    settled = customer.http.post(
        f"{customer.url}/_local/payments/{txn}/settle", json={"outcome": "pay"}, timeout=TIMEOUT
    )
    settled.raise_for_status()
    mail = customer.mail_about("goes back")
    say("then the payment succeeds after all", f"mail: “{mail['subject']}”")
    mail = customer.mail_about("Refunded")
    refund = customer.call("GET", f"/customer/bookings/{booking['id']}")["refunds"][0]
    say(
        "the gateway has refunded it",
        f"refund {refund['state']}: {rupees(refund['amount'])}",
        f"mail: “{mail['subject']}”",
    )


def run_job(person: Person, name: str) -> None:
    """Run a scheduled job now; if the scheduler has just started the same job, run it again afterwards."""

    def ran() -> bool:
        answer = person.http.post(f"{person.url}/_local/jobs/{name}/run", timeout=TIMEOUT)
        if answer.status_code != 409:
            answer.raise_for_status()
        return answer.ok

    eventually(ran, f"the job {name} has run")


def let_the_deadline_pass(database_url: str, booking_id: str) -> None:
    database = PostgresDatabase(database_url, 1)
    with database.transaction() as session:
        session.execute(text("update bookings set pay_by = now() where id = :id"), {"id": booking_id})
    database.dispose()


def database_of(port: int) -> str:
    """Return the database URL of the system at a port, from the .env that `make dev` wrote."""
    for line in Path("var", str(port), ".env").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "DATABASE_URL":
            return value.strip("'")
    raise StepFailed("no DATABASE_URL in its .env")


@contextmanager
def system(port: int) -> Iterator[str]:
    """Yield the URL of the running system; if none is running, start one and stop it at the end."""
    url = f"http://127.0.0.1:{port}"
    if _answers(url):
        yield url
        return
    print("No system is running: starting one.", flush=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local.dev", "--port", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        eventually(lambda: _answers(url), "the system", 90)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/_local/system", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def play(url: str, database_url: str) -> None:
    customer = Person(url, f"nia.{time.time_ns()}@sizzle.example")
    address = arrive(customer)
    booking = book(customer, address)
    confirmed(customer, booking, pay(customer, booking, "pay"))
    cook(Person(url, CHEF), booking)
    mail = customer.mail_about("Thank you")
    say("the customer is thanked", f"mail: “{mail['subject']}”")
    pay_too_late(customer, address, database_url)


def main() -> int:
    parser = argparse.ArgumentParser(description="A booking from sign-in to completion")
    parser.add_argument("--port", type=int, default=8080)
    chosen = parser.parse_args()
    try:
        with system(chosen.port) as url:
            play(url, database_of(chosen.port))
    except (StepFailed, requests.RequestException) as failure:
        print(f"\n✗ {failure}", file=sys.stderr)
        return 1
    print("\nEverything above was done by the running system; see its mails, payments and tasks under", f"{url}/\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
