"""Balances by account, booking and day; and a chef's statement that explains every paisa."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest

from functions.wiring import line
from shared.appointments import cancellation, earnings
from shared.appointments.earnings import EarningsQuery
from shared.kit.ids import new_id
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import AccountCode, Bearer, Kind, Posting
from shared.lines.home_chef.line import LINE
from shared.payments import admin_refund
from shared.payments.admin_refund import RefundCommand
from tests.http.bad_input import operations

MONTHS = [
    ("2026-10-01", "2026-10-31"),
    ("2026-11-01", "2026-11-30"),
    ("2026-12-01", "2026-12-31"),
    ("2027-01-01", "2027-01-31"),
]
[LEDGER] = [one for one in operations() if str(one) == "GET /admin/ledger"]
[STATEMENT] = [one for one in operations() if str(one) == "GET /admin/chefs/{chef_id}/statement"]
[OWN] = [one for one in operations() if str(one) == "GET /chef/earnings"]


@pytest.fixture
def chef_with_a_past(db, make, gateway, phonepe, now):
    """Return a chef with a completed and a late-cancelled visit in November, and refunds at their expense in
    December."""
    chef = make.chef()
    dinner, _ = make.paid(gateway, phonepe, time_slot=time(19))
    make.step(dinner, "confirmed", "in_progress", "completed")
    late, _ = make.paid(gateway, phonepe, make.customer(), time_slot=time(13))
    make.step(late, "confirmed")
    with db.transaction() as session:
        customer = make.stored(late.id).customer_id
        cancellation.cancel(session, LINE, customer, late.id, "plans", None, late.starts_at - timedelta(hours=5))
    december = now + timedelta(days=20)
    with db.transaction() as session:
        command = RefundCommand(dinner.total, "it was burnt", Bearer.PROVIDER)
        admin_refund.refund(session, line, dinner.id, command, make.admin(), december)
        owed = ledger.payable(session, chef.id, december, december).owed
        back = [
            Posting(AccountCode.PROVIDER_PAYABLE, owed + 25_00, chef.id),
            Posting(AccountCode.REFUNDS_PAYABLE, -owed - 25_00),
        ]
        ledger.post(session, Kind.REVERSED, new_id(), late.id, back, at=december + timedelta(days=1))
    return chef


def statement(db, chef, now, first, last, limit=100):
    """Return a period's statement and its lines from all pages, oldest first."""
    lines, cursor = [], None
    with db.reading() as session:
        while True:
            query = EarningsQuery.model_validate({"from": first, "to": last, "limit": limit, "cursor": cursor})
            result = earnings.earnings(session, chef.id, query, LINE.time_zone, now)
            lines, cursor = lines + result.items, result.next_cursor
            if cursor is None:
                return result, lines[::-1]


@pytest.mark.breaks_invariants("a chef's past is booked by hand")
def test_opening_balance_and_lines_give_closing_balance(db, chef_with_a_past, now):
    """Fails when the running balance begins with the period or the page, and when a kind of line is missing."""
    statements = [statement(db, chef_with_a_past, now, *month, limit=1) for month in MONTHS]
    for shown, lines in statements:
        after = shown.opening
        for each in lines:
            after += each.amount
            assert each.balance == after
        assert (after, shown.opening + shown.total) == (shown.closing, shown.closing)
    for (before, _), (following, _) in pairwise(statements):
        assert following.opening == before.closing
    assert [[each.kind for each in lines] for _, lines in statements] == [
        [],
        ["completed", "kept_on_cancellation"],
        ["earnings_reversed", "earnings_reversed"],
        [],
    ]
    assert [shown.closing for shown, _ in statements][::3] == [0, -25_00]
    with db.reading() as session:
        assert -ledger.balances(session)["provider_payable"] == statements[-1][0].closing == statements[-1][0].owed


@pytest.mark.breaks_invariants("a visit earns before it is completed")
def test_chef_and_admin_see_same_statement(world):
    world.earning()
    world.completed()
    for query in ({}, {"from": "2026-01-01", "to": "2026-12-31"}, {"limit": 1}):
        assert world.get(STATEMENT, **query) == world.get(OWN, **query)
    assert len(world.get(STATEMENT)["items"]) == 2


def test_all_accounts_are_listed_and_sum_to_zero(world):
    empty = world.get(LEDGER)
    assert [each["account"] for each in empty["accounts"]] == [code.value for code in AccountCode]
    assert {each["balance"] for each in empty["accounts"]} == {empty["total"]} == {0}
    world.visit()
    world.completed()
    result = world.get(LEDGER)
    of_each = [
        {each["account"]: each["balance"] for each in world.get(LEDGER, booking_id=str(world.ids[name]))["accounts"]}
        for name in ("booking_id", "completed_id")
    ]
    for account in result["accounts"]:
        name = account["account"]
        assert round(account["balance"] * 100) == sum(round(one[name] * 100) for one in of_each)
    assert of_each[0] | {"gateway_clearing": 0, "customer_advance": 0} == {code.value: 0 for code in AccountCode}
    assert of_each[0]["gateway_clearing"] == -of_each[0]["customer_advance"] > 0
    assert (result["total"], world.get(LEDGER, booking_id=str(new_id()))) == (0, empty)


def test_ledger_day_ends_in_indian_time(world):
    """Fails when the day is counted in UTC: its last five and a half hours would be the next day's."""
    midnight = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
    for paise, at in ((1_00, midnight - timedelta(microseconds=1)), (20_00, midnight)):
        with world.make.db.transaction() as session:
            ledger.post(session, Kind.CAPTURED, new_id(), new_id(), postings.captured(paise), at=at)
    assert [world.get(LEDGER, date_to=day)["accounts"][0] for day in ("2026-11-19", "2026-11-20", "2026-11-21")] == [
        {"account": "gateway_clearing", "balance": rupees} for rupees in (0, 1, 21)
    ]
