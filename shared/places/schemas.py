from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from shared.kit.schemas import Body, Text, View

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Radius = Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)]
Pincode = Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$", examples=["400050"])]
City = Text(1, 100)


class _Located(Body):
    @model_validator(mode="after")
    def both_or_none(self) -> Self:
        sent = {"latitude", "longitude"} & self.model_fields_set  # one null alone would leave half a coordinate
        not_null = [name for name in sent if getattr(self, name) is not None]
        if len(sent) == 1 or len(not_null) == 1:
            raise ValueError("send latitude and longitude together")
        return self


class AddressRequest(_Located):
    label: Text(1, 50) = "Home"  # type: ignore[valid-type]
    full_address: Text(1, 500)  # type: ignore[valid-type]
    city: City  # type: ignore[valid-type]
    state: Text(1, 100) | None = None  # type: ignore[valid-type]
    pincode: Pincode
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    is_default: bool = False


class AddressChange(_Located):
    """An absent field is unchanged, null clears; coordinates change together."""

    label: Text(1, 50) = "Home"  # type: ignore[valid-type]
    full_address: Text(1, 500) = ""  # type: ignore[valid-type]
    city: City = ""  # type: ignore[valid-type]
    state: Text(1, 100) | None = None  # type: ignore[valid-type]
    pincode: Pincode = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    is_default: Literal[True] = True


class AddressView(View):
    id: UUID
    label: str
    full_address: str
    city: str
    state: str | None
    pincode: str
    latitude: float | None
    longitude: float | None
    is_default: bool
    created_at: datetime


class ServiceabilityRequest(_Located):
    city: City  # type: ignore[valid-type]
    pincode: Pincode | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class ServiceabilityView(View):
    """`rule` is the deciding rule: area, pincode, city, switched_off or unknown_city."""

    serviceable: bool
    rule: Literal["area", "pincode", "city", "switched_off", "unknown_city"]
    area: str | None


class AreaRequest(Body):
    """A circle on the map: its centre in degrees, its radius in kilometres."""

    name: Text(1, 100)  # type: ignore[valid-type]
    latitude: Latitude
    longitude: Longitude
    radius_km: Radius = 10.0
    is_active: bool = True


class AreaChange(Body):
    """An absent field is unchanged."""

    name: Text(1, 100) = ""  # type: ignore[valid-type]
    latitude: Latitude = 0.0
    longitude: Longitude = 0.0
    radius_km: Radius = 10.0
    is_active: bool = True


class AreaView(View):
    id: UUID
    location_id: UUID
    name: str
    latitude: float
    longitude: float
    radius_km: float
    is_active: bool
    created_at: datetime


class LocationRequest(Body):
    """A serviceable city, or one pincode of it; `is_serviceable: false` overrides all other rules and switches it off."""

    city: City  # type: ignore[valid-type]
    state: Text(1, 100)  # type: ignore[valid-type]
    pincode: Pincode | None = None
    is_serviceable: bool = True


class LocationChange(Body):
    """An absent field is unchanged; `pincode: null` makes it the whole city."""

    city: City = ""  # type: ignore[valid-type]
    state: Text(1, 100) = ""  # type: ignore[valid-type]
    pincode: Pincode | None = None
    is_serviceable: bool = True


class LocationView(View):
    """A city, or one pincode of it, with its circles."""

    id: UUID
    city: str
    state: str
    pincode: str | None
    is_serviceable: bool
    created_at: datetime
    areas: list[AreaView]
