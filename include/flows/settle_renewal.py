"""What follows once all invoices of a deal that renews a subscription are paid."""

from datetime import date

from include.domain.delivery import Message, key_of
from include.domain.money import major
from include.domain.subscriptions import AMENDMENT_TYPES, Amendment, life_of
from include.flows.ask_renewal import CRM
from include.flows.put_message import put_message, say
from include.flows.recalculate_arr import amendment_of, subscription_of
from include.policy import Policy
from include.ports import Row, Transaction


def settle_renewal(tx: Transaction, opportunity_id: str, policy: Policy) -> bool:
    """Tell the deal the ARR and next renewal of what it renews, and ask for the booking that the ERP lacks.

    Nothing for a deal that renews none, or one whose subscription has a change nobody can read. Whether it renews any.
    """
    found = tx.rows("subscription_renewed_by", opportunity_id=opportunity_id)
    amendments = [amendment_of(told) for told in found[0]["amendments"]] if found else []
    if not found or any(one.type not in AMENDMENT_TYPES for one in amendments):
        return False
    row, on = found[0], date.fromisoformat(found[0]["renews_on"])
    booked = any(one.type == "RENEW" and one.effective_on >= on for one in amendments)
    renewal = Amendment(amendment_id="", sequence=0, type="RENEW", effective_on=on)
    changes = amendments if booked else [*amendments, renewal]
    life = life_of(subscription_of(row), changes, rules=policy.arr.rules, as_of=on)
    body = {
        "opportunity_id": opportunity_id,
        "arr": major(life.arr_on(on), currency=row["currency"]),
        "renewal_date": life.ends_on.isoformat() if life.ends_on else None,
    }
    subject = f"opportunities/{opportunity_id}"
    say(tx, Message(key="", kind="deal_renewed", target=CRM, subject=subject, body=body))
    if not booked:
        put_message(tx, _task(row, opportunity_id, on))
    return True


def _task(row: Row, opportunity_id: str, on: date) -> Message:
    """One for each renewal: the ERP's subscriptions are finance's to change."""
    subscription_id = row["subscription_id"]
    return Message(
        key=key_of("renewal", subscription_id, on, "book"),
        kind="task",
        target=CRM,
        subject=f"tasks/{subscription_id}",
        based_on=str(row["owner_id"]),
        body={
            "account_id": row["crm_account_id"],
            "opportunity_id": opportunity_id,
            "owner_id": row["owner_id"],
            "title": f"Subscription {subscription_id}: book the renewal, it is paid",
            "proof": f"all invoices of its renewal on {on} are settled, and the ERP has no renewal of it",
        },
    )
