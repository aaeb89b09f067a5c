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

STATED = "SELECT relation, why, coalesce(kept::text, 'for ever'), says FROM ops.retention"
ONE_FOR_EACH_THING = frozenset(
    {"canonical.gone", "delivery.looked_at", "delivery.renewal_dates", "vault.sealed"}
)
"""States that grow with what there is, and not with what happens to it."""


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


def covered(table: str, stated: Mapping[str, Sequence[str]]) -> str:
    """How long its rows are kept, and what they are; empty where nothing says that the table may grow."""
    why, kept, says = stated.get(table, ("", "", ""))
    if why in {"evidence", "key", "news"}:
        return f"{kept}: {says}"
    return says if table in ONE_FOR_EACH_THING else ""


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
        first, half, last = sizes[0], sizes[len(sizes) // 2], sizes[-1]
        stated = {relation: told for relation, *told in place.ask(STATED)}
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
            "tables_mib": {
                name: [*(round(one.get(name, 0), 1) for one in (first, half, last)), covered(name, stated)]
                for name in _grown(first, last)
            },
            "wrong": place.wrong(gross=GROSS_MINOR / 100, settled=settled)
            | without_nothing(
                {
                    "payments not made": payments - paid.count,
                    # The twin holds what is written to it, as all other systems do.
                    "memory not flat": [
                        name for name, found in trends.items() if not found.flat and name != "twin"
                    ],
                    "tables nobody accounts for": [
                        name for name in _grown(half, last) if not covered(name, stated)
                    ],
                }
            ),
        }


def _grown(since: Mapping[str, float], last: Mapping[str, float]) -> list[str]:
    return sorted(name for name, mib in last.items() if mib - since.get(name, 0) > GROWN_MIB)


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
