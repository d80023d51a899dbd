"""What both peers share: the request's shape, the token, the pool, one session a request."""

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
            authorization.removeprefix("Bearer "), KEY, algorithms=["HS256"], audience="sizzle-api", issuer="sizzle"
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "invalid_token") from error


Session = Annotated[AsyncSession, Depends(session)]
Claims = Annotated[dict[str, Any], Depends(claims)]


def price(rate: int, asked: BookingRequest) -> dict[str, int]:
    """Price a visit in paise, rounded half-up, by the same tariff as the product."""
    hours = asked.duration_hours
    base = rate * hours
    surcharge = max(asked.guest_count - 4, 0) * 4900 * hours
    peak = (base + surcharge + 2) // 5 if time(18) <= asked.time_slot < time(21) else 0
    subtotal = base + surcharge + peak
    fee = (subtotal * 5 + 50) // 100
    return {
        "base": base,
        "guest_surcharge": surcharge,
        "peak_premium": peak,
        "platform_fee": fee,
        "gst_service": (subtotal * 5 + 50) // 100,
        "gst_fee": (fee * 5 + 50) // 100,
    }
