"""What follows once all invoices of a deal that renews a subscription are paid."""

from datetime import date, timedelta
from typing import Any, NamedTuple

from include.domain.delivery import Message, key_of
from include.domain.money import major
from include.domain.subscriptions import Amendment, life_of, unusable
from include.flows.ask_renewal import CRM
from include.flows.put_message import put_message, say, was_said
from include.flows.recalculate_arr import amendment_of, subscription_of
from include.policy import Policy
from include.ports import Row, Transaction


class Step(NamedTuple):
    """What finance is asked to do in the ERP."""

    name: str
    title: str
    proof: str


BOOK = Step(
    "book",
    "book the renewal, it is paid",
    "all invoices of its renewal on {on} are settled, and the ERP has no renewal of it",
)
UNDO = Step(
    "unbook",
    "its renewal is no longer paid",
    "an invoice of its renewal on {on} is open again; what was booked for it may have to be taken back",
)


def settle_renewal(tx: Transaction, opportunity_id: str, policy: Policy, *, paid: bool) -> bool:
    """Tell the deal the ARR and next renewal of what it renews, and ask for the booking that the ERP lacks.

    When it is not paid any more, both are taken back. Nothing for a deal that renews none, or one whose subscription
    has a change nobody can read. Whether it renews any.
    """
    found = tx.rows("subscription_renewed_by", opportunity_id=opportunity_id)
    amendments = [amendment_of(told) for told in found[0]["amendments"]] if found else []
    if not found or unusable(subscription_of(found[0]), amendments):
        return False
    row, on = found[0], date.fromisoformat(found[0]["renews_on"])
    about: dict[str, Any] = {
        "target": CRM,
        "kind": "deal_renewed",
        "subject": f"opportunities/{opportunity_id}",
    }
    if not paid and not was_said(tx, **about):
        return True
    booked = any(one.type == "RENEW" and one.effective_on >= on for one in amendments)
    latest = max((one.sequence for one in amendments), default=0)
    renewal = Amendment(amendment_id="", sequence=latest + 1, type="RENEW", effective_on=on)
    changes = [*amendments, renewal] if paid and not booked else amendments
    life = life_of(subscription_of(row), changes, rules=policy.arr.rules, as_of=on)
    # Not renewed, the deal says what there is to renew, as it did when it was opened.
    day = on if paid or booked else on - timedelta(days=1)
    body = {
        "opportunity_id": opportunity_id,
        "arr": major(life.arr_on(day), currency=row["currency"]),
        "renewal_date": life.renews_on.isoformat() if life.renews_on else None,
    }
    say(tx, Message(key="", body=body, **about))
    if paid and not booked:
        put_message(tx, _task(row, opportunity_id, on, BOOK))
    elif not paid:
        _take_back(tx, _task(row, opportunity_id, on, BOOK), _task(row, opportunity_id, on, UNDO))
    return True


def _take_back(tx: Transaction, asked: Message, undo: Message) -> None:
    """A task that has not left stays here; one that has is followed by another."""
    for known in tx.rows("message_by_key", key=asked.key):
        if known["state"] != "superseded" and not tx.run("withdraw_message", message_id=known["message_id"]):
            put_message(tx, undo)


def _task(row: Row, opportunity_id: str, on: date, step: Step) -> Message:
    """One for each renewal and step: the ERP's subscriptions are finance's to change."""
    subscription_id = row["subscription_id"]
    return Message(
        key=key_of("renewal", subscription_id, on, step.name),
        kind="task",
        target=CRM,
        subject=f"tasks/{subscription_id}",
        based_on="/".join(map(str, (row["owner_id"], row["crm_account_id"], opportunity_id))),
        body={
            "account_id": row["crm_account_id"],
            "opportunity_id": opportunity_id,
            "owner_id": row["owner_id"],
            "title": f"Subscription {subscription_id}: {step.title}",
            "proof": step.proof.format(on=on),
        },
    )
