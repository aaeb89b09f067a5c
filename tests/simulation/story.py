"""What happens outside in a seed: deals are edited, won, reopened and won again; customers pay, fail to, ask back."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from include.twin.faults import Fault
from tests.connectors.conftest import Tables
from tests.disorder import story as payments
from tests.disorder.story import ACCOUNT, BEGIN, MINUTES, Act, deal_id
from tests.simulation.wire import TwinInside

DEALS, INVOICES = 4, 3
FIRST_DEAL = 100
OWNER = "0050000000000AAAAA"
WON = {"StageName": "Closed Won", "IsWon": True, "IsClosed": True}
REOPENED = {"StageName": "Negotiation", "IsWon": False, "IsClosed": False}
LAGS_S = (0, 0, 0, 5, 60, 240)
"""Between the stamp of a change and the moment others can see it: its transaction takes that long."""

DISPUTED = (("dispute", "win"), ("dispute", "lose"))
"""Of all things disputes alone change; what else happens is another thing each time."""

WAYS = (
    *payments.WAYS,
    *DISPUTED,
    *DISPUTED,
    ("pay", "refund", "pay"),
    ("part", "refund", "pay", "refund last", "pay"),
)
"""What may become of an invoice here, where more happens to each."""

CLOSE, GAPS_S = 0.5, (2, 15, 60, 250)
"""Share of invoices to which all happens close together, and how close."""

NO_TERM = 999
"""Months that the gate refuses: such a deal becomes its owner's task."""


@dataclass(frozen=True)
class Change:
    """An edit of deals at a moment, all in one transaction; it shows `lag` later."""

    at: datetime
    deals: tuple[int, ...]
    values: tuple[tuple[str, Any], ...]
    lag: timedelta = timedelta()


def world(*, deals: int = DEALS, invoices: int = INVOICES) -> Tables:
    """Open deals beside invoices of deals won long ago; one of the deals is of a kind the gate refuses."""
    tables = {name: list(rows) for name, rows in payments.world(invoices).items()}
    won = tables["salesforce/Opportunity"]
    tables["salesforce/Opportunity"] = [{**row, "ERP_Order_Id__c": f"O{n}"} for n, row in enumerate(won)]
    tables["salesforce/Opportunity"] += [_deal(number) for number in range(deals)]
    tables["salesforce/Account"] = [{**row, "OwnerId": OWNER} for row in tables["salesforce/Account"]]
    tables["fx/rates"] = []
    return tables


def _deal(number: int) -> dict[str, str]:
    return {
        "Id": deal_id(FIRST_DEAL + number),
        "AccountId": ACCOUNT,
        "OwnerId": OWNER,
        "Name": f"New {number}",
        "StageName": "Negotiation",
        "IsClosed": "false",
        "IsWon": "false",
        "Amount": f"{1000 + number}.00",
        "CurrencyIsoCode": "SGD",
        "CloseDate": "2026-06-20",
        "Term_Months__c": str(NO_TERM if number == DEALS - 1 else 12),
    }


@dataclass(frozen=True)
class Story:
    """A seed's acts and changes, in the order of time."""

    acts: Sequence[Act]
    changes: Sequence[Change]

    def without(self, dropped: frozenset[str]) -> "Story":
        """The story without some of its subjects (`deal 2`, `I3`)."""
        changes = [
            Change(one.at, left, one.values, one.lag)
            for one in self.changes
            if (left := tuple(deal for deal in one.deals if f"deal {deal}" not in dropped))
        ]
        return Story([act for act in self.acts if act.invoice not in dropped], changes)

    @property
    def subjects(self) -> list[str]:
        """Everybody something happens to."""
        deals = {f"deal {deal}" for one in self.changes for deal in one.deals}
        return sorted(deals | {act.invoice for act in self.acts})


def story_of(dice: random.Random, *, deals: int = DEALS, invoices: int = INVOICES) -> Story:
    """What happens, by these dice."""
    ways = [dice.choice(WAYS) for _ in range(invoices)]
    return Story(_acts(ways, dice), sorted(_changes(deals, dice), key=lambda one: one.at))


def _acts(ways: Sequence[Sequence[str]], dice: random.Random) -> list[Act]:
    acts = []
    for invoice, way in enumerate(ways):
        moments = _close(way, dice) if dice.random() < CLOSE else _apart(way, dice)
        for what, moment in zip(way, moments, strict=True):
            acts.append(Act(BEGIN + timedelta(seconds=moment), len(acts), f"I{invoice}", what))
    return sorted(acts)


def _apart(way: Sequence[str], dice: random.Random) -> list[float]:
    return sorted(dice.uniform(0, MINUTES * 60) for _ in way)


def _close(way: Sequence[str], dice: random.Random) -> list[float]:
    """So close that the second happens while somebody still works on the first."""
    gaps = (dice.choice(GAPS_S) for _ in way)
    return list(accumulate(gaps, initial=dice.uniform(0, MINUTES * 60)))[:-1]


def _changes(deals: int, dice: random.Random) -> Iterator[Change]:
    def change(moment: float, of: Sequence[int], **values: Any) -> Change:
        lag = timedelta(seconds=dice.choice(LAGS_S))
        at = (BEGIN + timedelta(seconds=moment)).replace(microsecond=0)
        return Change(at, tuple(of), tuple(values.items()), lag)

    for deal in range(deals):
        moment = dice.uniform(0, MINUTES * 60)
        if dice.random() < 0.4:
            yield change(moment - 60, [deal], Amount=float(dice.randint(100, 900)))
        yield change(moment, [deal], **WON)
        for _ in range(dice.choice((0, 0, 1, 1, 2))):
            moment += dice.choice((1, 3, 20, 300))
            yield change(moment, [deal], Amount=float(dice.randint(100, 900)))
        if dice.random() < 0.3:
            moment += dice.choice((2, 10, 600))
            yield change(moment, [deal], **REOPENED)
            yield change(moment + dice.choice((5, 120)), [deal], **WON)
    if dice.random() < 0.5:  # a mass update: everything has one stamp, more rows than a page
        yield change(dice.uniform(0, MINUTES * 60), range(deals), NextStep="call")


def show(twin: TwinInside, change: Change) -> None:
    """The change becomes visible, stamped when it was made."""
    fault = Fault(
        kind="change",
        system="salesforce",
        values={
            "object": "Opportunity",
            "ids": [deal_id(FIRST_DEAL + deal) for deal in change.deals],
            "values": dict(change.values),
            "stamp": change.at.isoformat(),
        },
    )
    twin.data.strike(fault)


Later = Callable[[float, Callable[[], Any]], Any]


def running(twin: TwinInside, changes: Sequence[Change]) -> None:
    """Salesforce tells how far its replication is covered: to the oldest of these, which nobody sees yet."""
    twin.org.open_since = min((one.at for one in changes), default=None)
