"""The demo data: fixed, documented, loaded only locally; loading it is idempotent."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.appointments.providers.models import Provider, WeeklySlot
from shared.kit.database import Database
from shared.lines.home_chef.visit import CHEF, NAME
from shared.places.models import Address, Location, ServiceArea
from shared.users.models import ADMIN, CUSTOMER, User

SPACE = UUID(
    "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"
)  # ids are derived from email addresses, so that they are the same everywhere
ACCOUNTS = (
    ("Admin", "admin@sizzle.example"),
    ("Chef Asha, ₹399/h", "asha@sizzle.example"),
    ("Chef Ravi, ₹599/h", "ravi@sizzle.example"),
    ("Customer Meera", "meera@sizzle.example"),
)
CHEFS = (
    ("asha@sizzle.example", "Asha Nair", 399_00, "South Indian home cooking", ["Kerala", "Vegetarian"]),
    ("ravi@sizzle.example", "Ravi Khanna", 599_00, "Grills and slow curries for a crowd", ["North Indian", "Barbecue"]),
)
OPENS, CLOSES = 8 * 60, 23 * 60


def demo_id(name: str) -> UUID:
    return uuid5(SPACE, name)


def load(db: Database) -> None:
    """Load the accounts, the chefs' week, the served city and the customer's address."""
    with db.transaction() as session:
        _person(session, "admin@sizzle.example", "Sizzle Admin", ADMIN)
        for address, name, rate, bio, specialties in CHEFS:
            _chef(session, address, name, rate, bio=bio, specialties=specialties)
        _person(session, "meera@sizzle.example", "Meera Shah", CUSTOMER)
        _city(session)
        _home(session)


def _add(session: Session, model: type[Any], **values: Any) -> None:
    session.execute(insert(model).values(**values).on_conflict_do_nothing())


def _person(session: Session, address: str, name: str, role: str) -> None:
    _add(session, User, id=demo_id(address), email=address, name=name, role=role)


def _chef(session: Session, address: str, name: str, rate: int, **said: Any) -> None:
    _person(session, address, name, CHEF)
    chef_id = demo_id(address)
    _add(session, Provider, user_id=chef_id, line=NAME, rate=rate, is_verified=True, service_city="Mumbai", **said)
    for weekday in range(7):
        slot = demo_id(f"{address}/{weekday}")
        _add(session, WeeklySlot, id=slot, provider_id=chef_id, weekday=weekday, starts=OPENS, ends=CLOSES)


def _city(session: Session) -> None:
    city = demo_id("Mumbai")
    _add(session, Location, id=city, city="Mumbai", state="Maharashtra")
    _add(
        session,
        ServiceArea,
        id=demo_id("Mumbai/Bandra"),
        location_id=city,
        name="Bandra",
        city="Mumbai",
        latitude=19.0596,
        longitude=72.8295,
        radius_km=10,
    )


def _home(session: Session) -> None:
    _add(
        session,
        Address,
        id=demo_id("meera/home"),
        user_id=demo_id("meera@sizzle.example"),
        label="Home",
        full_address="12 Hill Road, Bandra West",
        city="Mumbai",
        state="Maharashtra",
        pincode="400050",
        latitude=19.0596,
        longitude=72.8295,
        is_default=True,
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
    )
