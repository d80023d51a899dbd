"""A merchant who moved from PhonePe v1 to v2: v1 payments are reported, polled and refunded at v1."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.processes import Process, ReservedPort, healthy, stop, wait_ready
from tests.e2e.test_journey import balances, mail_to
from tests.system import System, eventually

FRAMEWORK = str(Path(sys.executable).with_name("functions-framework"))


@pytest.fixture(scope="module")
def before_the_move(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a payments function deployed with v1 alone, on the same database."""
    port = ReservedPort()
    gone = ("PHONEPE_CLIENT_", "PHONEPE_WEBHOOK_", "UPSTASH_")
    env = {name: value for name, value in system.env.items() if not name.startswith(gone)}
    command = [FRAMEWORK, "--target=payments", "--host", "127.0.0.1", "--port", str(port.number)]
    url, log = f"http://127.0.0.1:{port.number}", tmp_path_factory.mktemp("v1") / "payments.log"
    process = Process("payments", command, log, os.environ | env | {"PHONEPE_API": "v1"}, healthy(url))
    try:
        process.start()
        wait_ready([process], 60)
        yield url
    finally:
        stop([process])
        port.close()


def test_a_payment_begun_at_v1_ends_at_v1_after_the_move_and_is_refunded_there(system: System, before_the_move: str):
    """Fails when the gateway of the deployment is asked instead of the attempt's: v2 knows no such order."""
    guest = system.sign_in()
    booking = guest.book()
    bearer = {"Authorization": f"Bearer {guest.tokens['access_token']}"}
    wanted = {"booking_id": booking["id"]}
    answer = system.http.post(f"{before_the_move}/api/v1/payments/initiate", json=wanted, headers=bearer, timeout=30)
    page = answer.json()
    begun = "select gateway from payment_attempts where merchant_txn_id = :txn"
    assert system.sql(begun, txn=page["merchant_txn_id"]) == [["phonepe"]]
    system.http.post(page["payment_url"], data={"outcome": "pay"}, allow_redirects=False, timeout=10)
    assert eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    mail_to(system, guest.email, "Confirmed", booking["ref"])
    assert ["phonepe"] in system.sql("select source from inbox")
    cancelled = guest.post(f"/customer/bookings/{booking['id']}/cancel", {"reason": "Our plans have changed."})
    assert cancelled.status_code == 200, cancelled.text
    assert eventually(lambda: guest.booking(booking["id"])["payment_status"] == "refunded")
    assert balances(system, booking["id"]) == {}
    listed = system.http.get(f"{system.url}/_local/payments", timeout=10).json()
    apis = [
        one["api"]
        for one in listed
        if page["merchant_txn_id"] in {one["merchantTransactionId"], one["originalTransactionId"]}
    ]
    assert apis == ["v1", "v1"]
