from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base, Created
from shared.kit.ids import new_id
from shared.users.models import User

UNIQUE_LOCATION = "uq_locations_city_pincode"  # the unique index of locations, case-insensitive in the city


class Address(Created, Base):
    """An address of a customer's visits; a booking stores a copy, so that the address may change or be deleted."""

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
    """A city, or one pincode of it, that is serviceable or switched off."""

    __tablename__ = "locations"
    __table_args__ = (
        # At most one row for the whole city (pincode null), and one per pincode.
        Index(UNIQUE_LOCATION, text("lower(city)"), "pincode", unique=True, postgresql_nulls_not_distinct=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    city: Mapped[str]
    state: Mapped[str]
    pincode: Mapped[str | None]
    is_serviceable: Mapped[bool] = mapped_column(server_default=text("true"))


class ServiceArea(Created, Base):
    """A circle of a location: its centre in degrees and its radius in kilometres."""

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
