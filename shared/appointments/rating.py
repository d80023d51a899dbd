"""Store a customer's one rating of a completed appointment and update the provider's mean. Source: docs/product.md#ratings."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.bookings.lifecycle import Status
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Refusal
from shared.kit.schemas import Body, Text, View, Whole

# The mean is computed on the provider's locked row, so that two concurrent ratings both count.
_RATE = text("""
with own as (
  select id, provider_id, status from bookings where id = :booking and customer_id = :customer and line = :line
), rated as (
  insert into ratings (booking_id, provider_id, stars, comment, created_at)
  select id, provider_id, cast(:stars as int), :comment, cast(:now as timestamptz) from own where status = 'completed'
  on conflict (booking_id) do nothing returning booking_id, provider_id
), provider as (
  update providers p set rating_sum = p.rating_sum + cast(:stars as int), rating_count = p.rating_count + 1,
    rating = round((p.rating_sum + cast(:stars as int))::numeric / (p.rating_count + 1), 2)
  from rated where p.user_id = rated.provider_id
), event as (
  insert into booking_events (booking_id, at, actor, actor_id, kind, facts)
  select booking_id, cast(:now as timestamptz), 'customer', cast(:customer as uuid), 'rated',
    jsonb_build_object('stars', cast(:stars as int)) from rated
)
select own.status, exists (select from rated) as rated from own
""")


class RatingRequest(Body):
    """A rating of a completed appointment: 1 to 5 stars and a comment."""

    stars: Annotated[int, Field(ge=1, le=5), Whole]
    comment: Text(1, 1000) | None = None  # type: ignore[valid-type]


class RatingView(View):
    """The customer's rating of a completed appointment."""

    stars: int
    comment: str | None
    created_at: datetime


class AlreadyRated(Refusal):
    code, title = "already_rated", "You have rated this booking"

    def __init__(self) -> None:
        super().__init__("A booking can be rated only once.")


class NotCompleted(Refusal):
    code, title = "not_completed", "The booking is not completed"


def rate(
    session: Session, line: str, customer_id: UUID, booking_id: UUID, rating: RatingRequest, now: datetime
) -> RatingView:
    """Store a customer's rating of their own appointment of a line (its name), in one statement.

    Raises BookingNotFound, NotCompleted, AlreadyRated.
    """
    own = {"customer": customer_id, "booking": booking_id, "line": line}
    written = session.execute(_RATE, {**own, **rating.model_dump(), "now": now}).one_or_none()
    if written is None:
        raise BookingNotFound
    if written.status != Status.COMPLETED:
        raise NotCompleted(f"A booking that is {written.status} cannot be rated.", current=written.status)
    if not written.rated:
        raise AlreadyRated
    return RatingView(stars=rating.stars, comment=rating.comment, created_at=now)
