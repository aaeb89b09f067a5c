"""How invoices stand, by all that is known of their money."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from include.domain.payment_status import Applied, Standing, lost_of_share, standing, unsettled
from include.ports import Row, Transaction

LOST = frozenset({"OPEN", "LOST"})
"""A dispute takes the money away while it is open, and for good when it is lost."""

SETTLED: Mapping[str, Literal["PAID", "WRITTEN_OFF"]] = {"PAID": "PAID", "WRITTEN_OFF": "WRITTEN_OFF"}
"""Canonical status of the ERP by which nothing is owed any more."""

Words = Mapping[str, Mapping[str, str]]


def standings_of(
    tx: Transaction, query: str, words: Words, **wanted: Sequence[str]
) -> Iterator[tuple[Row, Standing]]:
    """How each invoice that a query of `delivery.invoices` finds stands."""
    invoices = tx.rows(query, **{name: list(values) for name, values in wanted.items()})
    money: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tx.rows("money_of_invoices", invoices=[invoice["invoice_id"] for invoice in invoices]):
        money[row["invoice_id"]].append(row)
    for invoice in invoices:
        yield invoice, standing_of(invoice, money[invoice["invoice_id"]], words)


def standing_of(invoice: Row, money: list[Row], words: Words) -> Standing:
    """How an invoice stands: `invoice` a row of delivery.invoices, `money` its rows of `money_of_invoices`."""
    state = invoice_state(invoice, words)
    return standing(
        gross_minor=invoice["gross_minor"],
        credited_minor=invoice["credited_minor"],
        void=state == "VOID",
        settled_as=SETTLED.get(state),
        money=[
            _applied(one, invoice, words)
            for one in money
            if one["posted"] or one["currency"] == invoice["currency"]
        ],
    )


def invoice_state(invoice: Row, words: Words) -> str:
    """The canonical status; an invoice that says nothing is open."""
    return words["invoices"].get((invoice["status"] or "open").lower(), "UNKNOWN")


def payment_state(payment: Row, words: Words) -> str:
    """The canonical status; a payment that says nothing was made."""
    return words["payments"].get((payment["status"] or "succeeded").lower(), "UNKNOWN")


def _applied(payment: Row, invoice: Row, words: Words) -> Applied:
    invoice_id, settled = invoice["invoice_id"], payment["amount_minor"]
    shares = {told["invoice_id"]: told["minor"] for told in payment["shares"]} or {invoice_id: settled}
    gone = {
        entity: sum(
            one["amount_minor"]
            for one in payment["returns"]
            if one["entity"] == entity and words[entity].get((one["status"] or "").lower()) in states
        )
        for entity, states in (("refunds", {"SUCCEEDED", "PENDING"}), ("disputes", LOST))
    }

    def lost(minor: int) -> int:
        taken = lost_of_share(
            minor, paid_minor=payment["paid_minor"], shares=list(shares.items()), invoice_id=invoice_id
        )
        same = payment["currency"] == invoice["currency"]
        share = shares.get(invoice_id, 0)
        return unsettled(taken, share_minor=share, settled_minor=settled, same_currency=same) if taken else 0

    returned = lost(gone["refunds"])
    return Applied(
        payment_id=payment["payment_id"],
        state=payment_state(payment, words),
        amount_minor=settled,
        returned_minor=returned,
        disputed_minor=lost(gone["refunds"] + gone["disputes"]) - returned,
    )
