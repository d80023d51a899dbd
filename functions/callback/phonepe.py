from typing import Literal

from functions import wiring
from functions.web import Call, Routes
from infra.phonepe.wire import InvalidCallback, verified_callback
from shared.inbox import queries as inbox
from shared.kit.errors import DependencyDown, Unauthorized
from shared.kit.schemas import View

routes = Routes("/api/v1/payments/callback")
LOOK_INTO = "payments.callback"


class InvalidSignature(Unauthorized):
    code, title = "invalid_signature", "Not signed by the payment service"

    def __init__(self) -> None:
        super().__init__("The callback is not signed with a key of ours.")


class Received(View):
    status: Literal["received"] = "received"


@routes.post("", answer=Received, refuses=(InvalidSignature, DependencyDown))
def phonepe(call: Call) -> Received:
    """Take PhonePe's report of a payment or a refund; what it says is not believed but asked for."""
    raw = call.raw()
    try:
        verified_callback(raw, call.request.headers.get("X-VERIFY", ""), wiring.signer())
    except InvalidCallback as error:
        raise InvalidSignature from error
    with wiring.database().transaction() as session:
        inbox.receive(session, "phonepe", raw, LOOK_INTO, call.now)
    return Received()


@routes.post("/phonepe", answer=Received, refuses=(InvalidSignature, DependencyDown))
def phonepe_by_name(call: Call) -> Received:
    """Take the same report at the address that names its gateway, as every further gateway's does."""
    return phonepe(call)
