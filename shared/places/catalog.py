"""Admins edit the serviceable places: cities, pincodes, circles on the map. Booked visits are unaffected.

Every change is written to the audit log in its transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.kit.base import for_update
from shared.kit.database import ConstraintViolated
from shared.kit.errors import NotFound, Refusal
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery, Position, after, page_of
from shared.places.models import UNIQUE_LOCATION, Location, ServiceArea
from shared.places.schemas import AreaView, LocationView

Located = tuple[Location, list[ServiceArea]]


class LocationNotFound(NotFound):
    code = "location_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such location.")


class AreaNotFound(NotFound):
    code = "area_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such service area.")


class LocationExists(Refusal):
    code, title = "location_exists", "This place is listed already"

    def __init__(self) -> None:
        super().__init__("There is a location of this city and pincode already.")


def locations(session: Session, query: PageQuery) -> tuple[list[Located], str | None]:
    """Return a page of locations, the newest first, each with its areas, the oldest first, in one statement."""
    page = select(Location).where(*after(query, Location.created_at, Location.id))
    page = page.order_by(Location.created_at.desc(), Location.id.desc()).limit(query.limit + 1)
    place = aliased(Location, page.subquery())
    rows = session.execute(
        select(place, ServiceArea)
        .outerjoin(ServiceArea, ServiceArea.location_id == place.id)
        .order_by(place.created_at.desc(), place.id.desc(), ServiceArea.created_at, ServiceArea.id)
    ).all()
    found: dict[UUID, Located] = {}
    for location, area in rows:
        found.setdefault(location.id, (location, []))[1].extend([area] if area is not None else [])
    return page_of(list(found.values()), query.limit, lambda row: Position(row[0].created_at, row[0].id))


def add(session: Session, given: dict[str, Any], by: AuditContext, now: datetime) -> LocationView:
    """Add a city or a pincode; raises LocationExists."""
    location = Location(id=new_id(), created_at=now, **given)
    with _refuse_duplicates(session):
        session.add(location)
    shown = view(location, [])
    audit.record(session, by, "location.added", location.id, None, shown.model_dump(mode="json"), now)
    return shown


def change(session: Session, location_id: UUID, given: dict[str, Any], by: AuditContext, now: datetime) -> LocationView:
    """Set the given fields of a location. Raises LocationNotFound, LocationExists."""
    location, areas = _locked(session, location_id)
    before = view(location, areas)
    with _refuse_duplicates(session):
        for name, value in given.items():
            setattr(location, name, value)
        session.execute(update(ServiceArea).where(ServiceArea.location_id == location_id).values(city=location.city))
    shown = view(location, areas)
    _record(session, by, "location.changed", before, shown, now)
    return shown


def remove(session: Session, location_id: UUID, by: AuditContext, now: datetime) -> None:
    """Delete a location and its areas; raises LocationNotFound."""
    location, areas = _locked(session, location_id)
    before = view(location, areas).model_dump(mode="json")
    session.delete(location)
    audit.record(session, by, "location.removed", location_id, before, None, now)


def add_area(session: Session, location_id: UUID, given: dict[str, Any], by: AuditContext, now: datetime) -> AreaView:
    """Add a circle to a location; raises LocationNotFound."""
    location, _ = _locked(session, location_id)
    area = ServiceArea(id=new_id(), location_id=location_id, city=location.city, created_at=now, **given)
    session.add(area)
    shown = AreaView.model_validate(area)
    audit.record(session, by, "service_area.added", area.id, None, shown.model_dump(mode="json"), now)
    return shown


def change_area(session: Session, area_id: UUID, given: dict[str, Any], by: AuditContext, now: datetime) -> AreaView:
    """Set the given fields of a circle; raises AreaNotFound."""
    area = _locked_area(session, area_id)
    before = AreaView.model_validate(area)
    for name, value in given.items():
        setattr(area, name, value)
    shown = AreaView.model_validate(area)
    _record(session, by, "service_area.changed", before, shown, now)
    return shown


def remove_area(session: Session, area_id: UUID, by: AuditContext, now: datetime) -> None:
    """Delete a circle; raises AreaNotFound."""
    area = _locked_area(session, area_id)
    before = AreaView.model_validate(area).model_dump(mode="json")
    session.delete(area)
    audit.record(session, by, "service_area.removed", area_id, before, None, now)


def view(location: Location, areas: list[ServiceArea]) -> LocationView:
    own = {name: getattr(location, name) for name in LocationView.model_fields if name != "areas"}
    return LocationView(**own, areas=[AreaView.model_validate(area) for area in areas])


def _record(
    session: Session,
    by: AuditContext,
    action: str,
    before: LocationView | AreaView,
    shown: LocationView | AreaView,
    now: datetime,
) -> None:
    audit.record(session, by, action, shown.id, before.model_dump(mode="json"), shown.model_dump(mode="json"), now)


@contextmanager
def _refuse_duplicates(session: Session) -> Iterator[None]:
    """Raise LocationExists on a violation of the unique index, which also refuses one of two concurrent additions."""
    try:
        with session.begin_nested():
            yield
            session.flush()
    except ConstraintViolated as error:
        if error.constraint == UNIQUE_LOCATION:
            raise LocationExists from error
        raise


def _locked(session: Session, location_id: UUID) -> Located:
    location = session.scalars(for_update(select(Location).where(Location.id == location_id))).one_or_none()
    if location is None:
        raise LocationNotFound
    areas = select(ServiceArea).where(ServiceArea.location_id == location_id)
    return location, list(session.scalars(areas.order_by(ServiceArea.created_at, ServiceArea.id)).all())


def _locked_area(session: Session, area_id: UUID) -> ServiceArea:
    area: ServiceArea | None = session.scalars(
        for_update(select(ServiceArea).where(ServiceArea.id == area_id))
    ).one_or_none()
    if area is None:
        raise AreaNotFound
    return area
