"""Customers as the CRM and the ERP know them, with the faults between the two (R1)."""

from datetime import date

from include.twin.generate.book import Book, Customer, Rules
from include.twin.generate.dates import days_after
from include.twin.generate.deals import OWNERS
from include.twin.generate.draws import Stream, choose, draws, pick
from include.twin.generate.ids import TAX_IDS, salesforce_id
from include.twin.generate.markets import MARKET_SHARES
from include.twin.generate.names import company, person, variant

ZIPF_EXPONENT = 1.1
SMALLEST_LIMIT = 24
LARGEST = 2_000
CARD_PER_HUNDRED = 40
TERMS_DAYS = (30, 30, 30, 14, 45, 60)
MAIN, PARENT, EXTRA = 0, 1, 2  # account slots of a customer
LINKED_PERCENT = 50
CLEAN_DAYS = 700


def invoice_count(seed: int, index: int) -> int:
    """Invoices of a customer; sizes by rank follow Zipf's law with exponent 1.1.

    The limit grows with the index, so that a small world is not one customer's, and any world is the start
    of every larger one.
    """
    draw = draws(seed, Stream.CUSTOMER, index, 1)[0]
    size = ((draw + 1) / 2**64) ** -ZIPF_EXPONENT
    return int(min(size, SMALLEST_LIMIT + index, LARGEST))


def customer(rules: Rules, index: int) -> Customer:
    numbers = draws(rules.seed, Stream.CUSTOMER, index, 5)
    market = MARKET_SHARES.draw(numbers[1])
    return Customer(
        index=index,
        id=f"C{index:06d}",
        account_id=_account_id(index, MAIN),
        company=company(index * 2, market.country),
        market=market,
        terms_days=choose(numbers[2], TERMS_DAYS),
        pays_by_card=pick(numbers[3], 100) < CARD_PER_HUNDRED,
        invoice_count=invoice_count(rules.seed, index),
    )


def _account_id(index: int, slot: int) -> str:
    return salesforce_id("001", index * 4 + slot)


def parent_name(customer: Customer) -> str:
    return f"{customer.company.legal_name} Holdings"


def write_identity(book: Book, rules: Rules) -> None:
    """The account and its contacts, the ERP customer, the group's parent, and what is wrong between them."""
    customer = book.customer
    numbers = draws(rules.seed, Stream.CUSTOMER, customer.index, 20, part=1)
    kind: str = rules.profile.identity.draw(numbers[0])
    crm_tax, crm_name = _tax_id(customer), customer.company.legal_name
    linked = rules.profile.clean or (kind == "strong_id" and pick(numbers[1], 100) < LINKED_PERCENT)
    if kind in {"name_and_domain", "variant"}:
        crm_tax = ""
    if kind == "variant":
        crm_name = variant(customer.company, customer.market.country, numbers[2])
    if kind == "id_typo":
        crm_tax, linked = _typo(crm_tax), True
    account_for_erp = customer.account_id if linked else ""
    if kind == "wrong_link":
        account_for_erp = _account_id(customer.index + 1, MAIN)
    changed = days_after(rules.as_of, -pick(numbers[3], CLEAN_DAYS))
    _write_account(book, MAIN, crm_name, crm_tax, changed, customer_id=customer.id if linked else "")
    _write_customer(book, customer.id, customer.company.legal_name, _tax_id(customer), account_for_erp)
    book.link("R1", customer.account_id, customer.id, "0")
    _write_contacts(book, numbers)
    if book.has_parent:
        _write_parent(book, changed)
    if not rules.profile.clean:
        book.fault("R1", kind, customer.id)
        _write_identity_fault(book, kind, numbers[4], changed)


def _tax_id(customer: Customer, slot: int = MAIN) -> str:
    return TAX_IDS[customer.market.country](customer.index * 2 + slot)


def _typo(tax_id: str) -> str:
    """Two neighbouring digits that differ, swapped; else the last digit, changed."""
    for place in range(len(tax_id) - 2, 0, -1):
        one, two = tax_id[place], tax_id[place + 1]
        if one.isdigit() and two.isdigit() and one != two:
            return tax_id[:place] + two + one + tax_id[place + 2 :]
    return tax_id[:-1] + str((int(tax_id[-1]) + 1) % 10)


def _write_identity_fault(book: Book, kind: str, draw: int, changed: date) -> None:
    """The second record that a fault brings, and the break it is."""
    customer, in_crm = book.customer, pick(draw, 2) == 0
    other = variant(customer.company, customer.market.country, draw)
    newcomer = company(customer.index * 2 + 1, customer.market.country).legal_name
    extra_account, extra_customer = _account_id(customer.index, EXTRA), f"{customer.id}X"
    if kind == "branch":
        _write_account(book, EXTRA, f"{other} - Branch Office", "", changed, parent=customer.account_id)
        book.breaks("R1", "ID07", extra_account)
    elif kind == "duplicate" and in_crm:
        _write_account(book, EXTRA, other, _tax_id(customer), changed)
        book.breaks("R1", "ID03", extra_account)
    elif kind == "duplicate":
        _write_customer(book, extra_customer, other, _tax_id(customer), "")
        book.breaks("R1", "ID04", extra_customer)
    elif kind == "missing" and in_crm:
        _write_account(book, EXTRA, newcomer, _tax_id(customer, PARENT), changed)
        book.breaks("R1", "ID01", extra_account)
    elif kind == "missing":
        _write_customer(book, extra_customer, newcomer, _tax_id(customer, PARENT), "")
        book.breaks("R1", "ID02", extra_customer)
    elif kind == "wrong_link":
        book.breaks("R1", "ID05", customer.id)
    elif kind == "id_typo":
        book.breaks("R1", "ID08", customer.id)


def _write_parent(book: Book, changed: date) -> None:
    customer = book.customer
    _write_account(book, PARENT, parent_name(customer), "", changed, customer_id=customer.parent_id)
    _write_customer(book, customer.parent_id, parent_name(customer), "", _account_id(customer.index, PARENT))
    book.link("R1", _account_id(customer.index, PARENT), customer.parent_id, "0")


def _write_account(
    book: Book, slot: int, name: str, tax_id: str, changed: date, *, customer_id: str = "", parent: str = ""
) -> None:
    customer = book.customer
    if slot == MAIN and book.has_parent:
        parent = _account_id(customer.index, PARENT)
    book.add(
        "salesforce/Account.csv",
        _account_id(customer.index, slot),
        name,
        f"https://www.{customer.company.domain}",
        customer.market.country,
        customer.market.currency,
        OWNERS[customer.index % len(OWNERS)],
        parent,
        tax_id,
        customer_id,
        f"{changed.isoformat()}T04:00:00Z",
    )


def _write_customer(book: Book, identity: str, name: str, tax_id: str, account_id: str) -> None:
    customer = book.customer
    parent = customer.parent_id if book.has_parent and identity == customer.id else ""
    book.add(
        "erp/customers.csv",
        identity,
        name,
        customer.market.country,
        customer.market.currency,
        tax_id,
        f"ap@{customer.company.domain}",
        account_id,
        parent,
    )


def _write_contacts(book: Book, numbers: list[int]) -> None:
    customer = book.customer
    for place in range(1 + pick(numbers[5], 3)):
        given, family = person(*numbers[6 + place * 2 : 8 + place * 2])
        book.add(
            "salesforce/Contact.csv",
            salesforce_id("003", customer.index * 4 + place),
            customer.account_id,
            given,
            family,
            f"{given}.{family}{place}@{customer.company.domain}".lower(),
            f"+999 5550 {pick(numbers[12 + place], 10_000):04d}",  # no country has the code 999
        )
