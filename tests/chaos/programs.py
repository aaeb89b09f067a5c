"""The platform without Airflow, each program a process of its own: the fast lane, reads, days, the webhooks' door, and
the twin, which is all other systems.

`python -m tests.chaos.programs NAME …` is one of them. It ends with STOPPED when a Stop ended it: the next one tries
again, as Airflow would have it.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from include.local.processes import end_with_parent
from include.ports import Stop
from tests.kills.desk import KEYS

STOPPED = 75
REST_S = 1.0
SYSTEMS = ("salesforce", "erp", "payments")
PORTS: Mapping[str, int] = json.loads(os.environ.get("CHAOS_PORTS", "{}"))


def lane(seconds: str) -> None:
    """One run, as the task of the DAG makes it."""
    from include.wiring.lane import run_fast_lane  # noqa: PLC0415 - Airflow's settings are read by then

    run_fast_lane(seconds=float(seconds))


def reads(pause_s: str) -> None:
    """What the three `extract_…` do, again and again; a pause below 0: once."""
    from include.wiring import connections, entities  # noqa: PLC0415

    sources = [connections.salesforce(), connections.erp(), connections.payments()]
    acts = (entities.pull, entities.land, entities.prove)
    _again(float(pause_s), *(partial(act, source) for source in sources for act in acts))


def days(pause_s: str) -> None:
    """What `tie_out` does with today, again and again."""
    from include.flows.publish_run import publish_run  # noqa: PLC0415
    from include.flows.reconcile import reconcile  # noqa: PLC0415
    from include.wiring import connections, effects  # noqa: PLC0415

    store, policy = connections.store(), connections.policy()

    def day() -> None:
        today = effects.business_today(store)
        reconcile(store, as_of=today, policy=policy)
        publish_run(store, as_of=today, policy=policy)

    _again(float(pause_s), day)


def _again(pause_s: float, *acts: Callable[[], object]) -> None:
    while True:
        for act in acts:
            try:
                act()
            except Stop as stop:
                _say(stop)
                time.sleep(REST_S)
        if pause_s < 0:
            return
        time.sleep(pause_s)


def twin(folder: str) -> None:
    """All other systems. It is some hours ago there until a line `PAYMENTS INVOICES` on stdin: so many payments
    are made since, of the first invoices, and it is now.
    """
    from include.twin import payments_writes as writes  # noqa: PLC0415
    from include.twin import server as twins  # noqa: PLC0415

    behind, made = timedelta(hours=float(os.environ["TWIN_BEHIND_H"])), list[Any]()
    late, app_of = [behind], twins.payments_app
    ports = twins.TwinPorts(**{name: PORTS[name] for name in SYSTEMS})

    def payments_app(*args: Any, **given: Any) -> Any:
        made.append(app_of(*args, **given))
        return made[-1]

    with (
        patch.object(twins, "payments_app", payments_app),
        twins.running(
            world=Path(folder),
            mailbox=Path(folder) / "mail",
            keys=KEYS,
            ports=ports,
            clock=lambda: datetime.now(UTC) - late[0],
        ),
    ):
        print("ready", flush=True)
        for line in sys.stdin:
            count, invoices = map(int, line.split())
            began, late[0] = datetime.now(UTC) - behind, timedelta()
            for number in range(count):
                then = began + behind * (number / count)
                book = writes.Book(partial(lambda at: at, then), made[0].state.book.put)
                writes._charged(book, paid(f"I{number % invoices}"), "tok_visa", intent=None)
            print("queued", flush=True)


def paid(invoice: str) -> Mapping[str, str]:
    """The form of a payment of one unit."""
    return {"amount": "100", "currency": "sgd", "source": "tok_visa", "metadata[invoice_id]": invoice}


def door() -> None:
    """As `tieout webhooks serve` opens it."""
    from include.cli.webhooks import serve  # noqa: PLC0415

    serve(port=PORTS["webhooks"], host="127.0.0.1")


def _say(stop: object) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {type(stop).__name__}: {stop}"[:300], file=sys.stderr, flush=True)


PROGRAMS: Mapping[str, Callable[..., None]] = {one.__name__: one for one in (lane, reads, days, door, twin)}


if __name__ == "__main__":
    end_with_parent(signal.SIGTERM)
    try:
        PROGRAMS[sys.argv[1]](*sys.argv[2:])
    except Stop as stop:
        _say(stop)
        sys.exit(STOPPED)
