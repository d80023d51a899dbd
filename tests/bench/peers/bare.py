"""Peer A, bare: validate, token, read, insert, commit. It guarantees only the database's own constraints.

Run by `uvicorn tests.bench.peers.bare:app`.
"""

import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Header, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError

from tests.bench.peers.base import GAP, TARIFF, BookingRequest, Claims, Session, price
from tests.bench.peers.tables import Attempt, Booking, Chef, Visit

app = FastAPI()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/customer/bookings", status_code=201)
async def book(request: BookingRequest, claims: Claims, session: Session) -> dict[str, Any]:
    chef = await session.scalar(select(Chef).where(Chef.user_id == request.chef_id))
    if chef is None:
        raise HTTPException(404, "chef_not_found")
    breakdown = price(chef.rate, request, TARIFF)
    booking = Booking(
        ref=f"SZ-{secrets.token_hex(4).upper()}",
        customer_id=UUID(claims["sub"]),
        provider_id=chef.user_id,
        held=Range(request.starts_at, request.ends_at + GAP),
        city=chef.service_city,
        total=sum(breakdown.values()),
        breakdown=breakdown,
        created_at=datetime.now(UTC),
    )
    session.add(booking)
    try:
        await session.commit()
    except IntegrityError as error:
        raise HTTPException(409, "slot_taken") from error
    return {"id": booking.id, "ref": booking.ref, "status": booking.status, "total": booking.total / 100}


@app.get("/api/v1/customer/bookings")
async def list_bookings(claims: Claims, session: Session, limit: int = 20) -> dict[str, Any]:
    found = await session.execute(
        select(Booking, Visit)
        .outerjoin(Visit, Visit.booking_id == Booking.id)
        .where(Booking.customer_id == UUID(claims["sub"]))
        .order_by(Booking.created_at.desc(), Booking.id.desc())
        .limit(limit)
    )
    return {
        "items": [
            {
                "id": booking.id,
                "ref": booking.ref,
                "status": booking.status,
                "payment_status": booking.payment_status,
                "total": booking.total / 100,
                "starts_at": visit.starts_at if visit else None,
                "breakdown": booking.breakdown,
            }
            for booking, visit in found
        ]
    }


@app.get("/api/v1/payments/status/{txn}")
async def status(txn: str, claims: Claims, session: Session) -> dict[str, Any]:
    found = await session.execute(
        select(Attempt, Booking)
        .join(Booking, Booking.id == Attempt.booking_id)
        .where(Attempt.merchant_txn_id == txn, Booking.customer_id == UUID(claims["sub"]))
    )
    row = found.one_or_none()
    if row is None:
        raise HTTPException(404, "payment_not_found")
    attempt, booking = row
    return {"status": attempt.state, "amount": attempt.amount / 100, "payment_status": booking.payment_status}


@app.post("/api/v1/payments/callback")
async def callback(request: Request, session: Session, x_verify: Annotated[str, Header()]) -> dict[str, str]:
    """Apply a signed callback at once: no inbox, no status check at the gateway."""
    response = json.loads(await request.body())["response"]
    if not secrets.compare_digest(hashlib.sha256((response + "salt").encode()).hexdigest() + "###1", x_verify):
        raise HTTPException(401, "invalid_signature")
    data = json.loads(base64.b64decode(response))["data"]
    attempt = await session.scalar(select(Attempt).where(Attempt.merchant_txn_id == data["merchantTransactionId"]))
    if attempt is None:
        raise HTTPException(404, "payment_not_found")
    attempt.settled_at = datetime.now(UTC)
    await session.commit()
    return {"status": "received"}
