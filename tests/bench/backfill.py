"""`airflow backfill create` itself, as a person types it, over past days of the running platform.

Each day must be told as it was known then, and open with the day before it, though the command runs them at once; the
first with the last one published before that knew no more. An invoice of the middle day is voided in the ERP after
that: the days before are told as they were, the middle one and those after are kept as restated besides, with what of
them is otherwise.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from include.connectors.tryton.client import TrytonClient
from include.local import services
from include.local.demo import PARSE_TIMEOUT_S, TIE_OUT, business_day
from include.local.home import PROJECT
from tests.bench.places import keep
from tests.bench.stage import HOME, NotSeen, Stage

DAYS = 3
GIVE_UP_S = 900.0
DAY_GIVE_UP_S = 180.0
"""Of the whole, and for each day more than three."""

LOOK_S, SETTLING_LOOK_S = 1.0, 40.0

TOLD = """
SELECT runs.as_of, subject, batch_through, runs.state, (
        SELECT coalesce(sum(loaded_count), 0)::bigint FROM recon.control_totals AS total
        WHERE total.run_id = runs.run_id AND side = 'invoice'
    ) AS loaded, (
        SELECT count(*) FROM canonical.invoices AS known
        WHERE issue_date <= runs.as_of AND recorded_in <= batch_through
            AND (superseded_in IS NULL OR superseded_in > batch_through)
    ) AS known, (
        SELECT max(batch) FROM ops.batches WHERE recorded_at <= (SELECT max(first_at) FROM (
            SELECT min(checked_at) AS first_at FROM ops.proofs WHERE complete_until < 'infinity'
            GROUP BY system, entity
        ) AS firsts)
    ) AS first_batch, (
        SELECT count(*) FROM recon.mailings WHERE mailings.run_id = runs.run_id
    ) AS mails, EXISTS (
        SELECT FROM recon.editions
        WHERE editions.run_id = runs.run_id AND edition = 'restated' AND html LIKE '%%Invoices open%%'
    ) AS restated, (
        SELECT opening.as_of FROM recon.runs AS opening WHERE opening.run_id = runs.opening_run_id
    ) AS opens_with
FROM recon.runs JOIN recon.reports USING (run_id)
WHERE runs.as_of BETWEEN %(first)s AND %(last)s ORDER BY runs.as_of
"""


UNPAID = """
SELECT native_id, invoice.number, issue_date FROM canonical.invoices AS invoice
JOIN delivery.invoices AS known ON known.invoice_id = native_id AND known.status = 'posted' AND known.credited_minor = 0
WHERE superseded_in IS NULL AND issue_date <= %(until)s
    AND NOT EXISTS (
        SELECT FROM canonical.payments WHERE payments.invoice_id = native_id OR strpos(reference, invoice.number) > 0
    )
