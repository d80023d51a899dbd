"""The tables as a team on SQLAlchemy's async ORM would map them: only the columns these peers touch."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSTZRANGE, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {datetime: TIMESTAMP(timezone=True), dict[str, Any]: JSONB, Range[datetime]: TSTZRANGE}  # noqa: RUF012 - SQLAlchemy's own way to say it


class User(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    role: Mapped[str]
    is_active: Mapped[bool]


class SignIn(Base):
    __tablename__ = "sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Address(Base):
    __tablename__ = "addresses"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    full_address: Mapped[str]
    city: Mapped[str]
    pincode: Mapped[str]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]


class ServiceArea(Base):
    __tablename__ = "service_areas"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    city: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    radius_km: Mapped[float]
    is_active: Mapped[bool]


class Chef(Base):
    __tablename__ = "providers"
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), primary_key=True)
    rate: Mapped[int] = mapped_column(BigInteger)
    service_city: Mapped[str]
    is_available: Mapped[bool]
    is_verified: Mapped[bool]
    rating: Mapped[float | None]


class WeeklySlot(Base):
    __tablename__ = "provider_availability"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey(Chef.user_id))
    weekday: Mapped[int]
    starts: Mapped[int]
    ends: Mapped[int]


class DayOff(Base):
    __tablename__ = "provider_days_off"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey(Chef.user_id))
    day: Mapped[date]


class Tariff(Base):
    __tablename__ = "home_chef_tariffs"
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    rates: Mapped[dict[str, Any]]
    cancellation: Mapped[dict[str, Any]]


class Booking(Base):
    __tablename__ = "bookings"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    line: Mapped[str] = mapped_column(default="home_chef")
    ref: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    provider_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))
    held: Mapped[Range[datetime]]
    status: Mapped[str] = mapped_column(default="pending")
    payment_status: Mapped[str] = mapped_column(default="pending")
    answer: Mapped[str] = mapped_column(default="awaiting")
    city: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    breakdown: Mapped[dict[str, Any]]
    pay_by: Mapped[datetime | None]
    cancellation_reason: Mapped[str | None]
    created_at: Mapped[datetime]


class Visit(Base):
    __tablename__ = "appointments"
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id), primary_key=True)
    line: Mapped[str] = mapped_column(default="home_chef")
    address_id: Mapped[UUID | None]
    address: Mapped[dict[str, Any]]
    booking_date: Mapped[date]
    time_slot: Mapped[time]
    time_zone: Mapped[str] = mapped_column(default="Asia/Kolkata")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    earning: Mapped[int] = mapped_column(BigInteger)
    cancellation: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]


class Payment(Base):
    __tablename__ = "payments"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id))
    purpose: Mapped[str] = mapped_column(default="whole")
    amount: Mapped[int] = mapped_column(BigInteger)


class Attempt(Base):
    __tablename__ = "payment_attempts"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id))
    merchant_txn_id: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    settled_at: Mapped[datetime | None]


class Offer(Base):
    __tablename__ = "offers"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id))
    provider_id: Mapped[UUID] = mapped_column(ForeignKey(Chef.user_id))
    state: Mapped[str] = mapped_column(default="open")
    offered_at: Mapped[datetime]


class Event(Base):
    __tablename__ = "booking_events"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey(Booking.id))
    at: Mapped[datetime]
    actor: Mapped[str]
    actor_id: Mapped[UUID | None]
    kind: Mapped[str]
    to_status: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class Notification(Base):
    __tablename__ = "notifications"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    line: Mapped[str] = mapped_column(default="home_chef")
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    dedupe_key: Mapped[str]
    facts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Outbox(Base):
    __tablename__ = "outbox"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    next_try_at: Mapped[datetime]


class Inbox(Base):
    __tablename__ = "inbox"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    source: Mapped[str]
    dedupe_key: Mapped[str]
    body: Mapped[bytes]
    received_at: Mapped[datetime]


class Key(Base):
    __tablename__ = "idempotency_keys"
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
