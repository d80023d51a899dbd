"""Decide whether a place is serviceable, and by which rule (docs/product.md#serviceability)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Any

EARTH_KM = 6_371.0088


@dataclass(frozen=True)
class Place:
    """The place of a requested visit; coordinates are degrees (WGS 84), both or none."""

    city: str
    pincode: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True)
class ServedLocation:
    """A location row: a whole city, or one pincode of it."""

    id: str
    pincode: str | None
    is_serviceable: bool


@dataclass(frozen=True)
class Circle:
    """An active area of a location: its centre and radius in kilometres."""

    location_id: str
    name: str
    latitude: float
    longitude: float
    radius_km: float


@dataclass(frozen=True)
class Coverage:
    """The locations and active circles of a city."""

    locations: Sequence[ServedLocation]
    circles: Sequence[Circle]

    @classmethod
    def from_rows(cls, locations: Sequence[Mapping[str, Any]], circles: Sequence[Mapping[str, Any]]) -> "Coverage":
        return cls([ServedLocation(**row) for row in locations], [Circle(**row) for row in circles])


@dataclass(frozen=True)
class Decision:
    """The result: `rule` is area, pincode, city, switched_off or unknown_city; `area` is the name of the matching circle."""

    serviceable: bool
    rule: str
    area: str | None = None


def decide(place: Place, coverage: Coverage) -> Decision:
    """Return whether a place is serviceable, from the coverage of its city.

    A place with coordinates is matched to active circles, if there are any; otherwise to pincodes, if any; else to the city.
    """
    locations = coverage.locations
    if not locations:
        return Decision(serviceable=False, rule="unknown_city")
    if any(_is_off(row, place) for row in locations):
        return Decision(serviceable=False, rule="switched_off")
    on = {row.id for row in locations if row.is_serviceable}
    active = [circle for circle in coverage.circles if circle.location_id in on]
    if place.latitude is not None and place.longitude is not None and active:
        hit = next((circle for circle in active if _km(place, circle) <= circle.radius_km), None)
        return Decision(serviceable=hit is not None, rule="area", area=hit.name if hit else None)
    pincodes = {row.pincode for row in locations if row.pincode is not None and row.is_serviceable}
    if any(row.pincode is not None for row in locations):
        return Decision(serviceable=place.pincode in pincodes, rule="pincode")
    return Decision(serviceable=True, rule="city")


def _is_off(row: ServedLocation, place: Place) -> bool:
    return not row.is_serviceable and row.pincode in {None, place.pincode}


def _km(place: Place, circle: Circle) -> float:
    """Return the great-circle distance in kilometres (haversine)."""
    lat1, lat2 = radians(place.latitude or 0), radians(circle.latitude)
    half_lat, half_lng = (lat2 - lat1) / 2, radians(circle.longitude - (place.longitude or 0)) / 2
    chord = sin(half_lat) ** 2 + cos(lat1) * cos(lat2) * sin(half_lng) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(chord)))
