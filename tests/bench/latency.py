"""From what happens out there to what people see: seconds, on the platform as `make up` starts it, against the twin."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from include.local.demo import PARSE_TIMEOUT_S, RUN_TIMEOUT_S, TIE_OUT, business_day
from tests.bench.places import keep
from tests.bench.stage import FLOOR_DAG, NotSeen, Stage, settle, spread, wait_until

MINOR = 100
BETWEEN_S = 1.3
"""Between two samples: no multiple of any of the lane's own beats."""

BACKFILL_DAYS = 14


def webhook(stage: Stage, *, samples: int) -> Path:
    """One payment after another, each with its webhook, over several runs of the lane."""
    return _keep(stage, "webhook", list(_payments(stage, samples, told=True)))


def polling(stage: Stage, *, samples: int) -> Path:
    """The same with every webhook lost."""
    return _keep(stage, "polling", list(_payments(stage, samples, told=False)))


def beside(stage: Stage, *, samples: int) -> Path:
    """The same beside a backfill of fourteen days, each of them reconciled in full, for as long as that takes."""
    _tie_out(stage)  # what is unpaid is known once the bank's money has been matched
    took: list[float] = []
    with _backfill(stage) as under_way:
        while under_way():
            took += _payments(stage, 5, told=True, between_s=0.3)
    if len(took) < samples:
        raise NotSeen(f"the backfill was over after {len(took)} payments; give it a larger world")
    return _keep(stage, "backfill", took, days=BACKFILL_DAYS)


def won(stage: Stage, *, samples: int) -> Path:
    """From a deal that is won to its order, its invoice and the order's number back on the deal."""
    [account] = stage.rows(
        "SELECT account.native_id FROM canonical.accounts AS account JOIN canonical.customers AS customer "
        "ON customer.native_id = account.erp_customer_id AND customer.superseded_in IS NULL "
        "WHERE account.superseded_in IS NULL AND customer.country = 'SG' ORDER BY 1 LIMIT 1"
    )
    took = [_won_once(stage, account["native_id"]) for _ in range(samples)]
    return _keep(stage, "won", took)


def _won_once(stage: Stage, account_id: str) -> float:
    deal = stage.new_deal(account_id)
    time.sleep(BETWEEN_S)
    began, at = time.monotonic(), datetime.now(UTC)
    stage.win(deal)

    def referred() -> bool:
        found = stage.ask("GET", f"sobjects/Opportunity/{deal}?fields=ERP_Order_Id__c")
        return bool(found["ERP_Order_Id__c"])

    back = wait_until(referred, what=f"the order of {deal}") - began
    billed = (
        "SELECT finished_at FROM delivery.outbox WHERE kind = 'invoice' AND state = 'confirmed' "
        "AND body ->> 'opportunity_id' = %(deal)s"
    )
    wait_until(lambda: bool(stage.rows(billed, deal=deal)), what=f"the invoice of {deal}")
    return max(back, (stage.rows(billed, deal=deal)[0]["finished_at"] - at).total_seconds())


def _payments(stage: Stage, samples: int, *, told: bool, between_s: float = BETWEEN_S) -> Iterator[float]:
    """Seconds from a payment made to Salesforce showing less open, payment by payment."""
    for _, invoice_id in zip(range(samples), cycle(stage.invoices()), strict=False):
        stage.open_minor[invoice_id] -= MINOR
        expected = stage.open_minor[invoice_id] / 100
        began = time.monotonic()
        event = stage.charge(invoice_id, minor=MINOR)
        if told:
            stage.knock(event)
        seen = partial(_shows, stage, invoice_id, expected)
        yield wait_until(seen, what=f"a payment of {invoice_id}") - began
        time.sleep(between_s)


def _shows(stage: Stage, invoice_id: str, expected: float) -> bool:
    return stage.shown(invoice_id) == expected


def _tie_out(stage: Stage) -> None:
    """The newest day told, and all that follows from it; forgets which invoices were taken for unpaid before."""
    airflow = stage.platform.airflow
    airflow.wait_for_dag(TIE_OUT, since=stage.platform.started_at, timeout_s=PARSE_TIMEOUT_S)
    airflow.unpause(TIE_OUT)
    start, end = business_day(stage.day)
    *_, ended = airflow.follow(
        {TIE_OUT: airflow.trigger(TIE_OUT, start=start, end=end)}, timeout_s=RUN_TIMEOUT_S
    )
    if ended[TIE_OUT].state != "success":
        raise NotSeen(f"{TIE_OUT} of {stage.day} ended as {ended[TIE_OUT].state}")
    settle(stage)
    stage.open_minor.clear()


@contextmanager
def _backfill(stage: Stage) -> Iterator[Any]:
    """Fourteen days of the tie-out, each after the one it opens with; says whether it is still under way."""
    airflow = stage.platform.airflow
    first, _ = business_day(stage.day - timedelta(days=BACKFILL_DAYS - 1))
    last, _ = business_day(stage.day)
    asked = {
        "dag_id": TIE_OUT,
        "from_date": first.isoformat(),
        "to_date": last.isoformat(),
        "max_active_runs": 1,
        "reprocess_behavior": "completed",
        "run_backwards": False,
        "dag_run_conf": {},
    }
    made = airflow.call("POST", "/api/v2/backfills", asked)["id"]
    yield lambda: airflow.call("GET", f"/api/v2/backfills/{made}")["completed_at"] is None


def _keep(stage: Stage, name: str, took: list[float], **facts: Any) -> Path:
    """The figures of a sub-step, with Airflow's own floor in the same minutes."""
    since = datetime.now(UTC) - timedelta(seconds=sum(took) + BETWEEN_S * len(took))
    floor = spread(stage.floor())
    figures = {**spread(took), "floor": floor, "hand_overs": stage.hand_overs(since), **facts}
    return keep(f"latency-{name}", {**figures, "floor_dag": FLOOR_DAG})
