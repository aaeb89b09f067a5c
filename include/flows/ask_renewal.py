"""What a subscription's renewal asks for on a day: the deal that renews it, or a step of its account's owner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.domain.delivery import Message, key_of
from include.domain.renewal_steps import Deal, RenewalStep, due_renewal_step, must_be_open
from include.flows.put_message import put_message
from include.policy import Policy
from include.ports import Row, Transaction

CRM = "salesforce"


@dataclass(frozen=True)
class Term:
    """A subscription (a row of `subscriptions_to_tell`), the day it renews on, and its ARR in major units."""

    row: Row
    renews_on: date
    arr: str

    @property
    def key(self) -> str:
        """What the deal that renews this term is found by in the CRM."""
        return f"{self.row['subscription_id']}/{self.renews_on}"


def ask_renewal(tx: Transaction, term: Term, policy: Policy, *, today: date) -> int:
    """Ask for the deal that renews it and for the step that is due, once for each renewal date; how often anew."""
    deals = tx.rows("renewal_deal", renewal_key=term.key)
    deal = deals[0] if deals else None
    stands: dict[str, Any] = {
        "today": today,
        "overdue_days": term.row["overdue_days"],
        "rules": policy.renewals.rules,
        "deal": _standing(deal),
    }
    step = due_renewal_step(term.renews_on, **stands)
    asked = [_deal(term, policy)] if must_be_open(term.renews_on, **stands) else []
    if step and not step.opens:
        asked.append(_task(term, step, deal))
    return sum(put_message(tx, message).what == "new" for message in asked)


def ask_to_close(tx: Transaction, row: Row, deals: Sequence[Row]) -> int:
    """Of a subscription that was cancelled, ask its account's owner to close what would renew it; how often anew.

    `deals`: those that are open, with opportunity_id and renews_on. The deals are sales' own to close.
    """
    return sum(put_message(tx, _closing(row, deal)).what == "new" for deal in deals)


def _closing(row: Row, deal: Row) -> Message:
    subscription_id, on = row["subscription_id"], date.fromisoformat(deal["renews_on"])
    body = {
        "account_id": row["crm_account_id"],
        "owner_id": row["owner_id"],
        "opportunity_id": deal["opportunity_id"],
        "title": f"Subscription {subscription_id}: it was cancelled, close its renewal",
        "proof": f"it is cancelled, and the opportunity that renews it on {on} is open",
    }
    return _message(Term(row, on, arr=""), "task", key_of("renewal", subscription_id, on, "close"), body)


def _standing(deal: Row | None) -> Deal:
    if deal is None:
        return None
    return "won" if deal["is_won"] else "lost" if deal["is_closed"] else "open"


def _deal(term: Term, policy: Policy) -> Message:
    words, subscription_id = policy.renewals.opportunity, term.row["subscription_id"]
    return _message(
        term,
        "renewal_deal",
        key_of("renewal", subscription_id, term.renews_on, "deal"),
        {
            "renewal_key": term.key,
            "name": f"Renewal of {subscription_id} on {term.renews_on}",
            "account_id": term.row["crm_account_id"],
            "stage": words.stage,
            "type": words.type,
            "close_date": term.renews_on.isoformat(),
            "owner_id": term.row["owner_id"],
            "arr": term.arr,
            "renewal_date": term.renews_on.isoformat(),
        },
    )


def _task(term: Term, step: RenewalStep, deal: Row | None) -> Message:
    subscription_id = term.row["subscription_id"]
    days = "today" if not step.days_before else f"from {step.days_before} days before"
    body = {
        "account_id": term.row["crm_account_id"],
        "owner_id": term.row["owner_id"],
        "title": f"Subscription {subscription_id}: {step.name}",
        "proof": f"it renews on {term.renews_on}; {step.name} {days}",
    }
    if deal:
        body["opportunity_id"] = deal["opportunity_id"]
    return _message(term, "task", key_of("renewal", subscription_id, term.renews_on, step.name), body)


def _message(term: Term, kind: str, key: str, body: Mapping[str, Any]) -> Message:
    """Owner, account, deal and ARR may change while it waits; what has left stays as it is."""
    subject = f"tasks/{term.row['subscription_id']}"
    based_on = "|".join(str(body.get(name)) for name in ("owner_id", "account_id", "opportunity_id", "arr"))
    return Message(key=key, kind=kind, target=CRM, subject=subject, body=body, based_on=based_on)
