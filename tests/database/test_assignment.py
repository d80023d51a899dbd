"""A visit is reassigned to another chef, or to none (docs/product.md#offers)."""

from datetime import timedelta

import pytest

from shared.appointments import assignment, deadlines, placement, status_changes
from shared.appointments.lifecycle import ProviderAction
from shared.appointments.offers import OfferGone
from shared.bookings.history import SYSTEM
from shared.bookings.lifecycle import Status
from shared.bookings.queries import BookingNotFound
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.visit import ChefUnavailable
from shared.users.models import ADMIN
from tests.make import run_concurrently

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def chefs(make):
    """Return three chefs, the cheapest first, which is the order of their offers."""
    return [make.chef(rate * 100) for rate in (300, 400, 500)]


@pytest.fixture
def paid(make, gateway, phonepe, chefs):
    booking, _ = make.paid(gateway, phonepe)
    assert booking.chef_id == chefs[0].id
    return booking


@pytest.fixture
def admin(make):
    return make.begin_as_actor(make.admin().id, ADMIN)


def decline(make, booking, **more):
    return make.step(booking, ProviderAction.DECLINED, **more)


def lapse(db, booking, at):
    """Run the task of an offer's expiry."""
    deadlines.lapse(db, LINE, {"booking_id": str(booking.id)}, at)


def offers_of(make, booking):
    return make.rows("select provider_id, state from offers where booking_id = :id order by offered_at", id=booking.id)


def notifications_of(make, person_id):
    return [kind for (kind,) in make.rows("select kind from notifications where user_id = :id", id=person_id)]


def test_declined_visit_goes_to_next_chef_at_same_price(make, chefs, paid, now):
    before = make.stored(paid.id)
    decline(make, paid, now=now + HOUR)
    stored = make.stored(paid.id)
    assert (stored.provider_id, stored.acceptance, stored.status) == (chefs[1].id, "awaiting", "confirmed")
    assert (stored.total, stored.breakdown, stored.busy_period) == (before.total, before.breakdown, before.busy_period)
    assert make.rows("select provider_id, state, expires_at from offers where state = 'open'") == [
        (chefs[1].id, "open", now + 3 * HOUR)
    ]
    assert "chef_changed" in notifications_of(make, stored.customer_id)
    assert notifications_of(make, chefs[1].id) == ["visit_to_answer"]
    [(kind, actor, facts)] = make.rows("select kind, actor, facts from booking_events order by id desc limit 1")
    assert (kind, actor, facts) == (
        "declined",
        "chef",
        {"from_provider": str(chefs[0].id), "to_provider": str(chefs[1].id)},
    )


def test_chef_who_declined_is_still_chosen_for_other_visits(make, chefs, paid):
    decline(make, paid)
    assert make.booking().chef_id == chefs[0].id


def test_chef_may_decline_accepted_visit_before_start(make, chefs, paid):
    make.step(paid, ProviderAction.CONFIRMED)
    with pytest.raises(StatusChangeNotAllowed):
        decline(make, paid, now=paid.starts_at)
    decline(make, paid, now=paid.starts_at - MICROSECOND)
    assert make.stored(paid.id).provider_id == chefs[1].id


def test_no_chef_is_offered_a_visit_after_its_start(make, db, chefs, paid):
    """Fails if each lapse is followed by an offer: those end as soon as they are made, and every chef gets two mails."""
    make.step(paid, ProviderAction.CONFIRMED)
    decline(make, paid, now=paid.starts_at - MICROSECOND)
    assert deadlines.enforce(db, LINE, paid.starts_at)["offer_lapsed"] == 1
    assert offers_of(make, paid) == [(chefs[0].id, "declined"), (chefs[1].id, "lapsed")]
    assert make.stored(paid.id).provider_id is None


def test_reassigned_visit_is_not_found_by_former_chef(make, chefs, paid):
    decline(make, paid)
    for step in ProviderAction:
        with pytest.raises(BookingNotFound):
            make.step(paid, step, chef_id=chefs[0].id)


def test_each_chef_gets_one_offer_then_admin_gets_paid_visit(make, chefs, paid):
    for chef in chefs:
        assert make.stored(paid.id).provider_id == chef.id
        decline(make, paid)
    stored = make.stored(paid.id)
    assert (stored.provider_id, stored.acceptance, stored.status) == (None, "unassigned", "confirmed")
    assert offers_of(make, paid) == [(chef.id, "declined") for chef in chefs]
    assert make.rows("select kind, subject_id from exceptions where closed_at is null") == [("no_provider", paid.id)]


