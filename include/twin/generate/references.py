"""What payers write where an invoice number belongs."""

from include.twin.generate.book import Invoice
from include.twin.generate.draws import choose

# Each keeps the year and the serial of the number, so that a reader who knows the customer can tell.
NOISE = (
    "Pymt inv {year}/{serial} thank you",
    "INV{year}{padded}",
    "inv {year} {padded}",
    "Invoice no. {year}-{padded} / {payer}",
    "/RFB/INV{year}-{serial}/",
    "PAYMENT INV-{year}-{serial}",
    "{payer} INV {year}-{padded}",
    "inv#{year}.{padded}",
    "RE: Invoice-{year}-{padded} (June run)",
    "INV_{year}_{padded} CHG OUR",
)


def noisy(invoice: Invoice, payer: str, draw: int) -> str:
    _, year, padded = invoice.number.split("-")
    return choose(draw, NOISE).format(year=year, padded=padded, serial=int(padded), payer=payer[:20])


def listed(invoices: tuple[Invoice, ...]) -> str:
    return ", ".join(invoice.number for invoice in invoices)
