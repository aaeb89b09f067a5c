"""What follows from declined payments: another try when it is due, one task for the account's owner after several."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from include.domain.canonical_json import sha256
from include.domain.delivery import Message, key_of
from include.domain.money import major
from include.domain.payment_failure import Attempt, Decision, decide
from include.domain.payment_status import ON_ITS_WAY
from include.flows.owed_now import owed_now
from include.flows.put_message import put_message
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
    together count for one another, so that they keep within its scheme's caps.
    """
    done: Counter[str] = Counter()
    coming: defaultdict[str, list[Attempt]] = defaultdict(list)
    words = policy.statuses["payments"]
    wanted = {
        "card_days": CARD_DAYS,
        "succeeded": list(words["SUCCEEDED"]),
        "undecided": [word for state in sorted(ON_ITS_WAY) for word in words[state]],
    }
    with store.transaction() as tx:
        for invoice in tx.rows("failing_invoices", **wanted):
            attempts = [_attempt(told) for told in invoice["attempts"]]
            card = invoice["card"]
            decision = decide(
                attempts,
                scheme=invoice["scheme"] or "",
                now=now,
                rules=policy.payment_failure.rules,
                of_card=[*map(_attempt, invoice["of_card"]), *coming[card]],
            )
            due = decision.next == "retry"
            if not (due or decision.task) or not (owed := owed_now(tx, invoice["invoice_id"], policy)):
                continue
            if due:
                done["retry"] += _retry(tx, invoice, owed)
                if card:
                    coming[card].append(
                        replace(attempts[-1], event_id=f"after {attempts[-1].event_id}", occurred_at=now)
                    )
            if decision.task:
                done["task"] += _task(tx, invoice, decision, attempts)
    return +done


def _attempt(told: Mapping[str, Any]) -> Attempt:
    return Attempt(
        event_id=told["event_id"],
        occurred_at=datetime.fromisoformat(told["occurred_at"]),
        succeeded=told["succeeded"],
        codes=tuple(code for code in told["codes"] if code),
    )


def _retry(tx: Transaction, invoice: Row, owed: int) -> bool:
    """One try per failure, for no more than is owed: the key names the failure, so that one never leads to two."""
    failed = invoice["attempts"][-1]
    body = {"invoice_id": invoice["invoice_id"], "payment_id": str(failed["payment_id"])}
    body |= {"open": major(owed, currency=invoice["currency"]), "currency": invoice["currency"]}
    key = key_of("retry", invoice["invoice_id"], failed["event_id"])
    subject = f"invoices/{invoice['invoice_id']}"
    message = Message(
        key=key, kind="retry_payment", target=PAYMENTS, subject=subject, body=body, based_on=sha256(body)
    )
    return put_message(tx, message).what == "new"


def _task(tx: Transaction, invoice: Row, decision: Decision, attempts: Sequence[Attempt]) -> bool:
    """One task until the invoice is paid, however many more attempts fail.

    It proves that it is due by the attempts known when it was decided; what fails later, or is told late, changes one
    that waits, and none that has left.
    """
    invoice_id, cycle = invoice["invoice_id"], sum(one.succeeded for one in attempts)
    failed = [one for one in attempts if not one.succeeded][-decision.failures :]
    body = {
        "account_id": invoice["crm_account_id"],
        "owner_id": invoice["owner_id"],
        "title": f"The payment of invoice {invoice['number']} keeps failing",
        "invoice_id": invoice_id,
        "proof": "\n".join([decision.task, *map(_shown, failed[-SHOWN_MOST:])]),
    }
    message = Message(
        key=key_of("task", invoice_id, cycle, "payment failed"),
        kind="task",
        target=CRM,
        subject=f"tasks/{invoice_id}",
        based_on=sha256([body["owner_id"], body["account_id"], body["proof"]]),
        body=body,
    )
    return put_message(tx, message).what == "new"


def _shown(attempt: Attempt) -> str:
    return (
        f"{attempt.occurred_at:%Y-%m-%d %H:%M} {', '.join(attempt.codes) or 'declined'} ({attempt.event_id})"
    )