def test_unpaid_visit_without_chef_is_cancelled_at_once(make, chefs):
    booking = make.booking()
    for _ in chefs:
        decline(make, booking)
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.acceptance) == ("cancelled", "failed", "unassigned")
    assert stored.cancellation_reason == "no_chef"
    assert notifications_of(make, stored.customer_id)[-1] == "cancelled_by_us"


def test_unpaid_visits_offer_does_not_expire(make, chefs):
    booking = make.booking()
    decline(make, booking)
    assert make.rows("select expires_at from offers where state = 'open'") == [(None,)]
    assert notifications_of(make, chefs[1].id) == []


def test_offer_expires_exactly_at_its_instant(make, db, chefs, paid):
    [(expires_at,)] = make.rows("select expires_at from offers where state = 'open'")
    assert deadlines.enforce(db, LINE, expires_at - MICROSECOND)["offer_lapsed"] == 0
    lapse(db, paid, expires_at - MICROSECOND)
    assert make.stored(paid.id).provider_id == chefs[0].id
    assert deadlines.enforce(db, LINE, expires_at)["offer_lapsed"] == 1
    assert offers_of(make, paid) == [(chefs[0].id, "lapsed"), (chefs[1].id, "open")]
    assert notifications_of(make, chefs[0].id)[-1] == "visit_withdrawn"
    assert deadlines.enforce(db, LINE, expires_at)["offer_lapsed"] == 0
    with pytest.raises(BookingNotFound):
        make.step(paid, ProviderAction.CONFIRMED, chef_id=chefs[0].id)


def test_expired_offer_is_refused_before_and_after_sweep(make, paid):
    [(expires_at,)] = make.rows("select expires_at from offers where state = 'open'")
    for step in (ProviderAction.CONFIRMED, ProviderAction.DECLINED):
        with pytest.raises(OfferGone):
            make.step(paid, step, now=expires_at)


def test_concurrent_sweep_task_and_chef_end_offer_once(make, db, chefs, paid):
    """Fails when the expiry is not decided on the locked row: two chefs would get an offer, one of them for nothing."""
    [(expires_at,)] = make.rows("select expires_at from offers where state = 'open'")
    outcomes = run_concurrently(6, lambda: lapse(db, paid, expires_at))
    assert outcomes == [None] * 6
    assert offers_of(make, paid) == [(chefs[0].id, "lapsed"), (chefs[1].id, "open")]


def test_offer_expiry_message_is_due_at_expiry(make, paid):
    [(expires_at,)] = make.rows("select expires_at from offers where state = 'open'")
    messages = make.rows("select due_at, payload from outbox where kind = 'home_chef.lapse'")
    assert messages == [(expires_at, {"booking_id": str(paid.id)})]


def test_leaving_chefs_visits_are_reassigned_without_overlap(make, db, chefs, now):
    """Fails when the next chef's row is not locked first, or the exclusion constraint is dropped."""
    first = chefs[0]
    held = [make.booking(booking_date=make.day(day), chef_id=first.id) for day in (3, 4)]
    rival = make.booking(booking_date=make.day(3), chef_id=chefs[1].id)
    make.run("update users set is_active = false where id = :id", id=first.id)
    assert assignment.release_all(db, LINE, first.id, SYSTEM, now) == 2
    assert make.stored(held[0].id).provider_id == chefs[2].id
    assert make.stored(held[1].id).provider_id == chefs[1].id
    assert make.stored(rival.id).provider_id == chefs[1].id
    assert assignment.release_all(db, LINE, first.id, SYSTEM, now) == 0


def test_sweep_reassigns_visits_of_deactivated_chef(make, db, chefs, paid, now):
    make.run("update users set is_active = false where id = :id", id=chefs[0].id)
    assert deadlines.enforce(db, LINE, now)["provider_inactive"] == 1
    assert make.stored(paid.id).provider_id == chefs[1].id


def test_concurrent_reassignments_pick_different_chefs(make, chefs):
    """Fails when the next chef's row is not locked first: they deadlock, or one gets a refusal."""
    declined = [(make.booking(chef_id=chef.id), chef.id) for chef in chefs]
    for rate in (600, 700, 800):
        make.chef(rate * 100)
    waiting = [booking for booking, _ in declined]
    results = run_concurrently(3, lambda: make.step(waiting.pop(), ProviderAction.DECLINED))
    assert not [one for one in results if isinstance(one, Exception)]
    assigned = {booking.id: make.stored(booking.id).provider_id for booking, _ in declined}
    assert len(set(assigned.values())) == 3
    assert all(assigned[booking.id] != chef for booking, chef in declined)


