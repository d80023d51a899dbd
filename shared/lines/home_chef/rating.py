"""A customer rates a completed visit, once, and the chef's mean moves with it (PRODUCT, "A booking")."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.bookings.lifecycle import Status
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Refusal
from shared.lines.home_chef.schemas import RatingRequest, RatingView

# The mean is counted on the chef's row as it is when it is locked, so that of two ratings at once none is lost.
_RATE = text("""
with own as (
  select id, provider_id, status from bookings where id = :booking and customer_id = :customer
), rated as (
  insert into home_chef_ratings (booking_id, chef_id, stars, comment, created_at)
  select id, provider_id, cast(:stars as int), :comment, cast(:now as timestamptz) from own where status = 'completed'
  on conflict (booking_id) do nothing returning booking_id, chef_id
), chef as (
  update chef_profiles c set rating_sum = c.rating_sum + cast(:stars as int), rating_count = c.rating_count + 1,
    rating = round((c.rating_sum + cast(:stars as int))::numeric / (c.rating_count + 1), 2)
  from rated where c.user_id = rated.chef_id
), event as (
  insert into booking_events (booking_id, at, actor, actor_id, kind, facts)
  select booking_id, cast(:now as timestamptz), 'customer', cast(:customer as uuid), 'rated',
    jsonb_build_object('stars', cast(:stars as int)) from rated
)
select own.status, exists (select from rated) as rated from own
""")


class AlreadyRated(Refusal):
    code, title = "already_rated", "You have rated this visit"

    def __init__(self) -> None:
        super().__init__("A visit is rated once.")


class NotCompleted(Refusal):
    code, title = "not_completed", "The visit is not completed"


def rate(session: Session, customer_id: UUID, booking_id: UUID, said: RatingRequest, now: datetime) -> RatingView:
    """Keep a customer's rating of their own visit. Raises BookingNotFound, NotCompleted, AlreadyRated."""
    own = {"customer": customer_id, "booking": booking_id}
    written = session.execute(_RATE, {**own, **said.model_dump(), "now": now}).one_or_none()
    if written is None:
        raise BookingNotFound
    if written.status != Status.COMPLETED:
        raise NotCompleted(f"A booking that is {written.status} cannot be rated.", current=written.status)
    if not written.rated:
        raise AlreadyRated
    return RatingView(stars=said.stars, comment=said.comment, created_at=now)
