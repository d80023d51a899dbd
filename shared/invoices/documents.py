"""Build the documents of invoices and credit notes as plain JSON; pure functions, amounts in paise."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from shared.kit.money import apportion

Document = dict[str, Any]
TAXES = ("cgst", "sgst")


@dataclass(frozen=True)
class Supplier:
    """The supplier, as registered for tax."""

    name: str
    address: str | None
    gstin: str | None
    state: str


@dataclass(frozen=True)
class Line:
    text: str
    amount: int


@dataclass(frozen=True)
class Component:
    """A part of a supply that is taxed under one code of services (SAC); its lines are before tax."""

    name: str
    sac: str
    lines: tuple[Line, ...]
    cgst: int
    sgst: int


@dataclass(frozen=True)
class Supply:
    """A supply: its customer, place and components; the day is local to the place."""

    booking_ref: str
    supplied_on: date
    customer: str | None
    address: str
    place_of_supply: str
    components: tuple[Component, ...]


def invoice(supplier: Supplier, supply: Supply) -> Document:
    """Return the document of an invoice, without its number and issue time."""
    return {
        "supplier": asdict(supplier),
        "customer": {"name": supply.customer, "address": supply.address},
        "booking_ref": supply.booking_ref,
        "supplied_on": supply.supplied_on.isoformat(),
        "place_of_supply": supply.place_of_supply,
        "currency": "INR",
        **_summed([_component(asdict(component)) for component in supply.components]),
    }


def credit_note(of: Document, number: str, before: Sequence[Document], amount: int) -> Document:
    """Return the document of a credit note over `amount` paise of an invoice, every line and tax pro rata.

    `before` are the invoice's earlier credit notes. Shares are of the rest they left, so that credit notes over the whole
    amount sum to the invoice exactly. Raises ValueError for more than the rest.
    """
    left = _parts(of)
    for note in before:
        left = {name: paise - _parts(note)[name] for name, paise in left.items()}
    if not 0 < amount <= sum(left.values()):
        raise ValueError(f"{amount} paise cannot be credited of {sum(left.values())}")
    shares = apportion(amount, left)
    components = [_component(_share(component, str(n), shares)) for n, component in enumerate(of["components"])]
    return {**of, "invoice_number": number, **_summed(components)}


def _parts(document: Document) -> dict[str, int]:
    """Return each amount that a document's total includes, by its position in the document."""
    parts: dict[str, int] = {}
    for n, component in enumerate(document["components"]):
        parts |= {f"{n}.{tax}": component[tax] for tax in TAXES}
        parts |= {f"{n}.{at}": line["amount"] for at, line in enumerate(component["lines"])}
    return parts


def _share(component: Document, n: str, shares: Mapping[str, int]) -> Document:
    lines = [{**line, "amount": shares[f"{n}.{at}"]} for at, line in enumerate(component["lines"])]
    return {**component, "lines": lines, **{tax: shares[f"{n}.{tax}"] for tax in TAXES}}


def _component(component: Document) -> Document:
    taxable = sum(line["amount"] for line in component["lines"])
    total = taxable + component["cgst"] + component["sgst"]
    return {**component, "lines": list(component["lines"]), "taxable": taxable, "total": total}


def _summed(components: list[Document]) -> Document:
    sums = {name: sum(component[name] for component in components) for name in ("taxable", *TAXES, "total")}
    return {"components": components, **sums}
