"""Background work: the scheduled jobs, and outbox messages handled as the tasks function does."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from functions.wiring import line
from shared.appointments import deadlines, reminders
from shared.bookings import expiry
from shared.lines.home_chef.line import LINE
from shared.notifications import queries as notifications
from shared.notifications.notice import Notice, Reader
from shared.outbox import queries as outbox
from shared.payments import refunding, status_polling
from shared.payments.gateway import GatewayUnavailable
from shared.payments.reconciliation import report
from tests.make import always
from tests.play import Play

DUE = """
select id from outbox where done_at is null and due_at <= :now and (leased_until is null or leased_until < :now)
order by kind = 'notifications.mail', due_at limit 6
"""


@dataclass
class Jobs:
    play: Play

    def run(self, job: str) -> None:
        db, now = self.play.db, self.play.now
        match job:
            case "expire":
                expiry.expire(db, line, now)
            case "deadlines":
                deadlines.enforce(db, LINE, now)
            case "remind":
                reminders.remind(db, LINE, now)
            case "reconcile":
                done = status_polling.reconcile(db, always(self.play.gateway), line, now)
                status_polling.record_round(db, done, now)
                assert done.failed == 0
            case "report":
                assert report.report(db, always(self.play.gateway), now)["failed"] == 0

    def poll(self, attempt_id: UUID) -> None:
        status_polling.poll_for_customer(self.play.db, always(self.play.gateway), line, attempt_id, self.play.now)

    def handle_messages(self, times: int) -> int:
        """Handle some due outbox messages, each `times` times before it is marked done; returns how many."""
        due = self.play.make.rows(DUE, now=self.play.now)
        return sum(self._handled(message_id, times) for (message_id,) in due)

    def _handled(self, message_id: UUID, times: int) -> bool:
        with self.play.db.transaction() as session:
            leased = outbox.lease(session, message_id, self.play.now)
        assert leased
        try:
            for _ in range(times):
                self._handle(*leased)
        except GatewayUnavailable as error:
            with self.play.db.transaction() as session:
                outbox.mark_failed(session, message_id, error.reason)
            return False
        with self.play.db.transaction() as session:
            outbox.mark_done(session, message_id, self.play.now)
        return True

    def _handle(self, kind: str, payload: dict[str, Any]) -> None:
        db, now = self.play.db, self.play.now
        match kind:
            case "home_chef.lapse":
                deadlines.lapse(db, LINE, payload, now)
            case "payments.poll":
                status_polling.handle_poll(db, always(self.play.gateway), line, payload, now)
            case "payments.refund":
                refunding.advance(db, always(self.play.gateway), line, UUID(payload["refund_id"]), now)
            case "notifications.mail":
                with db.reading() as session:
                    mail = notifications.with_recipient(session, UUID(payload["notification_id"]))
                    mail_line, notice = line(mail.line), Notice(mail.kind, mail.subject_id, mail.facts)
                    current = mail_line.is_current(session, notice)
                assert not current or mail_line.letter(notice, Reader(mail.name)).text(mail_line.brand)
