"""Very many events and deals through the lane: what processes hold in memory, which tables grow, what is lost."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import linear_regression, pstdev
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Self

from tests.chaos.beside import Customer, Platform, memory_mib, platform, without_nothing, won
from tests.disorder.story import GROSS_MINOR

EVENTS, PAID_PER_INVOICE = 1_000_000, 10
OF_A_PAYMENT = ("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated")
"""The events Stripe tells of a payment by card that succeeds."""

HANDS, WAITING_MAX = 3, 500
"""Who pays at once, and how many hints may wait before they pause: as much comes as is worked off, never less."""

TWICE, UNTOLD, WIN_EVERY = 0.1, 0.05, 500
"""Shares of payments whose events are told twice and not at all; and one deal is won for so many payments."""

SAMPLES = 400
SMALL = 0.01
"""Of what a process holds: less than that is no growth."""

FOR_EVER = "1000000000"
SIZES = "SELECT schemaname || '.' || relname, pg_total_relation_size(relid)::float8 / 1048576 FROM pg_stat_user_tables"
GROWN_MIB = 1.0

RECORDS: Mapping[str, str] = {
    "raw.": "what was received, as evidence",
    "canonical.": "every version of every row",
    "recon.": "what days were told",
    "audit.": "the log; seals of it",
    "vault.": "the values that rows stand for, until somebody is forgotten",
    "delivery.inbox": "by it an event told twice is known",
    "delivery.outbox": "by it an effect is known, and why it was",
    "delivery.attempts": "every call that was made",
    "delivery.acts": "what people did",
    "delivery.gate_checks": "why a deal was ordered or not",
    "delivery.looked_at": "one row for each object ever looked at",
    "delivery.deal_states": "since when deals are won",
    "ops.pulls": "what was asked for, and when",
}
"""Tables, or what their names begin with, that grow because they are the record; docs/scaling.md says until when."""


@dataclass(frozen=True)
class Trend:
    """Of a row of figures: what the line through its second half rises by, and how far figures lie from that line."""

    first: float
    last: float
    growth: float
    noise: float

    @property
    def flat(self) -> bool:
        """Whether it rises by no more than what it varies by anyway."""
        return self.growth <= max(self.noise, SMALL * self.last)


def trend(figures: Sequence[tuple[float, float]]) -> Trend:
    """By least squares over the second half of (when, how much)."""
    half = figures[len(figures) // 2 :]
    times, values = zip(*half, strict=True)
    slope, start = linear_regression(times, values)
    residuals = [value - (start + slope * at) for at, value in half]
    return Trend(figures[0][1], values[-1], slope * (times[-1] - times[0]), 2 * pstdev(residuals))


def unexplained(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """Tables that grew and of which nothing says why they may."""
    grown = [name for name, mib in after.items() if mib - before.get(name, 0) > GROWN_MIB]
    return sorted(name for name in grown if not why_it_grows(name))


def why_it_grows(table: str) -> str:
    """Which record it is; empty where nothing says."""
    return next((why for begins, why in RECORDS.items() if table.startswith(begins)), "")


def soaked(*, events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """What became of a platform through which so many events went."""
    payments = events // len(OF_A_PAYMENT)
    invoices = max(10, payments // PAID_PER_INVOICE)
    with platform(invoices=invoices) as place:
        place.read()
        place.keep("door")
        place.keep("lane", FOR_EVER)  # not relayed: what one run holds on to would be gone with it
        place.keep("reads", "600")
        place.wait_for_door()
        place.wait_for_lane()
        memory: dict[str, list[tuple[float, float]]] = {}
        sizes: list[dict[str, float]] = []
        began = monotonic()
        with _Paying(place, invoices, payments) as paid:
            while paid.under_way and not paid.over.wait(1):
                place.tend()
                paid.pause = place.unfinished() > WAITING_MAX
                if paid.count < payments * len(memory.get("twin", ())) / SAMPLES:
                    continue
                for name, mib in memory_mib(place).items():
                    memory.setdefault(name, []).append((monotonic() - began, mib))
                if paid.count >= payments * len(sizes) / 8:
                    sizes.append(dict(place.ask(SIZES)))
                so_far = paid.count * len(OF_A_PAYMENT)
                say(f"{so_far:,} of {events:,} events, {so_far / (monotonic() - began):.0f} a second")
        seconds = monotonic() - began
        settled = place.settle(patience_s=1200)
        sizes.append(dict(place.ask(SIZES)))
        trends = {name: trend(figures) for name, figures in memory.items() if len(figures) >= 4}
        return {
            "events": paid.count * len(OF_A_PAYMENT),
            "payments": paid.count,
            "deals": paid.deals,
            "took_s": round(seconds),
            "events_per_s": round(paid.count * len(OF_A_PAYMENT) / seconds, 1),
            "memory_mib": {
                name: [round(one, 1) for one in vars(found).values()] for name, found in trends.items()
            },
            "tables_mib": _largest(sizes),
            "wrong": place.wrong(gross=GROSS_MINOR / 100, settled=settled)
            | without_nothing(
                {
                    "payments not made": payments - paid.count,
                    # The twin holds what is written to it, as all other systems do.
                    "memory not flat": [
                        name for name, found in trends.items() if not found.flat and name != "twin"
                    ],
                    "tables nobody accounts for": unexplained(sizes[len(sizes) // 2], sizes[-1]),
                }
            ),
        }


def _largest(sizes: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """The tables that grew, at the beginning, in the middle and at the end."""
    moments = (sizes[0], sizes[len(sizes) // 2], sizes[-1])
    grown = [name for name, mib in sizes[-1].items() if mib - sizes[0].get(name, 0) > GROWN_MIB]
    return {name: [round(one.get(name, 0), 1) for one in moments] for name in sorted(grown)}


@dataclass
class _Paying:
    """Several hands that pay and tell, until all is paid. `pause`: nobody pays for now."""

    place: Platform
    invoices: int
    payments: int
    count: int = 0
    deals: int = 0
    pause: bool = False
    over: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._numbers, self._lock = iter(range(self.payments)), Lock()
        self._hands = [Thread(target=self._pay, args=(seed,), daemon=True) for seed in range(HANDS)]
        for hand in self._hands:
            hand.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for hand in self._hands:
            hand.join()

    @property
    def under_way(self) -> bool:
        """Whether anybody pays: who meets with a fault stops."""
        return any(hand.is_alive() for hand in self._hands)

    def _pay(self, seed: int) -> None:
        customer, dice, crm = Customer(self.place), random.Random(seed), self.place.desk.crm  # noqa: S311 - no secret
        while (number := self._next()) is not None:
            charge = customer.pay(f"I{number % self.invoices}")
            if dice.random() >= UNTOLD:
                times = 1 + (dice.random() < TWICE)
                for nth, kind in enumerate(OF_A_PAYMENT * times):
                    customer.tell(charge, f"evt_{number}_{nth % len(OF_A_PAYMENT)}", kind)
            wins = number % WIN_EVERY == 0
            if wins:
                crm.call("POST", "sobjects/Opportunity", json=won(number))
            with self._lock:
                self.count, self.deals = self.count + 1, self.deals + wins
                if self.count == self.payments:
                    self.over.set()

    def _next(self) -> int | None:
        while self.pause and not self.over.is_set():
            time.sleep(0.05)
        with self._lock:
            return None if self.over.is_set() else next(self._numbers, None)
