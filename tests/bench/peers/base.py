"""The parts both peers share: the request model, the token, the pool, one session per request."""

import os
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import jwt
from fastapi import Depends, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

INDIA = ZoneInfo("Asia/Kolkata")
GAP = timedelta(minutes=30)
KEY = os.environ["JWT_KEYS"].partition(":")[2]
engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=8, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class BookingRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    address_id: UUID
    booking_date: date
    time_slot: time
    duration_hours: int = Field(2, ge=1, le=8)
    guest_count: int = Field(2, ge=1, le=20)
    special_requests: str | None = None
    chef_id: UUID | None = None

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.booking_date, self.time_slot, INDIA)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(hours=self.duration_hours)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


def claims(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    try:
        return jwt.decode(
            authorization.removeprefix("Bearer "), KEY, algorithms=["HS256"], audience="bookings-api", issuer="bookings"
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "invalid_token") from error


Session = Annotated[AsyncSession, Depends(session)]
Claims = Annotated[dict[str, Any], Depends(claims)]


TARIFF = {
    "included_guests": 4,
    "guest_surcharge": 4900,
    "peak_from": "18:00",
    "peak_until": "21:00",
    "peak_bp": 2000,
    "platform_fee_bp": 500,
    "gst_service_bp": 500,
    "gst_fee_bp": 500,
}


def price(rate: int, request: BookingRequest, tariff: dict[str, Any]) -> dict[str, int]:
    """Price a visit in paise, rounded half-up, by the same tariff as the product."""
    hours = request.duration_hours
    base = rate * hours
    surcharge = max(request.guest_count - tariff["included_guests"], 0) * tariff["guest_surcharge"] * hours
    at_peak = time.fromisoformat(tariff["peak_from"]) <= request.time_slot < time.fromisoformat(tariff["peak_until"])
    peak = share(base + surcharge, tariff["peak_bp"]) if at_peak else 0
    subtotal = base + surcharge + peak
    fee = share(subtotal, tariff["platform_fee_bp"])
    return {
        "base": base,
        "guest_surcharge": surcharge,
        "peak_premium": peak,
        "platform_fee": fee,
        "gst_service": share(subtotal, tariff["gst_service_bp"]),
        "gst_fee": share(fee, tariff["gst_fee_bp"]),
    }


def share(amount: int, basis_points: int) -> int:
    return (amount * basis_points + 5000) // 10000
