"""Peer B, with the same guarantees as ours: the session and the user are looked up, a key brings the same answer again, the
chef's row is locked before the slot's constraint is met, and history, mail and its promise are stored with the booking.

Run by `uvicorn tests.bench.peers.guarded:app`.
"""

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.encoders import jsonable_encoder
from sqlalchemy import and_, exists, func, select
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.exc import IntegrityError

from tests.bench.peers import tables as t
from tests.bench.peers.base import GAP, BookingRequest, Claims, Session, price

app = FastAPI()
ACTIVE = ("pending", "confirmed", "in_progress")
CANCELLATION = {"steps": [[24, 10000], [4, 5000], [0, 0]], "operator_compensation_bp": 0}


async def caller(claims: Claims, session: Session) -> t.User:
    """Return who is calling: a session that lives, of a user who is active."""
    found = await session.execute(
        select(t.User, t.SignIn)
        .join(t.SignIn, t.SignIn.user_id == t.User.id)
        .where(t.SignIn.id == UUID(claims["sid"]), t.User.id == UUID(claims["sub"]))
    )
    row = found.one_or_none()
    now = datetime.now(UTC)
    if row is None or not row[0].is_active or row[1].ended_at is not None or row[1].expires_at <= now:
        raise HTTPException(401, "invalid_token")
    user: t.User = row[0]
    return user


