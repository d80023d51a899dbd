"""Peer B, with the guarantees of ours: the session and the user are looked up, an idempotency key replays a response, the
chef's row is locked before the insert, and history, mail and its outbox message are stored with the booking.

Run by `uvicorn tests.bench.peers.guarded:app`.
"""

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.encoders import jsonable_encoder
from sqlalchemy import Select, and_, exists, func, select
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tests.bench.peers import tables as t
from tests.bench.peers.base import GAP, INDIA, BookingRequest, Claims, Session, price
from tests.bench.peers.views import BookingsView, BookingView, StatusView, booking_view

app = FastAPI()
ACTIVE = ("pending", "confirmed", "in_progress")
UNPAID, PER_HOUR = 3, 10


async def _known(claims: dict[str, Any], session: AsyncSession, statement: Select[Any]) -> t.User:
    found = await session.execute(statement.where(t.SignIn.id == UUID(claims["sid"]), t.User.id == UUID(claims["sub"])))
    row = found.one_or_none()
    now = datetime.now(UTC)
    if row is None or not row[0].is_active or row[1].ended_at is not None or row[1].expires_at <= now:
        raise HTTPException(401, "invalid_token")
    user: t.User = row[0]
    return user


WHO = select(t.User, t.SignIn).join(t.SignIn, t.SignIn.user_id == t.User.id)


async def caller(claims: Claims, session: Session) -> t.User:
    """Return the caller: an active user with a live session."""
    return await _known(claims, session, WHO)


async def locked_caller(claims: Claims, session: Session) -> t.User:
    """Return the caller with the user's row locked, so that one customer's bookings are created one at a time."""
    return await _known(claims, session, WHO.with_for_update(key_share=True, of=t.User))


