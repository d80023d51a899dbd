from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base, Created
from shared.kit.ids import new_id
from shared.users.models import User

LOCATION_TWICE = "uq_locations_city_pincode"  # the index that a place is listed once, its city spelled in any case


class Address(Created, Base):
    """Where a customer wants to be visited; copied into a booking, so that it may change or go."""

    __tablename__ = "addresses"
    __table_args__ = (
        CheckConstraint("(latitude is null) = (longitude is null)", name="both_coordinates"),
        Index("uq_addresses_default", "user_id", unique=True, postgresql_where=text("is_default")),
        Index("ix_addresses_user_id_created_at_id", "user_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    label: Mapped[str] = mapped_column(server_default="Home")
    full_address: Mapped[str]
    city: Mapped[str]
    state: Mapped[str | None]
    pincode: Mapped[str]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))


class Location(Created, Base):
    """A city, or one pincode of it, that is served or switched off."""

    __tablename__ = "locations"
    __table_args__ = (
        # One row for a city as a whole (no pincode), one for each pincode of it.
        Index(LOCATION_TWICE, text("lower(city)"), "pincode", unique=True, postgresql_nulls_not_distinct=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    city: Mapped[str]
    state: Mapped[str]
    pincode: Mapped[str | None]
    is_serviceable: Mapped[bool] = mapped_column(server_default=text("true"))


class ServiceArea(Created, Base):
    """A circle on the map of a location: centre and radius in kilometres."""

    __tablename__ = "service_areas"
    __table_args__ = (CheckConstraint("radius_km > 0", name="radius"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    location_id: Mapped[UUID] = mapped_column(ForeignKey("locations.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    city: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    radius_km: Mapped[float] = mapped_column(server_default=text("10"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
