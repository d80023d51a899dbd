"""The states of an offer to a chef; a visit's own states are those of every booking."""

from enum import StrEnum

from shared.kit.lifecycle import Lifecycle

LINE = "home_chef"
CHEF = "chef"  # the role this line brings


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class ChefStep(StrEnum):
    """What a chef can do with a booking: the state it is to be in, or `declined`."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


_ENDS = frozenset({OfferState.DECLINED, OfferState.LAPSED, OfferState.WITHDRAWN})
OFFER = Lifecycle[OfferState](
    {
        OfferState.OPEN: frozenset({OfferState.ACCEPTED}) | _ENDS,
        # Back to open: the visit was moved to another time, and is to be accepted anew.
        OfferState.ACCEPTED: frozenset({OfferState.OPEN, OfferState.DECLINED, OfferState.WITHDRAWN}),
        # Nobody is asked twice; an admin who asks again makes a new offer of it.
        OfferState.DECLINED: frozenset(),
        OfferState.LAPSED: frozenset(),
        OfferState.WITHDRAWN: frozenset(),
    }
)
