"""Queries of addresses and locations; every statement on addresses filters by their owner."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from shared.kit.base import for_update
from shared.kit.errors import NotFound
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.places.models import Address, Location, ServiceArea
from shared.places.serviceability import Circle, Coverage, ServedLocation


class AddressNotFound(NotFound):
    code = "address_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such address.")


def addresses_of(session: Session, user_id: UUID, page: PageQuery) -> tuple[list[Address], str | None]:
    rows = session.scalars(
        select(Address)
        .where(Address.user_id == user_id, *after(page, Address.created_at, Address.id))
        .order_by(Address.created_at.desc(), Address.id.desc())
        .limit(page.limit + 1)
    ).all()
    return page_of(rows, page.limit, lambda row: Position(row.created_at, row.id))


def add_address(session: Session, user_id: UUID, given: dict[str, Any], now: datetime) -> Address:
    """Store an address of a user whose row is locked; the user's first address becomes the default."""
    has_default = session.query(Address.id).filter_by(user_id=user_id, is_default=True).first() is not None
    if has_default and given["is_default"]:
        _no_default(session, user_id)
    address = Address(
        id=new_id(), user_id=user_id, created_at=now, **given | {"is_default": given["is_default"] or not has_default}
    )
    session.add(address)
    return address


def own_address(session: Session, user_id: UUID, address_id: UUID) -> Address:
    """Return a user's own address, locked; raises AddressNotFound, also for another user's address."""
    statement = select(Address).where(Address.id == address_id, Address.user_id == user_id)
    address: Address | None = session.scalars(for_update(statement)).one_or_none()
    if address is None:
        raise AddressNotFound
    return address


def change_address(session: Session, user_id: UUID, address_id: UUID, given: dict[str, Any]) -> Address:
    """Set the given fields of a user's own address; a new default replaces the old one. Raises AddressNotFound."""
    address = own_address(session, user_id, address_id)
    if given.get("is_default"):
        _no_default(session, user_id)
    for name, value in given.items():
        setattr(address, name, value)
    return address


def remove_address(session: Session, user_id: UUID, address_id: UUID) -> None:
    """Delete a user's own address; bookings have their own copy. After a deleted default, the newest is the default."""
    address = own_address(session, user_id, address_id)
    session.delete(address)
    session.flush()
    if address.is_default:
        newest = select(Address.id).where(Address.user_id == user_id)
        newest = newest.order_by(Address.created_at.desc(), Address.id.desc()).limit(1)
        session.execute(update(Address).where(Address.id == newest.scalar_subquery()).values(is_default=True))


def _no_default(session: Session, user_id: UUID) -> None:
    session.execute(update(Address).where(Address.user_id == user_id, Address.is_default).values(is_default=False))


def coverage_of(session: Session, city: str) -> Coverage:
    """Return the locations of a city, spelled in any case, and their active circles, in one statement."""
    rows = session.execute(
        select(Location, ServiceArea)
        .outerjoin(ServiceArea, (ServiceArea.location_id == Location.id) & ServiceArea.is_active)
        .where(func.lower(Location.city) == func.lower(city))
        .order_by(Location.created_at, Location.id, text("service_areas.created_at"))
    ).all()
    locations = {row.id: ServedLocation(str(row.id), row.pincode, row.is_serviceable) for row, _ in rows}
    circles = [
        Circle(str(area.location_id), area.name, area.latitude, area.longitude, area.radius_km)
        for _, area in rows
        if area is not None
    ]
    return Coverage(list(locations.values()), circles)
