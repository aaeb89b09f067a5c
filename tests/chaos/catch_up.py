"""A day's outage of ours: very many payments were made meanwhile and no webhook was heard. Then all of it is caught up
with, while live payments come in, each of which is waited for until Salesforce shows it.
"""

import time
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any

import requests

from tests.bench.stage import log_in, spread
from tests.chaos.beside import Customer, Platform, memory_mib, platform, without_nothing
from tests.disorder.story import GROSS_MINOR
from tests.kills.desk import KEYS

DAY_S = 86_400
REQUIRED, TIMES_REAL, LIVE_S = 500_000, 10, 10.0
PAID_PER_INVOICE = 10
"""Payments of the outage for each invoice."""

LIVE_INVOICES, LIVE_EVERY_S, LIVE_PATIENCE_S = 50, 1.0, 300.0
WARM_UP_S = 60.0
PATIENCE_S = 6 * 3600.0
READ_EVERY_S = "600"
SHOWN = "SELECT count(*) FROM delivery.outbox WHERE kind = 'payment_activity' AND state = 'confirmed'"
WAITING = """
SELECT (SELECT count(*) FROM delivery.inbox WHERE state IN ('new', 'taken')),
    (SELECT count(*) FROM delivery.outbox WHERE finished_at IS NULL)
"""


def caught_up(*, size: int, say: Any) -> dict[str, Any]:
    """What came of a backlog of so many payments."""
    invoices = max(1, size // PAID_PER_INVOICE)
    with platform(invoices=invoices + LIVE_INVOICES, behind_h=24) as place:
        place.read()
        _glance_once(place)
        place.queue(size, invoices)
        live = _Live(place, [f"I{invoices + number}" for number in range(LIVE_INVOICES)])
        place.keep("door")
        place.wait_for_door()
        began = monotonic()
        place.keep("lane", "300", relayed=True)
        place.keep("reads", READ_EVERY_S)
        place.wait_for_lane()
        most = {"hints": 0, "messages": 0}
        memory: dict[str, float] = {}
        with live:
            while (shown := place.ask(SHOWN)[0][0] - live.shown) < size and monotonic() < began + PATIENCE_S:
                place.tend()
                hints, messages = place.ask(WAITING)[0]
                most = {"hints": max(most["hints"], hints), "messages": max(most["messages"], messages)}
                memory = {
                    one: max(mib, memory.get(one, 0)) for one, mib in {**memory, **memory_mib(place)}.items()
                }
                say(
                    f"{shown:,} of {size:,}; {hints:,} hints, {messages:,} messages wait; live {live.last:.1f} s"
                )
                time.sleep(2)
            seconds = monotonic() - began
        settled = place.settle(patience_s=600)
        return {
            "size": size,
            "took_s": round(seconds),
            "rows_per_s": round(shown / seconds, 1),
            "times_real": round(shown / seconds / (REQUIRED / DAY_S), 1),
            "live": spread(live.took) if live.took else {},
            "waited at most": most,
            "memory_mib": {name: round(mib) for name, mib in sorted(memory.items())},
            "wrong": place.wrong(gross=GROSS_MINOR / 100, settled=settled)
            | without_nothing(
                {
                    "slower than ten times real time": shown / seconds < TIMES_REAL * REQUIRED / DAY_S,
                    "live payments later than 10 s": [round(one, 1) for one in live.took if one > LIVE_S],
                    "live payments not shown": live.missed,
                }
            ),
        }


def _glance_once(place: Platform) -> None:
    """Let the lane work once, a day ago: from then on it knows where it stood."""
    place.keep("lane", "20")
    glanced = "SELECT count(*) FROM ops.cursors WHERE starts_with(entity, 'hints of ')"
    until = monotonic() + WARM_UP_S
    while place.ask(glanced)[0][0] < 2 and monotonic() < until:
        time.sleep(0.5)
    place.end("lane")


@dataclass
class _Live:
    """Payments made now, while inside, one after the other, each told by its webhook."""

    place: Platform
    invoices: list[str]
    took: list[float] = field(default_factory=list)
    missed: int = 0
    shown: int = 0
    last: float = 0.0

    def __post_init__(self) -> None:
        self._over = Event()
        self._http = requests.Session()
        self._address = f"http://127.0.0.1:{self.place.ports['salesforce']}"

    def __enter__(self) -> None:
        self._thread = Thread(target=self._pay, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _pay(self) -> None:
        token, number = log_in(self._address, KEYS), 0  # type: ignore[arg-type]
        self._http.headers["Authorization"] = f"Bearer {token}"
        customer = Customer(self.place)
        while not self._over.is_set():
            round_, place = divmod(number, len(self.invoices))
            number += 1
            began = monotonic()
            charge = customer.pay(self.invoices[place])
            customer.tell(charge, f"evt_live_{number}")
            self.shown += 1
            self._wait_for(self.invoices[place], (GROSS_MINOR - 100 * (round_ + 1)) / 100, began)
            self._over.wait(LIVE_EVERY_S)

    def _wait_for(self, invoice: str, open_: float, began: float) -> None:
        path = f"{self._address}/services/data/v60.0/sobjects/Invoice__c/Invoice_Key__c/{invoice}?fields=Open_Amount__c"
        while (waited := monotonic() - began) < LIVE_PATIENCE_S and not self._over.is_set():
            self.last = waited
            answer = self._http.get(path, timeout=60)
            if answer.ok and answer.json()["Open_Amount__c"] == open_:
                self.took.append(monotonic() - began)
                return
            time.sleep(0.1)
        self.missed += not self._over.is_set()
