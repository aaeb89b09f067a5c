"""Asks for what is overdue, rung by rung, and never for what may be paid already."""

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

from include.domain.breaks import in_reporting_currency
from include.domain.canonical_json import sha256
from include.domain.delivery import Message, key_of
from include.domain.dunning import Debt, Rung, due_step
from include.domain.money import major
from include.flows.day_rates import rates_of
from include.flows.owed_now import open_now
from include.flows.put_message import put_message
from include.policy import Policy
from include.ports import Row, Store, Transaction

CRM = "salesforce"

_AS_READ = (
    "invoice_id",
    "open_minor",
    "level",
    "in_flight_minor",
    "disputed",
    "promised_until",
    "legal_hold",
    "uncertain_write",
)


def collect_overdue(store: Store, policy: Policy, *, today: date) -> Counter[str]:
    """Take the rung that is due of every open invoice of the newest published run; how many of each, by its name.

    What is settled by now is not asked for, whatever the run knew. Money known to be the customer's and on no invoice
    is spread over the debts oldest first: what it covers is not asked for.
    """
    rules = policy.dunning.rules
    words = policy.statuses
    wanted = {
        "today": today,
        "days_ahead": max(0, -rules.ladder[0].from_days),
        "pending": [*words["payments"]["PENDING"], *words["payments"]["AUTHORISED"]],
        "succeeded": [*words["payments"]["SUCCEEDED"]],
        "void": [*words["invoices"]["VOID"]],
        "disputed": [*words["disputes"]["INQUIRY"], *words["disputes"]["OPEN"]],
    }
    done: Counter[str] = Counter()
    left: dict[tuple[str, str], int] = {}
    with store.transaction() as tx:
        rates = rates_of(tx, today)
        debts = tx.rows("overdue_invoices", **wanted)
        for row in sorted(debts, key=lambda row: (row["due_date"], row["invoice_id"])):
            purse = row["customer_id"], row["currency"]
            available = left.setdefault(purse, row["unapplied_minor"])
            debt = replace(_debt(row, rates, policy), unapplied_minor=available)
            if available >= debt.open_minor:
                left[purse] = available - debt.open_minor
            step = due_step(debt, today=today, rules=rules)
            if step.rung and (minor := open_now(tx, debt.invoice_id, policy, today=today)):
                moved = debt.due_date != row["due_date"]
                rest = f"{row['due_date']} is no business day there; " if moved else ""
                done[step.rung.name] += _ask(tx, row, step.rung, rest + step.why, min(minor, debt.open_minor))
    return +done


def _debt(row: Row, rates: dict[str, Decimal], policy: Policy) -> Debt:
    worth = in_reporting_currency(row["open_minor"], currency=row["currency"], rates=rates)
    calendar = policy.calendars.of(row["country"] or policy.calendars.entity.country)
    payable = calendar.after(row["due_date"], 0)
    return Debt(due_date=payable, open_sgd_minor=worth, **{name: row[name] for name in _AS_READ})


def _ask(tx: Transaction, row: Row, rung: Rung, why: str, open_minor: int) -> bool:
    """One message per invoice, cycle and level; a cycle ends when money arrives."""
    level, invoice_id = rung.level, row["invoice_id"]
    open_amount = major(open_minor, currency=row["currency"])
    body = {
        "account_id": row["crm_account_id"],
        "owner_id": row["owner_id"],
        "invoice_id": invoice_id,
        "number": row["number"],
        "level": level,
        "cycle": row["cycle"],
        "title": f"Invoice {row['number']}: {rung.name}",
        "open": open_amount,
        "currency": row["currency"],
        "approval": rung.approval,
        "proof": f"{why}; {open_amount} {row['currency']} open",
    }
    message = Message(
        key=key_of("task", invoice_id, row["cycle"], level),
        kind="dunning",
        target=CRM,
        subject=f"invoices/{invoice_id}",
        based_on=sha256(body),  # decided anew, after it was found not to be owed, it may say something else
        body=body,
    )
    return put_message(tx, message).what in ("new", "again")
