from typing import Literal

from functions import gateways, wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.inbox import queries as inbox
from shared.kit.errors import DependencyDown, Unauthorized
from shared.kit.schemas import View

routes = Routes("/api/v1/payments/callback")
MESSAGE_KIND = "payments.callback"


class InvalidSignature(Unauthorized):
    code, title = "invalid_signature", "Not signed by the payment service"

    def __init__(self) -> None:
        super().__init__("The callback is not signed with a key of ours.")


class Received(View):
    status: Literal["received"] = "received"


@routes.post("", answer=Received, refuses=(InvalidSignature, DependencyDown))
def phonepe(call: Call) -> Received:
    """Receive PhonePe's callback about a payment or refund; its content is not trusted, so the status is queried."""
    raw = call.raw()
    source = gateways.sender_of(raw, call.request.headers)
    if source is None:
        raise InvalidSignature
    with wiring.database().transaction() as session:
        inbox.receive(session, source, raw, MESSAGE_KIND, call.now)
    return Received()


@routes.post("/phonepe", answer=Received, refuses=(InvalidSignature, DependencyDown))
def phonepe_by_name(call: Call) -> Received:
    """Receive the same callback at a second path; the sender is found by its header, not by the path."""
    return phonepe(call)
