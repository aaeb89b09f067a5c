"""Immediate stops of Postgres, at moments that fall by a seed, while the platform works: nothing of them may show."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from tests.chaos.beside import Customer, Platform, platform, won
from tests.disorder.story import GROSS_MINOR

STOPS, INVOICES = 100, 40
BETWEEN_S = (0.2, 4.0)
"""From the moment Postgres is back to its next stop."""

PAY_EVERY_S, WIN_EVERY = 0.15, 15
"""One deal is won for so many payments."""

PATIENCE_S, SETTLE_S = 60.0, 900.0


def stopped(*, stops: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """What became of a platform whose Postgres was stopped so often."""
    dice = random.Random(seed)  # noqa: S311 - a test's dice, no secret
    with platform(invoices=INVOICES) as place:
        place.read()
        for name, *words in (("door",), ("reads", "1"), ("days", "1")):
            place.keep(name, *words)
        place.keep("lane", "300", relayed=True)
        place.wait_for_door()
        place.wait_for_lane()
        began, back_s = monotonic(), []
        with _acting(place) as acts:
            for number in range(1, stops + 1):
                _work(place, acts, monotonic() + dice.uniform(*BETWEEN_S))
                back_s.append(place.stop_database())
                say(f"stop {number} of {stops}: {len(acts.told)} payments told, {len(acts.deals)} deals won")
        seconds = monotonic() - began
        settled = place.settle(patience_s=SETTLE_S)
        ended = {name: dict(program.ended) for name, program in place.programs.items()}
        return {
            "stops": stops,
            "took_s": round(seconds),
            "back_s_max": round(max(back_s, default=0), 1),
            "payments": len(acts.told),
            "deals": len(acts.deals),
            "work": dict(place.ask("SELECT state, count(*)::int FROM recon.runs GROUP BY 1")),
            "ended": ended,
            "wrong": place.wrong(gross=GROSS_MINOR / 100, settled=settled) | dict(_wrong(place, acts)),
        }


def _work(place: Platform, acts: "_Acts", until: float) -> None:
    """Let it work until that moment, and until something was told since: on a busy machine it begins late."""
    told = len(acts.told)
    while monotonic() < until or (len(acts.told) == told and monotonic() < until + PATIENCE_S):
        place.tend()
        sleep(0.05)


@dataclass
class _Acts:
    """Payments whose event was acknowledged, and deals that were won; and whether that went on to the end."""

    told: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)
    whole: bool = False


@contextmanager
def _acting(place: Platform) -> Iterator[_Acts]:
    """Customers pay, and sellers win deals, until the end; what is not acknowledged is told again, as Stripe does."""
    acts, over = _Acts(), Event()

    def act() -> None:
        customer, crm = Customer(place), place.desk.crm
        while not over.is_set():
            number = len(acts.told)
            charge, event = customer.pay(f"I{number % INVOICES}"), f"evt_{number}"
            while not customer.tell(charge, event):
                sleep(0.2)
            acts.told.append(event)
            if number % WIN_EVERY == 0:
                acts.deals.append(crm.call("POST", "sobjects/Opportunity", json=won(number)).json()["id"])
            over.wait(PAY_EVERY_S)
        acts.whole = True

    thread = Thread(target=act, daemon=True)
    thread.start()
    try:
        yield acts
    finally:
        over.set()
        thread.join()


def _wrong(place: Platform, acts: _Acts) -> Iterator[tuple[str, Any]]:
    """Whatever is not as it would be had Postgres never stopped."""
    if not acts.whole:
        yield "the hands that paid", "met with a fault"
    heard = {row[0] for row in place.ask("SELECT event_id FROM delivery.inbox")}
    if gone := len(set(acts.told) - heard):
        yield "acknowledged and gone", gone
    orders = place.desk.erp.search("sale.sale", domain=[], fields=("reference",), order=["id"], size=10_000)
    sales = Counter(order["reference"] for order in orders)
    if wrong := {deal: sales[deal] for deal in acts.deals if sales[deal] != 1}:
        yield "orders", wrong
