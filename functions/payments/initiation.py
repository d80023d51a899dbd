from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.payments.checkout import NotPayable, PaymentInProgress, TooManyPayments
from shared.payments.gateway import GatewayUnavailable
from shared.payments.schemas import InitiateRequest, PaymentPageView
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/payments", CUSTOMER)


@routes.post(
    "/initiate",
    body=InitiateRequest,
    answer=PaymentPageView,
    refuses=(BookingNotFound, NotPayable, PaymentInProgress, TooManyPayments, GatewayUnavailable, KeyReused),
    idempotent=True,
)
def initiate(call: Call, body: InitiateRequest) -> PaymentPageView:
    """Start a booking's payment and return the gateway's pay page: the same page while it can be reused."""
    page = wiring.checkout().start(call.locking, body.booking_id, call.key, call.now)
    return PaymentPageView.model_validate(page)
