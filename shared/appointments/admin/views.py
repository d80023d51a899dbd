"""An appointment as an admin sees it; amounts are rupees on the wire."""

from datetime import datetime
from uuid import UUID

from shared.appointments.lifecycle import OfferState
from shared.appointments.models import Appointment, Offer
from shared.appointments.schemas import AppointmentView
from shared.kit.schemas import View


class OfferView(View):
    """An offer to a provider and its state."""

    id: UUID
    provider_id: UUID
    provider_name: str | None
    state: OfferState
    offered_at: datetime
    expires_at: datetime | None
    answered_at: datetime | None
    reason: str | None


def visit_view(appointment: Appointment) -> AppointmentView:
    return AppointmentView.model_validate(appointment)


def offer_view(offer: Offer, provider_name: str | None) -> OfferView:
    own = {name: getattr(offer, name) for name in OfferView.model_fields if hasattr(offer, name)}
    return OfferView.model_validate({**own, "provider_name": provider_name})