ORDER BY issue_date DESC, native_id LIMIT 1
"""


OPENS_WITH = """
SELECT as_of FROM recon.runs
WHERE state = 'published' AND as_of < %(first)s AND batch_through <= %(batch)s
ORDER BY as_of DESC LIMIT 1
"""


def backfill(stage: Stage, *, many: int = DAYS) -> Path:
    """So many past days by the command, after something came that none knew; raises where one is told wrongly."""
    before, after = many // 2, many - many // 2 - 1
    [voided] = stage.rows(UNPAID, until=stage.day - timedelta(days=after + 1))
    middle = voided["issue_date"]
    days = [middle + timedelta(days=n) for n in range(-before, after + 1)]
    first, last = days[0], days[-1]
    newest = _something_comes(stage, voided)
    began = time.monotonic()
    _create(stage, first, last)
    runs = _ended(stage, days)
    took = time.monotonic() - began
    told = stage.rows(TOLD, first=first, last=last)
    _expect([one["as_of"] for one in told] == days, f"reports of {[str(one['as_of']) for one in told]}")
    _expect(all(run["state"] == "success" for run in runs), f"runs that ended as {runs}")
    opened = [one["opens_with"] for one in told]
    known = stage.rows(OPENS_WITH, first=first, batch=told[0]["batch_through"])
    expected = [known[0]["as_of"] if known else None, *days[:-1]]
    _expect(opened == expected, f"days that opened with {[str(day) for day in opened]}")
    for one in told:
        _expect(one["subject"].startswith(f"{one['as_of']} ties:"), one["subject"])
        _expect(one["loaded"] == one["known"] > 0, f"{one['loaded']} invoices told, {one['known']} known")
        _expect(
            one["batch_through"] <= one["first_batch"] < newest, f"batch {one['batch_through']} of {newest}"
        )
        _expect(one["mails"] == 0, f"{one['mails']} mails about {one['as_of']}")
    restated = [one["restated"] for one in told]
    _expect(restated == [day >= middle for day in days], f"open invoices of {days} restated: {restated}")
    loaded = [int(one["loaded"]) for one in told]
    return keep("backfill", {"days": many, "seconds": took, "invoices_known": loaded, "restated": restated})


def _something_comes(stage: Stage, voided: dict[str, Any]) -> int:
    """A payment is made and an old invoice voided, and both are read; the number of the batch the latter landed in."""
    stage.charge(stage.invoices()[0], minor=100)
    stage.open_minor[stage.invoices()[0]] -= 100
    _read(stage, "extract_payments")
    erp = TrytonClient(f"http://127.0.0.1:{stage.platform.ports.erp}/erp", key=stage.secrets.erp_key)
    model, named = "account.invoice", [["number", "=", voided["number"]]]
    [record] = erp.search(model, domain=named, fields=["id"], order=["id"], size=2)
    erp.act(model, record["id"], "cancel", fields=["state"])
    until = time.monotonic() + GIVE_UP_S
    landed = "SELECT recorded_in FROM canonical.invoices WHERE native_id = %(id)s AND superseded_in IS NULL"
    before = stage.rows(landed, id=voided["native_id"])[0]["recorded_in"]
    while (batch := int(stage.rows(landed, id=voided["native_id"])[0]["recorded_in"])) == before:
        _expect(time.monotonic() < until, "an invoice that was voided did not land")
        time.sleep(SETTLING_LOOK_S)  # what an ERP writes is read once it has settled, minutes later
        _read(stage, "extract_erp")
    return batch


def _read(stage: Stage, dag_id: str) -> None:
    start, end = business_day(stage.day)
    airflow = stage.platform.airflow
    *_, states = airflow.follow({dag_id: airflow.trigger(dag_id, start=start, end=end)}, timeout_s=GIVE_UP_S)
    _expect(states[dag_id].state == "success", str(states))


def _create(stage: Stage, first: date, last: date) -> None:
    """The command, in the platform's environment."""
    stage.platform.airflow.wait_for_dag(TIE_OUT, since=stage.platform.started_at, timeout_s=PARSE_TIMEOUT_S)
    stage.platform.airflow.unpause(TIE_OUT)
    environment = services.airflow_environment(
        home=HOME, urls=stage.urls, secrets=stage.secrets, port=stage.platform.ports.airflow
    )
    done = created(first, last, environment)
    _expect(done.returncode == 0, done.stderr[-2000:])


def created(first: date, last: date, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What the command said to a backfill of those days of tie_out, whoever has a run already."""
    begins, ends = (business_day(day)[0].isoformat() for day in (first, last))
    command = [sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", TIE_OUT]
    command += ["--from-date", begins, "--to-date", ends, "--reprocess-behavior", "completed"]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def _ended(stage: Stage, days: Sequence[date]) -> list[dict[str, Any]]:
    """The backfill's runs, once all have ended."""
    until = time.monotonic() + GIVE_UP_S + DAY_GIVE_UP_S * max(0, len(days) - DAYS)
    while True:
        runs = stage.platform.airflow.call(
            *("GET", f"/api/v2/dags/{TIE_OUT}/dagRuns"),
            run_type="backfill",
            logical_date_gte=business_day(days[0])[0].isoformat(),
            logical_date_lte=business_day(days[-1])[0].isoformat(),
        )["dag_runs"]
        if len(runs) >= len(days) and all(run["state"] in {"success", "failed"} for run in runs):
            return [{"run": run["dag_run_id"], "state": run["state"]} for run in runs]
        if time.monotonic() > until:
            raise NotSeen(f"the backfill did not end: {[(run['dag_run_id'], run['state']) for run in runs]}")
        time.sleep(LOOK_S)


def _expect(holds: bool, found: str) -> None:  # noqa: FBT001 - an assertion that stays with python -O
    if not holds:
        raise NotSeen(f"the backfill told days wrongly: {found}")
