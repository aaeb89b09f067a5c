"""R2: holds deals won against orders, and orders against invoices, and names every difference.

Pairs come from references alone (sql/queries/relate_orders.sql); differences are one query a kind
(sql/queries/check_orders.sql), worded and judged by `domain.orders`.

A world whose one side nobody loaded has no differences: with no opportunity and no order that refer to each other,
nothing is said of deals without orders or orders without deals (OR01, OR02), with no invoice that refers to an order
nothing of orders not invoiced (OR09). So an ERP without a CRM and a CRM without an ERP are not flooded; what a side
shows by itself, such as a discount nobody approved (OR08), a product off the price list (OR05), tax (OR13) or an
invoice issued twice (OR06), is raised all the same.

Orders and invoices have no lines in this format. An order's price, quantity and term (OR05, OR07, and OR10, OR11 for
what is billed period by period) are those of the subscription it sold, where only one can be; an order whose
subscription is in doubt is not judged by it. A period nobody invoiced is not seen as under-billed, as whoever bills in
arrears has one too. All other codes can be seen. What is dated has a day, not an hour: see `domain.orders`.
"""

from collections.abc import Iterator

from include.domain import orders
from include.domain.breaks import Break
from include.domain.currencies import EXPONENTS
from include.domain.tax import tax_periods
from include.flows.snapshot import Seen
from include.policy import Policy
from include.ports import Transaction


def check_orders(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Relate the documents, keep the matches, and return a break for every difference.

    Afterwards `order_claims` says which order is whose, and `sold` which subscription it sold.
    """
    _relate(tx, policy)
    tx.run("keep_order_matches", run_id=seen.run_id)
    tx.run("keep_billing_matches", run_id=seen.run_id)
    return [
        *_links(tx, seen, policy),
        *_prices(tx, policy),
        *_billing(tx, policy),
    ]


def _relate(tx: Transaction, policy: Policy) -> None:
    for table in (
        "run_deals",
        "run_orders",
        "order_claims",
        "billing",
        "schedules",
        "sold",
    ):
        tx.run(f"create_{table}")
    tx.run("fill_run_deals")
    tx.run("fill_run_orders")
    tx.run("fill_billing")
    tx.run("analyse_documents")
    tx.run("fill_order_claims")
    tx.run("fill_schedules", **_scales())
    tx.run("fill_sold", most_months=policy.orders.term_months_max, **_scales())
    tx.run("analyse_relations")


def _scales() -> dict[str, list[str] | list[int]]:
    """Minor units per major unit of every currency, for prices that are kept in major units."""
    return {"currencies": list(EXPONENTS), "factors": [10**exponent for exponent in EXPONENTS.values()]}


def _links(tx: Transaction, seen: Seen, policy: Policy) -> Iterator[Break]:
    timing_days = policy.orders.order_timing_days
    for row in tx.rows("deals_without_order"):
        yield orders.without_order(row, as_of=seen.as_of, timing_days=timing_days)
    yield from map(orders.without_deal, tx.rows("orders_without_deal"))
    yield from map(orders.amount_differs, tx.rows("amounts_that_differ"))
    yield from map(orders.currency_differs, tx.rows("currencies_that_differ"))
    yield from map(orders.duplicate_order, tx.rows("duplicate_orders"))
    yield from map(orders.reverted, tx.rows("reverted_deals"))
    yield from map(orders.bills_another, tx.rows("bills_to_others"))


def _prices(tx: Transaction, policy: Policy) -> Iterator[Break]:
    """A price is judged by its discount; where that is in question, the price is not."""
    rules = policy.orders.discounts
    approvals = orders.Approvals(
        ladder=tuple((rung.approver, rung.up_to_percent) for rung in rules.ladder),
        unrecorded_up_to=rules.unrecorded_up_to_percent,
    )
    questioned = set()
    for row in tx.rows("discounted_deals", free_percent=rules.ladder[0].up_to_percent, **_scales()):
        unapproved = orders.discount_unapproved(row, approvals=approvals)
        if unapproved:
            questioned.add(unapproved.key)
            yield unapproved
    yield from map(orders.product_off_list, tx.rows("products_off_the_list"))
    for row in tx.rows("sold_otherwise", **_scales()):
        found = [orders.term_differs(row)]
        if row["opportunity_id"] not in questioned:
            found.append(orders.price_differs(row))
        yield from filter(None, found)


def _billing(tx: Transaction, policy: Policy) -> Iterator[Break]:
    due_days = policy.orders.invoice_due_days
    for row in tx.rows("orders_not_invoiced", due_days=due_days):
        yield orders.not_invoiced(row, due_days=due_days)
    yield from map(orders.duplicate_invoice, tx.rows("duplicate_invoices"))
    yield from map(orders.billed_otherwise, tx.rows("billed_otherwise"))
    yield from map(orders.billed_otherwise, tx.rows("sales_billed_otherwise"))
    periods = tax_periods(
        {
            country: [(rate.valid_from, rate.percent) for rate in rates]
            for country, rates in policy.orders.taxes.items()
        }
    )
    taxed = tx.rows(
        "invoices_taxed_otherwise",
        countries=[period.country for period in periods],
        valid_from=[period.valid_from for period in periods],
        valid_until=[period.valid_until for period in periods],
        percents=[period.percent for period in periods],
    )
    yield from map(orders.tax_differs, taxed)
