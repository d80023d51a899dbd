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


_ENDS = frozenset({OfferState.DECLINED, OfferState.LAPSED, OfferState.WITHDRAWN})
OFFER = Lifecycle[OfferState](
    {
        OfferState.OPEN: frozenset({OfferState.ACCEPTED}) | _ENDS,
        # Open again when the customer moved the visit: the chef accepts anew.
        OfferState.ACCEPTED: frozenset({OfferState.OPEN, OfferState.DECLINED, OfferState.WITHDRAWN}),
        OfferState.DECLINED: frozenset(),
        OfferState.LAPSED: frozenset(),
        OfferState.WITHDRAWN: frozenset(),
    }
)