@pytest.mark.parametrize(("ahead", "hours_left"), [(5, 1), (50, 4)])
def test_paid_visit_without_chef_is_cancelled_and_refunded(make, db, gateway, phonepe, now, ahead, hours_left):
    make.chef()
    start = now + ahead * HOUR
    local = start + timedelta(hours=5, minutes=30)
    booking, _ = make.paid(gateway, phonepe, booking_date=local.date(), time_slot=local.time())
    decline(make, booking)
    last = start - hours_left * HOUR
    assert deadlines.enforce(db, LINE, last - MICROSECOND)["no_provider"] == 0
    assert deadlines.enforce(db, LINE, last)["no_provider"] == 1
    stored = make.stored(booking.id)
    assert (stored.status, stored.cancellation_reason) == ("cancelled", "no_chef")
    assert make.rows("select amount, reason from refunds") == [(stored.total, "cancelled")]
    assert make.balances(booking.id) == {"gateway_clearing": stored.total, "refunds_payable": -stored.total}


def test_chef_cancelling_accepted_visit_refunds_everything(make, chefs, paid):
    with pytest.raises(StatusChangeNotAllowed):
        make.step(paid, ProviderAction.CANCELLED)
    make.step(paid, ProviderAction.CONFIRMED)
    late = paid.starts_at - MICROSECOND
    make.step(paid, ProviderAction.CANCELLED, now=late)
    stored = make.stored(paid.id)
    assert (stored.status, stored.acceptance, stored.provider_id) == ("cancelled", "accepted", chefs[0].id)
    assert make.rows("select amount from refunds") == [(stored.total,)]
    assert "visit_cancelled" not in notifications_of(make, chefs[0].id)
    make.step(paid, ProviderAction.CANCELLED, now=late)
    assert make.rows("select count(*) from refunds") == [(1,)]


def test_admin_may_assign_chef_who_declined_before(make, admin, chefs, paid, now):
    for _ in chefs:
        decline(make, paid)
    assignment.assign(admin, LINE, paid.id, chefs[1].id, "has called and can", now)
    stored = make.stored(paid.id)
    assert (stored.provider_id, stored.acceptance) == (chefs[1].id, "awaiting")
    assert offers_of(make, paid)[-1] == (chefs[1].id, "open")
    assert make.rows("select kind from exceptions where closed_at is null") == []
    make.step(paid, ProviderAction.CONFIRMED)
    assert make.stored(paid.id).acceptance == "accepted"


def test_admin_cannot_assign_busy_chef(make, admin, chefs, paid, now):
    make.booking(chef_id=chefs[1].id)
    with pytest.raises(ChefUnavailable):
        assignment.assign(admin, LINE, paid.id, chefs[1].id, None, now)
    assert make.stored(paid.id).provider_id == chefs[0].id


def test_only_verified_active_chef_can_be_assigned(make, admin, chefs, paid, now):
    unverified = make.chef(is_verified=False)
    make.run("update users set is_active = false where id = :id", id=chefs[2].id)
    for user_id in (unverified.id, chefs[2].id, make.customer().id):
        with pytest.raises(Invalid, match="chef_id"):
            assignment.assign(admin, LINE, paid.id, user_id, None, now, field="chef_id")


def test_removing_chef_offers_visit_to_next(make, admin, chefs, paid, now):
    assignment.remove(admin, LINE, paid.id, "ill", now)
    assert offers_of(make, paid) == [(chefs[0].id, "withdrawn"), (chefs[1].id, "open")]
    assert make.rows("select actor, kind, reason from booking_events order by id desc limit 1") == [
        ("admin", "chef_removed", "ill")
    ]


def test_repeated_admin_assignment_changes_nothing(make, admin, chefs, paid, now):
    before = offers_of(make, paid)
    assignment.assign(admin, LINE, paid.id, chefs[0].id, None, now)
    assert offers_of(make, paid) == before
    for _ in chefs:
        decline(make, paid)
    assignment.remove(admin, LINE, paid.id, None, now)
    assert make.stored(paid.id).acceptance == "unassigned"


def test_chef_of_missing_or_started_visit_cannot_change(make, admin, chefs, paid, now):
    for change in (
        lambda one: assignment.remove(admin, LINE, one, None, now),
        lambda one: assignment.assign(admin, LINE, one, chefs[1].id, None, now),
    ):
        with pytest.raises(BookingNotFound):
            change(new_id())
    make.step(paid, ProviderAction.CONFIRMED, ProviderAction.IN_PROGRESS)
    with pytest.raises(StatusChangeNotAllowed, match="before the booking starts"):
        assignment.assign(admin, LINE, paid.id, chefs[1].id, None, now)
    with pytest.raises(StatusChangeNotAllowed, match="before the booking starts"):
        assignment.remove(admin, LINE, paid.id, None, now)
    with pytest.raises(BookingNotFound):
        status_changes.by_admin(admin, LINE, new_id(), Status.CANCELLED, "no", now)


