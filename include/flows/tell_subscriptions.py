"""Tells the CRM what its subscriptions are worth and when they renew, and asks for the steps that renewals need."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from include.domain.delivery import Message
from include.domain.money import major
from include.domain.renewals import inclusive_end
from include.domain.subscriptions import NOT_SOLD, Life, life_of, unusable
from include.flows.ask_renewal import Term, ask_renewal, ask_to_close
from include.flows.put_message import say
from include.flows.recalculate_arr import amendment_of, subscription_of
from include.flows.settle_renewal import settle_renewal
from include.policy import Policy
from include.ports import Row, Store, Transaction

CRM, TOLD = "salesforce", "subscriptions"
BEGINNING = date(1970, 1, 1)
ENDED = NOT_SOLD | {"CANCELLED", "EXPIRED"}
"""Statuses of what nobody renews."""


def tell_subscriptions(store: Store, policy: Policy, *, today: date) -> Counter[str]:
    """Say how every subscription stands of which something changed since the last time, by a row or by the calendar.

    ARR and renewal date are recalculated from price, term and amendments, never taken over. One with an amendment that
    nobody can use is left alone: DQ05 or DQ01 says so. How many were told, and how many steps were asked for.
    """
    done: Counter[str] = Counter()
    with store.transaction() as tx:
        tx.rows("lock_object", source="tieout", entity="told", native_id=TOLD)
        batch = tx.rows("newest_batch")[0]["batch"]
        last = tx.rows("last_told", what=TOLD) or [{"batch": 0, "day": BEGINNING}]
        days = _days(last[0]["day"], today, policy)
        rows = tx.rows("subscriptions_to_tell", batch=last[0]["batch"], today=today, days=days)
        renewing = _renewing(tx, [row["subscription_id"] for row in rows])
        for row in rows:
            life = _life(row, policy, today)
            if life is None:
                continue
            done["subscription"] += say(tx, _standing(row, life, policy)).what == "new"
            end = None if life.cancelled else life.renews_on
            tx.run("keep_renewal_date", subscription_id=row["subscription_id"], renews_on=end)
            deals = renewing[row["subscription_id"]]
            for deal in deals:
                if deal["status"]:
                    settle_renewal(tx, deal["opportunity_id"], policy, paid=deal["status"] == "PAID")
            arr = major(_arr_minor(row, life, policy), currency=row["currency"])
            term = Term(row, end, arr) if end and _state(row, policy) not in ENDED else None
            about = {"subject": f"tasks/{row['subscription_id']}", "renewal_key": term and term.key}
            tx.run("withdraw_renewals", **about)
            if term:
                done["renewal"] += ask_renewal(tx, term, policy, today=today)
            elif life.cancelled or _state(row, policy) == "CANCELLED":
                done["renewal"] += ask_to_close(tx, row, [deal for deal in deals if not deal["is_closed"]])
        tx.run("keep_told", what=TOLD, batch=batch, day=today, place="")
    return +done


def _days(told: date, today: date, policy: Policy) -> str:
    """The days something of which is to be told by now, and was not on the day that was told last.

    A step is due before its day, and what policy makes of days of grace and of pauses after it.
    """
    rules, ahead = policy.arr.rules, max(step.days_before for step in policy.renewals.rules.steps)
    shifts = map(timedelta, (ahead, -rules.renewal_grace_days, -rules.kept_pause_days - 1))
    spans = [(min(told, told + by), today + by) for by in shifts]
    return "{" + ",".join(f"({after},{max(after, through)}]" for after, through in spans) + "}"


def _renewing(tx: Transaction, subscriptions: Sequence[str]) -> Mapping[str, list[Row]]:
    """The deals that renew each subscription, locked, with how their invoices stand as it was told last."""
    rows = tx.rows("deals_renewing", subscriptions=list(subscriptions))
    deals = [row["opportunity_id"] for row in rows]
    about = {"sources": ["tieout"] * len(deals), "entities": ["opportunities"] * len(deals)}
    tx.rows("lock_objects", **about, native_ids=deals)
    status = {row["opportunity_id"]: row["status"] for row in tx.rows("deal_statuses", opportunities=deals)}
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["subscription_id"]].append(row | {"status": status.get(row["opportunity_id"])})
    return found


def _life(row: Row, policy: Policy, today: date) -> Life | None:
    subscription, amendments = subscription_of(row), [amendment_of(told) for told in row["amendments"]]
    if unusable(subscription, amendments):
        return None
    return life_of(subscription, amendments, rules=policy.arr.rules, as_of=today)


def _state(row: Row, policy: Policy) -> str:
    return policy.canonical_status["subscriptions"].get((row["status"] or "").lower(), "UNKNOWN")


def _arr_minor(row: Row, life: Life, policy: Policy) -> int:
    return 0 if _state(row, policy) in NOT_SOLD else life.arr_on(life.as_of)


def _standing(row: Row, life: Life, policy: Policy) -> Message:
    end, steps = life.renews_on, [] if _state(row, policy) in NOT_SOLD else life.steps()
    body = {
        "subscription_id": row["subscription_id"],
        "account_id": row["crm_account_id"],
        "start_date": row["start_date"].isoformat(),
        "end_date": inclusive_end(end).isoformat() if end else None,
        "renewal_date": end.isoformat() if end and not life.cancelled else None,
        "currency": row["currency"],
        "quantity": f"{life.price_on(life.as_of).quantity.normalize():f}",
        "arr": major(_arr_minor(row, life, policy), currency=row["currency"]),
        "status": _state(row, policy),
    }
    if steps:
        body |= {
            "arr_change": major(steps[-1].delta_minor, currency=row["currency"]),
            "arr_changed_on": steps[-1].on.isoformat(),
            "change": steps[-1].why,
        }
    subject = f"subscriptions/{row['subscription_id']}"
    return Message(key="", kind="subscription_status", target=CRM, subject=subject, body=body)