Caller = Annotated[t.User, Depends(caller)]
LockedCaller = Annotated[t.User, Depends(locked_caller)]
IdempotencyKey = Annotated[str | None, Header()]


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/customer/bookings", status_code=201)
async def book(
    request: BookingRequest, user: LockedCaller, session: Session, idempotency_key: IdempotencyKey = None
) -> BookingView:
    fingerprint = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
    if idempotency_key:
        known = await session.get(t.Key, (user.id, "POST /customer/bookings", idempotency_key))
        if known is not None:
            if known.fingerprint != fingerprint:
                raise HTTPException(422, "key_reused")
            return BookingView(**known.answer)
    address = await session.scalar(
        select(t.Address).where(t.Address.id == request.address_id, t.Address.user_id == user.id)
    )
    if address is None:
        raise HTTPException(404, "address_not_found")
    await _serviceable(session, address)
    await _refuse_too_much(session, user, request)
    chef, chef_name = await _free_chef(session, request, address.city)
    tariff = await _tariff(session)
    booking = _booking(user, chef, request, address, tariff)
    # The chef's row is locked before the insert: otherwise transactions that lose the race for the slot deadlock.
    await session.execute(select(t.User.id).where(t.User.id == chef.user_id).with_for_update(key_share=True))
    session.add(booking)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(409, "slot_taken") from error
    visit = _what_belongs_to_it(session, booking, user, chef, request, address, tariff)
    answer = booking_view(booking, visit, chef_name)
    if idempotency_key:
        session.add(
            t.Key(
                user_id=user.id,
                route="POST /customer/bookings",
                key=idempotency_key,
                fingerprint=fingerprint,
                status=201,
                answer=jsonable_encoder(answer),
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


async def _refuse_too_much(session: Session, user: t.User, request: BookingRequest) -> None:
    mine = (t.Booking.customer_id == user.id, t.Booking.status.in_(ACTIVE))
    overlapping = (
        select(func.count())
        .select_from(t.Booking)
        .join(t.Visit, t.Visit.booking_id == t.Booking.id)
        .where(*mine, t.Visit.starts_at < request.ends_at, t.Visit.ends_at > request.starts_at)
    )
    unpaid = select(func.count()).where(*mine, t.Booking.payment_status.in_(("pending", "failed")))
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    lately = select(func.count()).where(t.Booking.customer_id == user.id, t.Booking.created_at > an_hour_ago)
    counts = select(overlapping.scalar_subquery(), unpaid.scalar_subquery(), lately.scalar_subquery())
    row = (await session.execute(counts)).one()
    if row[2] >= PER_HOUR:
        raise HTTPException(429, "too_many_bookings")
    if row[0] or row[1] >= UNPAID:
        raise HTTPException(409, "overlapping" if row[0] else "too_many_unpaid")


async def _tariff(session: Session) -> t.Tariff:
    tariffs = select(t.Tariff).where(t.Tariff.valid_from <= datetime.now(UTC))
    return (await session.scalars(tariffs.order_by(t.Tariff.valid_from.desc()).limit(1))).one()


async def _free_chef(session: Session, request: BookingRequest, city: str) -> tuple[t.Chef, str | None]:
    minute = request.time_slot.hour * 60 + request.time_slot.minute
    works = exists().where(
        t.WeeklySlot.provider_id == t.Chef.user_id,
        t.WeeklySlot.weekday == request.booking_date.weekday(),
        t.WeeklySlot.starts <= minute,
        t.WeeklySlot.ends >= minute + request.duration_hours * 60,
    )
    off = exists().where(t.DayOff.provider_id == t.Chef.user_id, t.DayOff.day == request.booking_date)
    busy = exists().where(
        t.Booking.provider_id == t.Chef.user_id,
        t.Booking.status.in_(ACTIVE),
        t.Booking.held.op("&&")(func.tstzrange(request.starts_at, request.ends_at + GAP)),
    )
    named = [t.Chef.user_id == request.chef_id] if request.chef_id else []
    found = await session.execute(
        select(t.Chef, t.User.name)
        .join(t.User, and_(t.User.id == t.Chef.user_id, t.User.is_active))
        .where(t.Chef.is_verified, func.lower(t.Chef.service_city) == city.lower(), works, ~off, ~busy, *named)
        .order_by(t.Chef.rate, t.Chef.rating.desc().nulls_last())
        .limit(1)
    )
    row = found.one_or_none()
    if row is None:
        raise HTTPException(409, "no_chef_free")
    return row[0], row[1]


def _booking(user: t.User, chef: t.Chef, request: BookingRequest, address: t.Address, tariff: t.Tariff) -> t.Booking:
    breakdown = price(chef.rate, request, tariff.rates)
    now = datetime.now(UTC)
    return t.Booking(
        ref=f"SZ-{secrets.token_hex(4).upper()}",
        customer_id=user.id,
        provider_id=chef.user_id,
        held=Range(request.starts_at, request.ends_at + GAP),
        city=address.city,
        total=sum(breakdown.values()),
        breakdown=breakdown,
        pay_by=now + timedelta(minutes=30),
        created_at=now,
    )


def _what_belongs_to_it(
    session: Session,
    booking: t.Booking,
    user: t.User,
    chef: t.Chef,
    request: BookingRequest,
    address: t.Address,
    tariff: t.Tariff,
) -> t.Visit:
    now, place = booking.created_at, {"full_address": address.full_address, "city": address.city}
    notification = t.Notification(
        user_id=user.id,
        kind="booked",
        subject_id=booking.id,
        dedupe_key=f"booked:{booking.id}",
        facts={"ref": booking.ref, "total": booking.total},
        created_at=now,
    )
    subtotal = sum(booking.breakdown[name] for name in ("base", "guest_surcharge", "peak_premium"))
    visit = t.Visit(
        booking_id=booking.id,
        address_id=address.id,
        address=place,
        booking_date=request.booking_date,
        time_slot=request.time_slot,
        time_zone=INDIA.key,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        earning=subtotal,
        cancellation=tariff.cancellation,
        details={
            "duration_hours": request.duration_hours,
            "guest_count": request.guest_count,
            "special_requests": request.special_requests,
            "rate": chef.rate,
        },
    )
    session.add_all(
        [
            visit,
            t.Payment(booking_id=booking.id, amount=booking.total),
            t.Offer(booking_id=booking.id, provider_id=chef.user_id, offered_at=now),
            t.Event(
                booking_id=booking.id, at=now, actor="customer", actor_id=user.id, kind="booked", to_status="pending"
            ),
            notification,
            t.Outbox(
                kind="notifications.mail",
                payload={"subject": str(booking.id)},
                created_at=now,
                due_at=now,
                next_try_at=now + timedelta(minutes=1),
            ),
        ]
    )
    return visit


@app.get("/api/v1/customer/bookings")
async def list_bookings(
    user: Caller, session: Session, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> BookingsView:
    found = await session.execute(
        select(t.Booking, t.Visit, t.User.name)
        .join(t.Visit, t.Visit.booking_id == t.Booking.id)
        .outerjoin(t.User, t.User.id == t.Booking.provider_id)
        .where(t.Booking.customer_id == user.id)
        .order_by(t.Booking.created_at.desc(), t.Booking.id.desc())
        .limit(limit + 1)
    )
    items = [booking_view(*row) for row in found]
    more = str(items[limit - 1].id) if len(items) > limit else None
    return BookingsView(items=items[:limit], next_cursor=more)


@app.get("/api/v1/payments/status/{txn}")
async def status(txn: str, user: Caller, session: Session) -> StatusView:
    found = await session.execute(
        select(t.Attempt, t.Booking)
        .join(t.Booking, t.Booking.id == t.Attempt.booking_id)
        .where(t.Attempt.merchant_txn_id == txn, t.Booking.customer_id == user.id)
    )
    row = found.one_or_none()
    if row is None:
        raise HTTPException(404, "payment_not_found")
    attempt, booking = row
    return StatusView(
        merchant_txn_id=txn,
        status=attempt.state,
        amount=attempt.amount,
        booking_id=booking.id,
        booking_ref=booking.ref,
        payment_status=booking.payment_status,
    )


@app.post("/api/v1/payments/callback")
async def callback(request: Request, session: Session, x_verify: Annotated[str, Header()]) -> dict[str, str]:
    raw = await request.body()
    response = json.loads(raw)["response"]
    if not secrets.compare_digest(hashlib.sha256((response + "salt").encode()).hexdigest() + "###1", x_verify):
        raise HTTPException(401, "invalid_signature")
    now = datetime.now(UTC)
    received = {"source": "phonepe", "dedupe_key": hashlib.sha256(raw).hexdigest(), "body": raw, "received_at": now}
    stored = await session.scalar(insert(t.Inbox).values(**received).on_conflict_do_nothing().returning(t.Inbox.id))
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
