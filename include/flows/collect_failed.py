"""What follows from declined payments: another try when it is due, one task for the account's owner after several."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from include.domain.canonical_json import sha256
from include.domain.delivery import Message, key_of
from include.domain.money import major
from include.domain.payment_failure import Attempt, Decision, decide, failed_since
from include.domain.payment_status import ON_ITS_WAY
from include.flows.owed_now import owed_now
from include.flows.put_message import Put, put_message
from include.policy import Policy
from include.ports import Row, Store, Transaction

CRM, PAYMENTS = "salesforce", "payments"
CARD_DAYS = 31
"""As long as any scheme counts tries, and a day."""

SHOWN_MOST = 10
"""Failed attempts a task lists, the last ones."""


def collect_failed(store: Store, policy: Policy, *, now: datetime) -> Counter[str]:
    """Decide retries and tasks for every invoice whose last attempt failed; how often each was decided anew.

    Nothing follows for an invoice that owes nothing any more, or may be paid already. Tries of one card that are due
    together, or left and are not told yet, count for one another, so that they keep within its scheme's caps.
    """
    done: Counter[str] = Counter()
    with store.transaction() as tx:
        invoices = _failing(tx, policy)
        left = _left(tx, invoices)
        coming: defaultdict[str, list[Attempt]] = defaultdict(list)
        for invoice in invoices:
            if found := left.get(_key(invoice)):
                coming[invoice["card"]].append(_try(invoice, found["first_called_at"]))
        for invoice in invoices:
            card = invoice["card"]
            decision = _decide(invoice, coming[card], policy, now)
            due = decision.next == "retry"
            if not (due or decision.task):
                continue
            owed = owed_now(tx, invoice["invoice_id"], policy, today=now.date())
            if not owed:
                continue
            if due:
                put = _retry(tx, invoice, owed)
                done["retry"] += put.what in ("new", "again")
                if put.state == "queued":
                    coming[card].append(_try(invoice, now))
            if decision.task:
                done["task"] += _task(tx, invoice, decision)
    return +done


def may_be_tried(tx: Transaction, message: Message, policy: Policy, *, now: datetime) -> bool:
    """Whether a retry that was decided may be made at this moment, by what is known by now of its invoice and card.

    Of those that are sent together the first ones decided leave, as far as the scheme's caps allow.
    """
    of_card = tx.rows("invoices_of_card", invoice_id=message.body["invoice_id"])
    invoices = _failing(tx, policy, invoices=[row["invoice_id"] for row in of_card])
    left = _left(tx, invoices)
    if message.key not in left:
        return False  # something was told of it since
    [own] = [one for one in invoices if _key(one) == message.key]
    before = [
        _try(one, found["first_called_at"])
        for one in invoices
        if one["card"] == own["card"]
        and (found := left.get(_key(one)))
        and (found["state"] != "called" or found["message_id"] < left[message.key]["message_id"])
    ]
    return _decide(own, before, policy, now).next == "retry"


def _failing(tx: Transaction, policy: Policy, *, invoices: Sequence[str] | None = None) -> Sequence[Row]:
    words, invoice_words = policy.statuses["payments"], policy.statuses["invoices"]
    return tx.rows(
        "failing_invoices",
        card_days=CARD_DAYS,
        open=[*invoice_words["OPEN"], *invoice_words["PARTIALLY_PAID"]],
        succeeded=list(words["SUCCEEDED"]),
        undecided=[word for state in sorted(ON_ITS_WAY) for word in words[state]],
        invoices=invoices,
    )


def _left(tx: Transaction, invoices: Sequence[Row]) -> Mapping[str, Row]:
    """The retries that left, or may have, and of which no attempt was told yet, by their key."""
    rows = tx.rows("tries_that_left", keys=[_key(invoice) for invoice in invoices])
    return {row["key"]: row for row in rows}


def _decide(invoice: Row, coming: Sequence[Attempt], policy: Policy, now: datetime) -> Decision:
    return decide(
        [_attempt(told) for told in invoice["attempts"]],
        scheme=invoice["scheme"] or "",
        now=now,
        rules=policy.payment_failure.rules,
        of_card=[*map(_attempt, invoice["of_card"]), *(coming if invoice["card"] else ())],
    )


def _attempt(told: Mapping[str, Any]) -> Attempt:
    return Attempt(
        event_id=told["event_id"],
        occurred_at=datetime.fromisoformat(told["occurred_at"]),
        succeeded=told["succeeded"],
        codes=tuple(code for code in told["codes"] if code),
        card=told["card"] or "",
    )


def _key(invoice: Row) -> str:
    """Of the try after its last failure, which it names, so that one never leads to two."""
    return key_of("retry", invoice["invoice_id"], invoice["attempts"][-1]["event_id"])


def _try(invoice: Row, at: datetime) -> Attempt:
    """The try after its last failure, which nobody has told yet."""
    return Attempt(event_id=_key(invoice), occurred_at=at, succeeded=False)


def _retry(tx: Transaction, invoice: Row, owed: int) -> Put:
    """One try per failure, for no more than is owed."""
    payment_id = str(invoice["attempts"][-1]["payment_id"])
    body = {"invoice_id": invoice["invoice_id"], "payment_id": payment_id}
    body |= {"open": major(owed, currency=invoice["currency"]), "currency": invoice["currency"]}
    subject = f"invoices/{invoice['invoice_id']}"
    message = Message(
        key=_key(invoice),
        kind="retry_payment",
        target=PAYMENTS,
        subject=subject,
        body=body,
        based_on=sha256(body),
    )
    return put_message(tx, message)


def _task(tx: Transaction, invoice: Row, decision: Decision) -> bool:
    """One task until the invoice is paid, however many more attempts fail.

    It proves that it is due by the attempts known when it was decided; what fails later, or is told late, changes one
    that waits, and none that has left.
    """
    invoice_id, attempts = invoice["invoice_id"], [_attempt(told) for told in invoice["attempts"]]
    failed = failed_since(attempts)
    subject = f"tasks/{invoice_id}"
    known = tx.rows("task_of_failures", subject=subject, since=failed[0].occurred_at)
    cycle = sum(one.succeeded for one in attempts)
    body = {
        "account_id": invoice["crm_account_id"],
        "owner_id": invoice["owner_id"],
        "title": f"The payment of invoice {invoice['number']} keeps failing",
        "invoice_id": invoice_id,
        "proof": "\n".join([decision.task, *map(_shown, failed[-SHOWN_MOST:])]),
        "failed_at": failed[-1].occurred_at.isoformat(),
    }
    message = Message(
        key=known[0]["key"] if known else key_of("task", invoice_id, cycle, "payment failed"),
        kind="task",
        target=CRM,
        subject=subject,
        based_on=sha256(body),
        body=body,
    )
    return put_message(tx, message).what == "new"


def _shown(attempt: Attempt) -> str:
    said = ", ".join(attempt.codes) or "declined"
    return f"{attempt.occurred_at:%Y-%m-%d %H:%M} UTC: {said} ({attempt.event_id})"
