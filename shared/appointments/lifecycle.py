"""The states of an offer to a provider, and the changes a provider can make; a booking's own states are the core's."""

from enum import StrEnum

from shared.kit.lifecycle import Lifecycle


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class ProviderAction(StrEnum):
    """A provider's step on a booking: the status it is to have, or `declined`."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


_ENDS = frozenset({OfferState.DECLINED, OfferState.LAPSED, OfferState.WITHDRAWN})
OFFER = Lifecycle[OfferState](
    {
        OfferState.OPEN: frozenset({OfferState.ACCEPTED}) | _ENDS,
        # Back to open: the appointment was rescheduled and the provider accepts anew.
        OfferState.ACCEPTED: frozenset({OfferState.OPEN, OfferState.DECLINED, OfferState.WITHDRAWN}),
        # No provider is asked twice; an admin who asks one again makes a new offer.
        OfferState.DECLINED: frozenset(),
        OfferState.LAPSED: frozenset(),
        OfferState.WITHDRAWN: frozenset(),
    }
)
