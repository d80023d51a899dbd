"""The one door for money, on the real database, through the real client, against the gateway's stand-in."""

from sqlalchemy import text

from functions.wiring import line
from shared.ledger import queries as ledger
from shared.payments import following


def test_a_payment_that_succeeds_confirms_the_booking_and_is_booked_once(db, make, gateway, phonepe, now):
    customer = make.customer()
    booking = make.booking(customer)
    page = make.page(gateway, customer, booking.id)
    phonepe.settle(page.merchant_txn_id, "pay")

    for _ in range(3):
        assert following.follow_our_id(db, gateway, line, page.merchant_txn_id, now) == "succeeded"

    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.answer) == ("confirmed", "success", "awaiting")
    with db.reading() as session:
        assert ledger.balances(session, booking.id) == {
            "gateway_clearing": booking.total,
            "customer_advance": -booking.total,
        }
        kinds = session.scalars(text("select kind from notifications order by kind")).all()
    assert kinds == ["confirmed", "visit_to_answer"]