Caller = Annotated[t.User, Depends(caller)]
IdempotencyKey = Annotated[str | None, Header()]


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/customer/bookings", status_code=201)
async def book(
    asked: BookingRequest, user: Caller, session: Session, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    await session.execute(select(t.User.id).where(t.User.id == user.id).with_for_update(key_share=True))
    fingerprint = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()
    if idempotency_key:
        known = await session.get(t.Key, (user.id, "POST /customer/bookings", idempotency_key))
        if known is not None:
            if known.fingerprint != fingerprint:
                raise HTTPException(422, "key_reused")
            return known.answer
    address = await session.scalar(
        select(t.Address).where(t.Address.id == asked.address_id, t.Address.user_id == user.id)
    )
    if address is None:
        raise HTTPException(404, "address_not_found")
    await _serviceable(session, address)
    await _refuse_too_much(session, user, asked)
    chef = await _free_chef(session, asked, address.city)
    booking = _booking(user, chef, asked, address)
    # The chef before the slot: without it, those who lose the race for the slot deadlock.
    await session.execute(select(t.User.id).where(t.User.id == chef.user_id).with_for_update(key_share=True))
    session.add(booking)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(409, "slot_taken") from error
    answer = jsonable_encoder({"id": booking.id, "ref": booking.ref, "status": "pending", "total": booking.total / 100})
    _what_belongs_to_it(session, booking, user, chef, asked, address)
    if idempotency_key:
        session.add(
            t.Key(
                user_id=user.id,
                route="POST /customer/bookings",
                key=idempotency_key,
                fingerprint=fingerprint,
                status=201,
                answer=answer,
            )
        )
    await session.commit()
    return answer


async def _serviceable(session: Session, address: t.Address) -> None:
    areas = await session.scalars(
        select(t.ServiceArea).where(func.lower(t.ServiceArea.city) == address.city.lower(), t.ServiceArea.is_active)
    )
    for area in areas:
        north, east = (address.latitude or 0) - area.latitude, (address.longitude or 0) - area.longitude
        if (north * 111.2) ** 2 + (east * 105.1) ** 2 <= area.radius_km**2:
            return
    raise HTTPException(422, "not_serviceable")


async def _refuse_too_much(session: Session, user: t.User, asked: BookingRequest) -> None:
    mine = (t.Booking.customer_id == user.id, t.Booking.status.in_(ACTIVE))
    overlapping = (
        select(func.count())
        .select_from(t.Booking)
        .join(t.Visit, t.Visit.booking_id == t.Booking.id)
        .where(*mine, t.Visit.starts_at < asked.ends_at, t.Visit.ends_at > asked.starts_at)
    )
    unpaid = select(func.count()).where(*mine, t.Booking.payment_status.in_(("pending", "failed")))
    row = (await session.execute(select(overlapping.scalar_subquery(), unpaid.scalar_subquery()))).one()
    if row[0] or row[1] >= 1_000_000:
        raise HTTPException(409, "overlapping")


async def _free_chef(session: Session, asked: BookingRequest, city: str) -> t.Chef:
    minute = asked.time_slot.hour * 60 + asked.time_slot.minute
    works = exists().where(
        t.WeeklySlot.chef_id == t.Chef.user_id,
        t.WeeklySlot.weekday == asked.booking_date.weekday(),
        t.WeeklySlot.starts <= minute,
        t.WeeklySlot.ends >= minute + asked.duration_hours * 60,
    )
    off = exists().where(t.DayOff.chef_id == t.Chef.user_id, t.DayOff.day == asked.booking_date)
    busy = exists().where(
        t.Booking.provider_id == t.Chef.user_id,
        t.Booking.status.in_(ACTIVE),
        t.Booking.held.op("&&")(func.tstzrange(asked.starts_at, asked.ends_at + GAP)),
    )
    named = [t.Chef.user_id == asked.chef_id] if asked.chef_id else []
    chef = await session.scalar(
        select(t.Chef)
        .join(t.User, and_(t.User.id == t.Chef.user_id, t.User.is_active))
        .where(t.Chef.is_verified, func.lower(t.Chef.service_city) == city.lower(), works, ~off, ~busy, *named)
        .order_by(t.Chef.hourly_rate, t.Chef.rating.desc().nulls_last())
        .limit(1)
    )
    if chef is None:
        raise HTTPException(409, "no_chef_free")
    return chef


def _booking(user: t.User, chef: t.Chef, asked: BookingRequest, address: t.Address) -> t.Booking:
    breakdown = price(chef.hourly_rate, asked)
    now = datetime.now(UTC)
    return t.Booking(
        ref=f"SZ-{secrets.token_hex(4).upper()}",
        customer_id=user.id,
        provider_id=chef.user_id,
        held=Range(asked.starts_at, asked.ends_at + GAP),
        city=address.city,
        total=sum(breakdown.values()),
        breakdown=breakdown,
        pay_by=now + timedelta(minutes=30),
        created_at=now,
    )


def _what_belongs_to_it(
    session: Session, booking: t.Booking, user: t.User, chef: t.Chef, asked: BookingRequest, address: t.Address
) -> None:
    now, place = booking.created_at, {"full_address": address.full_address, "city": address.city}
    told = t.Notification(
        user_id=user.id,
        kind="booked",
        subject_id=booking.id,
        dedupe_key=f"booked:{booking.id}",
        facts={"ref": booking.ref, "total": booking.total},
        created_at=now,
    )
    subtotal = sum(booking.breakdown[name] for name in ("base", "guest_surcharge", "peak_premium"))
    session.add_all(
        [
            t.Visit(
                booking_id=booking.id,
                address_id=address.id,
                address=place,
                booking_date=asked.booking_date,
                time_slot=asked.time_slot,
                starts_at=asked.starts_at,
                ends_at=asked.ends_at,
                duration_hours=asked.duration_hours,
                guest_count=asked.guest_count,
                special_requests=asked.special_requests,
                rate=chef.hourly_rate,
                earning=subtotal,
                cancellation=CANCELLATION,
            ),
            t.Payment(booking_id=booking.id, amount=booking.total),
            t.Offer(booking_id=booking.id, chef_id=chef.user_id, offered_at=now),
            t.Event(
                booking_id=booking.id, at=now, actor="customer", actor_id=user.id, kind="booked", to_status="pending"
            ),
            told,
            t.Outbox(
                kind="notifications.mail",
                payload={"subject": str(booking.id)},
                created_at=now,
                due_at=now,
                next_try_at=now + timedelta(minutes=1),
            ),
        ]
    )


@app.get("/api/v1/customer/bookings")
async def list_bookings(user: Caller, session: Session, limit: int = 20) -> dict[str, Any]:
    found = await session.execute(
        select(t.Booking, t.Visit, t.User.name)
        .join(t.Visit, t.Visit.booking_id == t.Booking.id)
        .outerjoin(t.User, t.User.id == t.Booking.provider_id)
        .where(t.Booking.customer_id == user.id)
        .order_by(t.Booking.created_at.desc(), t.Booking.id.desc())
        .limit(limit + 1)
    )
    items = [
        {
            "id": booking.id,
            "ref": booking.ref,
            "status": booking.status,
            "payment_status": booking.payment_status,
            "answer": booking.answer,
            "total": booking.total / 100,
            "breakdown": {name: paise / 100 for name, paise in booking.breakdown.items()},
            "chef_id": booking.provider_id,
            "chef_name": name,
            "starts_at": visit.starts_at,
            "ends_at": visit.ends_at,
            "guest_count": visit.guest_count,
            "address": visit.address,
        }
        for booking, visit, name in found
    ]
    return {"items": items[:limit], "next_cursor": items[limit - 1]["id"] if len(items) > limit else None}


@app.get("/api/v1/payments/status/{txn}")
async def status(txn: str, user: Caller, session: Session) -> dict[str, Any]:
    found = await session.execute(
        select(t.Attempt, t.Booking)
        .join(t.Booking, t.Booking.id == t.Attempt.booking_id)
        .where(t.Attempt.merchant_txn_id == txn, t.Booking.customer_id == user.id)
    )
    row = found.one_or_none()
    if row is None:
        raise HTTPException(404, "payment_not_found")
    attempt, booking = row
    return {
        "merchant_txn_id": txn,
        "status": attempt.state,
        "amount": attempt.amount / 100,
        "booking_id": booking.id,
        "payment_status": booking.payment_status,
    }


@app.post("/api/v1/payments/callback")
async def callback(request: Request, session: Session, x_verify: Annotated[str, Header()]) -> dict[str, str]:
    raw = await request.body()
    response = json.loads(raw)["response"]
    if not secrets.compare_digest(hashlib.sha256((response + "salt").encode()).hexdigest() + "###1", x_verify):
        raise HTTPException(401, "invalid_signature")
    now = datetime.now(UTC)
    received = {"source": "phonepe", "dedupe_key": hashlib.sha256(raw).hexdigest(), "body": raw, "received_at": now}
    stored = await session.scalar(
        insert(t.Inbox).values(**received).on_conflict_do_nothing().returning(t.Inbox.id)
    )
    if stored is not None:
        session.add(
            t.Outbox(
                kind="payments.callback",
                payload={"inbox_id": str(stored)},
                created_at=now,
                due_at=now,
                next_try_at=now + timedelta(minutes=1),
            )
        )
    await session.commit()
    return {"status": "received"}
