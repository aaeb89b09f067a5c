"""How much of an invoice may be collected now, by all that is known at this moment, landed or only looked at."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from include.domain.payment_status import ON_ITS_WAY, Standing
from include.flows.invoice_standings import invoice_state, payment_state, standing_of
from include.policy import Policy
from include.ports import Row, Transaction

DISPUTED = frozenset({"INQUIRY", "OPEN"})
CONTESTED = DISPUTED | {"LOST"}
MAY_ARRIVE = ON_ITS_WAY - {"CREATED"}
"""One that was only made waits for somebody and may never."""


ASKED_FOR = frozenset({"OPEN", "PARTIALLY_PAID", "UNKNOWN"})
"""Canonical statuses, in the ERP, of what somebody may be asked for."""


class _Debt(NamedTuple):
    """An invoice as it stands. `coming_minor`: money on its way; `disputes`: their canonical statuses."""

    invoice: Row
    state: str
    now: Standing
    coming_minor: int
    disputes: frozenset[str]


def owed_now(tx: Transaction, invoice_id: str, policy: Policy, *, today: date) -> int:
    """What may be charged, in minor units of its currency; 0 where it is settled, contested, or may be paid already."""
    debt = _debt(tx, invoice_id, policy, today)
    if debt is None or debt.disputes & CONTESTED or not _is_open(debt.state, debt.now):
        return 0
    return max(0, debt.now.open_minor - debt.coming_minor - int(debt.invoice["unapplied_minor"]))


def open_now(tx: Transaction, invoice_id: str, policy: Policy, *, today: date) -> int:
    """What somebody may be asked for; 0 where it is settled, being disputed, or covered by what is on its way.

    The customer's money on no invoice is not counted: of several debts it may cover any.
    """
    debt = _debt(tx, invoice_id, policy, today)
    if debt is None or debt.disputes & DISPUTED or debt.state not in ASKED_FOR:
        return 0
    return debt.now.open_minor if debt.coming_minor < debt.now.open_minor else 0


def _debt(tx: Transaction, invoice_id: str, policy: Policy, today: date) -> _Debt | None:
    """None where nothing can be said of what is owed, or nobody is to be asked for it."""
    told = {
        "succeeded": [*policy.statuses["payments"]["SUCCEEDED"]],
        "void": [*policy.statuses["invoices"]["VOID"]],
    }
    found = tx.rows("invoice_to_collect", invoice_id=invoice_id, today=today, **told)
    if not found or found[0]["held"]:
        return None
    [invoice] = found
    words = policy.canonical_status
    money = tx.rows("money_of_invoices", invoices=[invoice_id])
    states = [(one, payment_state(one, words)) for one in money]
    if any(
        one["currency"] != invoice["currency"] and not one["posted"] and said in {"SUCCEEDED", *MAY_ARRIVE}
        for one, said in states
    ):
        return None  # what it is worth is not known yet
    return _Debt(
        invoice,
        invoice_state(invoice, words),
        standing_of(invoice, money, words),
        sum(one["amount_minor"] for one, said in states if said in MAY_ARRIVE),
        frozenset(_disputes(money, policy)),
    )


def _is_open(state: str, now: Standing) -> bool:
    """By the ERP too, which knows what came by other ways. Of a part it was paid, we must know which."""
    return state == "OPEN" or (state == now.status == "PARTIALLY_PAID")


def _disputes(money: list[Row], policy: Policy) -> Iterator[str]:
    words = policy.canonical_status["disputes"]
    for one in money:
        for back in one["returns"]:
            if back["entity"] == "disputes":
                yield words.get((back["status"] or "open").lower(), "OPEN")
