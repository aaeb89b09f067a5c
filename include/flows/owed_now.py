"""How much of an invoice may be collected now, by all that is known at this moment, landed or only looked at."""

from include.domain.payment_status import ON_ITS_WAY, Standing
from include.flows.decide_payment_status import invoice_state, payment_state, standing_of
from include.policy import Policy
from include.ports import Row, Transaction

CONTESTED = frozenset({"INQUIRY", "OPEN", "LOST"})
MAY_ARRIVE = ON_ITS_WAY - {"CREATED"}
"""One that was only made waits for somebody and may never."""


def owed_now(tx: Transaction, invoice_id: str, policy: Policy) -> int:
    """Minor units of the invoice's currency; 0 where it is settled, contested, or may be paid already."""
    found = tx.rows(
        "invoice_to_collect", invoice_id=invoice_id, succeeded=[*policy.statuses["payments"]["SUCCEEDED"]]
    )
    if not found:
        return 0
    [invoice] = found
    words = policy.canonical_status
    money = tx.rows("money_of_invoices", invoices=[invoice_id])
    states = [(one, payment_state(one, words)) for one in money]
    state, now = invoice_state(invoice, words), standing_of(invoice, money, words)
    if invoice["disputed"] or _is_contested(money, policy) or not _is_open(state, now):
        return 0
    if any(
        one["currency"] != invoice["currency"] and not one["posted"] and said in {"SUCCEEDED", *MAY_ARRIVE}
        for one, said in states
    ):
        return 0  # what it is worth is not known yet
    coming: int = sum(one["amount_minor"] for one, said in states if said in MAY_ARRIVE)
    return max(0, now.open_minor - coming - int(invoice["unapplied_minor"]))


def _is_open(state: str, now: Standing) -> bool:
    """By the ERP too, which knows what came by other ways. Of a part it was paid, we must know which."""
    return state == "OPEN" or (state == now.status == "PARTIALLY_PAID")


def _is_contested(money: list[Row], policy: Policy) -> bool:
    words = policy.canonical_status["disputes"]
    return any(
        back["entity"] == "disputes" and words.get((back["status"] or "open").lower(), "OPEN") in CONTESTED
        for one in money
        for back in one["returns"]
    )
