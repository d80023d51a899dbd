"""An invoice as an HTML page for A4 paper: inline style sheet, no external resources, all user input escaped."""

from html import escape

from shared.invoices.numbering import ZONE
from shared.invoices.schemas import ComponentView, CreditNoteView, InvoiceView
from shared.kit.clock import local
from shared.kit.money import format_rupees

STYLE = """
*{box-sizing:border-box}
body{margin:0;background:#f5f5f4;color:#1c1917;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:210mm;margin:0 auto;padding:16px}
article{background:#fff;padding:24px 20px;margin:0 0 16px;border-radius:8px}
h1,h2{margin:0 0 4px;font-size:24px;line-height:1.2}
p{margin:0}
.soft{color:#57534e}
.number{white-space:nowrap}
.parties{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:16px;margin:20px 0}
.parties h3{margin:0;font-size:13px;color:#57534e}
table{width:100%;border-collapse:collapse}
th,td{padding:6px 0;text-align:left;vertical-align:top;border-top:1px solid #e7e5e4;font-weight:400}
th[scope=colgroup]{font-weight:700}
td{text-align:right;white-space:nowrap;padding-left:12px;font-variant-numeric:tabular-nums}
.sum th,.sum td{font-weight:700;border-top:2px solid #1c1917}
.last{margin-top:16px}
@page{size:A4;margin:16mm}
@media print{
body{background:#fff;font-size:11pt}
main{max-width:none;padding:0}
article{padding:0;border-radius:0}
article+article{break-before:page}
tr{break-inside:avoid}
}
"""


def html(invoice: InvoiceView) -> str:
    """Return the HTML of an invoice and its credit notes, each on its own sheet."""
    notes = "".join(
        _sheet(note, "h2", "Credit note", f"For invoice {note.invoice_number}") for note in invoice.credit_notes
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Invoice {escape(invoice.number)}</title><style>{STYLE}</style></head>"
        f"<body><main>{_sheet(invoice, 'h1', 'Tax invoice')}{notes}</main></body></html>"
    )


def _sheet(document: InvoiceView | CreditNoteView, level: str, name: str, about: str = "") -> str:
    issued = f"{local(document.issued_at, ZONE):%d %B %Y}"
    rows = "".join(map(_component, document.components))
    sums = _row("Total before tax", document.taxable) + _row("CGST", document.cgst) + _row("SGST", document.sgst)
    return (
        f'<article><{level}>{name} <span class="number">{escape(document.number)}</span></{level}>'
        f'<p class="soft">{issued}{" · " + escape(about) if about else ""}</p>{_parties(document)}'
        f'<table>{rows}<tbody>{sums}</tbody><tbody class="sum">{_row("Total", document.total)}</tbody></table>'
        '<p class="soft last">All prices are in Indian rupees (INR). Tax is not payable on reverse charge.</p></article>'
    )


def _parties(document: InvoiceView | CreditNoteView) -> str:
    supplier, customer = document.supplier, document.customer
    return (
        '<div class="parties">'
        + _party("From", supplier.name, supplier.address, supplier.gstin and f"GSTIN {supplier.gstin}", supplier.state)
        + _party("To", customer.name, customer.address)
        + _party(
            "For",
            f"Booking {document.booking_ref}",
            f"{document.supplied_on:%d %B %Y}",
            f"Place of supply: {document.place_of_supply}",
        )
        + "</div>"
    )


def _party(title: str, *lines: str | None) -> str:
    return f"<div><h3>{title}</h3>{''.join(f'<p>{escape(line)}</p>' for line in lines if line)}</div>"


def _component(component: ComponentView) -> str:
    lines = "".join(_row(line.text, line.amount) for line in component.lines)
    taxes = _row("Taxable value", component.taxable) + _row("CGST", component.cgst) + _row("SGST", component.sgst)
    head = f'<tr><th scope="colgroup" colspan="2">{escape(component.name)} (SAC {escape(component.sac)})</th></tr>'
    return f"<tbody>{head}{lines}{taxes}</tbody>"


def _row(name: str, amount: int) -> str:
    return f'<tr><th scope="row">{escape(name)}</th><td>{format_rupees(amount)}</td></tr>'
