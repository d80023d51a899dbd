from uuid import UUID

from sqlalchemy.orm import Session

from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.kit.paging import PageQuery, PageView
from shared.places import queries
from shared.places.queries import AddressNotFound
from shared.places.schemas import AddressChange, AddressRequest, AddressView
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get("/addresses", query=PageQuery, answer=PageView[AddressView])
def list_addresses(call: Call, query: PageQuery) -> PageView[AddressView]:
    """List the customer's addresses, the newest first."""
    with call.reading() as (session, caller):
        rows, cursor = queries.addresses_of(session, caller.id, query)
        return PageView(items=[AddressView.model_validate(row) for row in rows], next_cursor=cursor)


@routes.post("/addresses", body=AddressRequest, answer=AddressView, status=201, idempotent=True)
def add_address(call: Call, body: AddressRequest) -> AddressView:
    """Add an address; the first becomes the default."""

    def add(session: Session, caller: Caller) -> AddressView:
        return AddressView.model_validate(queries.add_address(session, caller.id, body.model_dump(), call.now))

    return idempotent(call, add)


@routes.put("/addresses/{address_id}", body=AddressChange, answer=AddressView, refuses=(AddressNotFound,))
def change_address(call: Call, address_id: UUID, body: AddressChange) -> AddressView:
    """Change an address: an absent field is unchanged; `is_default: true` unsets the previous default."""
    with call.locking() as (session, caller):
        given = body.model_dump(exclude_unset=True)
        return AddressView.model_validate(queries.change_address(session, caller.id, address_id, given))


@routes.delete("/addresses/{address_id}", refuses=(AddressNotFound,))
def remove_address(call: Call, address_id: UUID) -> None:
    """Remove an address; bookings keep their copy of it."""
    with call.locking() as (session, caller):
        queries.remove_address(session, caller.id, address_id)
