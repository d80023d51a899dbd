"""Peer B's response models, declared as usual with FastAPI, which serializes them without Python objects."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, PlainSerializer

from tests.bench.peers.tables import Booking, Visit

Rupees = Annotated[int, PlainSerializer(lambda paise: paise / 100, return_type=float)]


class BreakdownView(BaseModel):
    base: Rupees
    guest_surcharge: Rupees
    peak_premium: Rupees
    subtotal: Rupees
    platform_fee: Rupees
    gst: Rupees
    total: Rupees

    @classmethod
    def of(cls, lines: Mapping[str, int]) -> "BreakdownView":
        subtotal = lines["base"] + lines["guest_surcharge"] + lines["peak_premium"]
        gst = lines["gst_service"] + lines["gst_fee"]
        total = subtotal + lines["platform_fee"] + gst
        return cls(**lines, subtotal=subtotal, gst=gst, total=total)


class BookingView(BaseModel):
    id: UUID
    ref: str
    status: str
    payment_status: str
    answer: str
    total: Rupees
    breakdown: BreakdownView
    chef_id: UUID | None
    chef_name: str | None
    booking_date: date
    time_slot: time
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    duration_hours: int
    guest_count: int
    special_requests: str | None
    address: dict[str, Any]
    pay_by: datetime | None
    cancellation_reason: str | None
    created_at: datetime


class BookingsView(BaseModel):
    items: list[BookingView]
    next_cursor: str | None


class StatusView(BaseModel):
    merchant_txn_id: str
    status: str
    amount: Rupees
    booking_id: UUID
    booking_ref: str
    payment_status: str


def booking_view(booking: Booking, visit: Visit, chef_name: str | None) -> BookingView:
    return BookingView(
        id=booking.id,
        ref=booking.ref,
        status=booking.status,
        payment_status=booking.payment_status,
        answer=booking.answer,
        total=booking.total,
        breakdown=BreakdownView.of(booking.breakdown),
        chef_id=booking.provider_id,
        chef_name=chef_name,
        booking_date=visit.booking_date,
        time_slot=visit.time_slot,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        time_zone=visit.time_zone,
        duration_hours=visit.details["duration_hours"],
        guest_count=visit.details["guest_count"],
        special_requests=visit.details["special_requests"],
        address=visit.address,
        pay_by=booking.pay_by,
        cancellation_reason=booking.cancellation_reason,
        created_at=booking.created_at,
    )
