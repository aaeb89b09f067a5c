"""One invoice for every period of a schedule whose first day has come."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from include.domain.billing_schedule import schedule
from include.domain.closed_won import WonDeal, term_of
from include.domain.delivery import Message, key_of
from include.domain.money import major
from include.domain.renewals import inclusive_end
from include.flows.guard_stale import invoice_version
from include.flows.put_message import put_message
from include.policy import Policy
from include.ports import Row, Transaction

ERP = "erp"


def bill_schedule(
    tx: Transaction, policy: Policy, *, today: date, opportunities: Sequence[str] | None = None
) -> Counter[str]:
    """Decide what schedules lack up to today, of orders that stand, of all deals or of some; how often.

    Told late or never, a day is made up for by the next call, and no period is billed twice: its key is the order, the
    line and the first day.
    """
    done: Counter[str] = Counter()
    cancelled = list(policy.statuses["orders"]["CANCELLED"])
    wanted = None if opportunities is None else list(opportunities)
    for line in tx.rows("schedule_lines_due", today=today, cancelled=cancelled, opportunities=wanted):
        put = put_message(tx, _invoice(line))
        tx.run("keep_line_decided", order_id=line["order_id"], line=line["line"])
        done["invoice"] += put.what in ("new", "again")
    return done


def planned(won: WonDeal, *, close_date: date | None) -> list[dict[str, Any]] | None:
    """What a deal's order is to be billed and when, to go with the order; None for one invoice of all of it."""
    start, months = won.start_date or close_date, term_of(won)
    if won.billing_interval is None or won.amount is None or start is None or months is None:
        return None
    lines = schedule(start, months=months, interval=won.billing_interval, amount_minor=won.amount.minor)
    return [
        {
            "line": line.number,
            "period_start": line.start.isoformat(),
            "period_end": line.end.isoformat(),
            "amount": major(line.amount_minor, currency=won.amount.currency),
        }
        for line in lines
    ]


def period_text(line: Mapping[str, Any]) -> str:
    """The days a line is for, as its customer reads them."""
    return f"{line['period_start']} to {inclusive_end(date.fromisoformat(line['period_end']))}"


def _invoice(line: Row) -> Message:
    start = line["period_start"].isoformat()
    return Message(
        key=key_of("invoice", line["order_id"], line["line"], start),
        kind="invoice",
        target=ERP,
        subject=f"orders/{line['order_id']}",
        based_on=invoice_version(line),
        body={
            "order_id": line["order_id"],
            "opportunity_id": line["opportunity_id"],
            "line": line["line"],
            "period_start": start,
            "period_end": line["period_end"].isoformat(),
            "amount": f"{line['amount']:f}",
        },
    )