def test_admin_confirming_unpaid_visit_starts_offer_expiry(make, admin, chefs, now):
    booking = make.booking()
    status_changes.by_admin(admin, LINE, booking.id, Status.CONFIRMED, "will pay by bank", now)
    stored = make.stored(booking.id)
    assert (stored.status, stored.acceptance, stored.pay_by) == ("confirmed", "awaiting", now + 24 * HOUR)
    assert make.rows("select expires_at from offers") == [(now + 2 * HOUR,)]
    assert notifications_of(make, chefs[0].id) == ["visit_to_answer"]


def test_admin_status_changes_follow_same_rules(make, admin, paid, now):
    with pytest.raises(StatusChangeNotAllowed):
        status_changes.by_admin(admin, LINE, paid.id, Status.IN_PROGRESS, "phone call", now)
    make.step(paid, ProviderAction.CONFIRMED)
    for status in (Status.IN_PROGRESS, Status.COMPLETED):
        status_changes.by_admin(admin, LINE, paid.id, status, "phone call", now)
        status_changes.by_admin(admin, LINE, paid.id, status, "again", now)
        assert make.stored(paid.id).status == status
    for status in set(Status) - {Status.COMPLETED}:
        with pytest.raises(StatusChangeNotAllowed):
            status_changes.by_admin(admin, LINE, paid.id, status, "no", now)
    assert make.balances(paid.id).keys() == {"gateway_clearing", "provider_payable", "platform_revenue", "gst_payable"}


def test_late_admin_cancellation_refunds_everything(make, admin, paid):
    make.step(paid, ProviderAction.CONFIRMED)
    status_changes.by_admin(admin, LINE, paid.id, Status.CANCELLED, "kitchen is flooded", paid.starts_at - MICROSECOND)
    stored = make.stored(paid.id)
    assert (stored.status, stored.cancellation_reason) == ("cancelled", "kitchen is flooded")
    assert make.rows("select amount from refunds") == [(stored.total,)]


def test_visit_not_started_is_notified_once_and_can_start(make, db, paid):
    make.step(paid, ProviderAction.CONFIRMED)
    late = paid.starts_at + 2 * HOUR
    assert deadlines.enforce(db, LINE, late - MICROSECOND)["not_started"] == 0
    assert deadlines.enforce(db, LINE, late)["not_started"] == 1
    assert deadlines.enforce(db, LINE, late)["not_started"] == 0
    assert make.rows("select kind from exceptions") == [("not_started",)]
    make.step(paid, ProviderAction.IN_PROGRESS, now=late)


def test_system_completes_forgotten_visit(make, db, paid):
    make.step(paid, ProviderAction.CONFIRMED)
    make.step(paid, ProviderAction.IN_PROGRESS, now=paid.starts_at)
    over = paid.ends_at + 12 * HOUR
    assert deadlines.enforce(db, LINE, over - MICROSECOND)["completed"] == 0
    assert deadlines.enforce(db, LINE, over)["completed"] == 1
    assert make.stored(paid.id).status == "completed"
    assert make.rows("select actor, reason from booking_events order by id desc limit 1") == [
        ("system", "not completed by the chef")
    ]


def test_failing_deadline_does_not_block_other_visits(make, db, chefs, gateway, phonepe):
    broken, _ = make.paid(gateway, phonepe, booking_date=make.day(3))
    fine, _ = make.paid(gateway, phonepe, booking_date=make.day(4))
    make.run("update appointments set time_zone = 'Nowhere' where booking_id = :id", id=broken.id)
    deadlines.enforce(db, LINE, broken.created_at + 48 * HOUR)
    assert make.stored(fine.id).provider_id == chefs[1].id
    assert make.stored(broken.id).provider_id == chefs[0].id


def test_calendar_change_during_decision_is_noticed(make, chefs, monkeypatch):
    """Fails when the WRITE does not check the calendar's version: a visit would be booked on a day off."""
    store, changed = placement._store, []

    def day_off_first(*arguments):
        if not changed:
            changed.append(True)
            make.run(
                "insert into provider_days_off (id, provider_id, day) values (gen_random_uuid(), :chef, :day)",
                chef=chefs[0].id,
                day=make.day(3),
            )
            make.run(
                "update providers set calendar_version = calendar_version + 1 where user_id = :chef",
                chef=chefs[0].id,
            )
        return store(*arguments)

    monkeypatch.setattr(placement, "_store", day_off_first)
    assert make.booking().chef_id == chefs[1].id
