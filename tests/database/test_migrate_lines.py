"""A release without a line of business migrates only if that line has no unfinished booking."""

from importlib import import_module
from types import SimpleNamespace

import pytest

from functions import wiring
from functions.web import authentication
from infra import migrations
from shared.kit.errors import Refusal
from shared.kit.settings import Settings
from tests.architecture.probe import placeholders
from tests.postgres_server import shared_postgres


@pytest.fixture
def upgrade(database_url, monkeypatch):
    """Migrate the test's database as a release with these lines; the caller is the pipeline."""
    chosen = Settings.read({**placeholders(), "DATABASE_URL": database_url})
    monkeypatch.setattr(wiring, "settings", lambda: chosen)
    monkeypatch.setattr(authentication, "invoked_by", lambda *_: None)
    schema = import_module("functions.migrate.schema")

    def migrate(*lines):
        monkeypatch.setattr(wiring, "line_names", lambda: list(lines))
        return schema.upgrade_to_head(SimpleNamespace(request=None))

    return migrate


def test_line_with_unfinished_booking_cannot_be_removed(make, upgrade):
    make.booking()
    with pytest.raises(Refusal) as refused:
        upgrade("errand")
    assert (refused.value.code, refused.value.members) == ("line_unfinished", {"lines": ["home_chef"]})
    assert upgrade("errand", "home_chef").after == migrations.head()


@pytest.mark.breaks_invariants("the refund is made by hand")
def test_line_is_removable_once_refunds_are_done(make, gateway, phonepe, upgrade):
    booking, _ = make.paid(gateway, phonepe, make.customer())
    make.step(booking, "confirmed", "in_progress", "completed")
    make.run(
        "insert into refunds (id, attempt_id, booking_id, merchant_refund_id, amount, state, reason)"
        " select gen_random_uuid(), id, :booking, 'R1', 100, 'pending', 'goodwill' from payment_attempts limit 1",
        booking=booking.id,
    )
    with pytest.raises(Refusal):
        upgrade()
    make.run("update refunds set state = 'done'")
    make.run("update outbox set done_at = now() where kind <> 'home_chef.lapse'")
    with pytest.raises(Refusal):
        upgrade()  # the end of the offer is still in the outbox, and no handler of it would be deployed
    make.run("update outbox set done_at = now()")
    assert upgrade().after == migrations.head()


def test_empty_database_has_no_unfinished_line():
    assert migrations.unfinished_lines(shared_postgres().new_database()) == []
