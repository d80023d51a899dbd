from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.places import queries
from shared.places.schemas import ServiceabilityRequest, ServiceabilityView
from shared.places.serviceability import Place, decide
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.post("/check-serviceability", body=ServiceabilityRequest, answer=ServiceabilityView)
def check_serviceability(call: Call, body: ServiceabilityRequest) -> ServiceabilityView:
    """Check whether chefs serve a place, and by which rule."""
    place = Place(body.city, body.pincode, body.latitude, body.longitude)
    with call.reading() as (session, _):
        return ServiceabilityView.model_validate(decide(place, queries.coverage_of(session, place.city)))
