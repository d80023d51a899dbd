"""The states of an offer to a provider, and a provider's actions; the states of a booking are in `shared.bookings`."""

from enum import StrEnum

from shared.kit.lifecycle import Lifecycle


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class ProviderAction(StrEnum):
    """A provider's action on a booking: the requested status, or `declined`."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


_ENDS = frozenset({OfferState.DECLINED, OfferState.LAPSED, OfferState.WITHDRAWN})
OFFER = Lifecycle[OfferState](
    {
        OfferState.OPEN: frozenset({OfferState.ACCEPTED}) | _ENDS,
        # A rescheduled appointment needs a new acceptance, so its accepted offer reopens.
        OfferState.ACCEPTED: frozenset({OfferState.OPEN, OfferState.DECLINED, OfferState.WITHDRAWN}),
        # An ended offer never reopens; an admin who assigns its provider again replaces it with a new offer.
        OfferState.DECLINED: frozenset(),
        OfferState.LAPSED: frozenset(),
        OfferState.WITHDRAWN: frozenset(),
    }
)
