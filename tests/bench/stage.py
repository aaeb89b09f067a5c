"""The platform as `make up` starts it, with a world read in and the fast lane at work, and hands to try it with."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from unittest.mock import patch

import psycopg
import requests
from psycopg.rows import dict_row

from include.local import services
from include.local.bring_up import Platform, platform_up
from include.local.databases import DatabaseUrls, recreate_database
from include.local.demo import EXTRACTIONS, PARSE_TIMEOUT_S, RUN_TIMEOUT_S, business_day
from include.local.home import PROJECT, Home
from include.local.postgres import server
from include.local.progress import Steps
from include.local.secrets import Secrets, load_secrets
from include.local.world_day import last_day
from include.twin.generate import generate_world
from include.twin.webhooks import signature
from tests.bench.places import BENCH

HOME = Home(BENCH / "live")
SEED, SIZE = 11, 1_000
LOOK_S = 0.01
INVOICES = 1_000
EVENTS_LOOKED_THROUGH = 10, 100
"""For one's own: others may have paid within the same second. To look through many costs as much as the payment."""
GIVE_UP_S, HEALTHY_S = 60.0, 600.0
FLOOR_DAG = "bench_floor"
LANE_DAG = "fast_lane"
BUNDLES = [
    {
        "name": name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(path)},
    }
    for name, path in (("dags-folder", PROJECT / "dags"), ("bench", PROJECT / "tests/bench/dags"))
]

PROGRESS = """
SELECT (SELECT count(*) FROM delivery.outbox) AS said,
    (SELECT max(batch || place) FROM delivery.told WHERE name = 'payments') AS told,
    (SELECT count(*) FROM delivery.outbox
     WHERE finished_at IS NULL AND next_at <= clock_timestamp()
     AND (state <> 'called' OR leased_until <= clock_timestamp()))
    + (SELECT count(*) FROM delivery.inbox WHERE state IN ('new', 'taken')) AS due
"""


class NotSeen(Exception):
    """What was waited for did not happen in time."""


@dataclass
class Stage:
    """A running platform and its world: whom we may charge, which deals may be won."""

    platform: Platform
    urls: DatabaseUrls
    secrets: Secrets
    day: date
    http: requests.Session = field(default_factory=requests.Session)
    open_minor: dict[str, int] = field(default_factory=dict)  # of the invoices we pay, as far as we did

    def __post_init__(self) -> None:
        ports = self.platform.ports
        self.salesforce = f"http://127.0.0.1:{ports.salesforce}"
        self.payments = f"http://127.0.0.1:{ports.payments}"
        self.door = f"http://127.0.0.1:{ports.webhooks}/tieout-hooks/payments"
        self.token = log_in(self.salesforce, self.secrets)

    # --- what happens out there

    def charge(self, invoice_id: str, *, minor: int, http: requests.Session | None = None) -> dict[str, Any]:
        """A payment is made; the event of it."""
        form = {"amount": minor, "currency": "sgd", "source": "tok_visa", "metadata[invoice_id]": invoice_id}
        web, key = http or self.http, (self.secrets.payments_key, "")
        made = web.post(f"{self.payments}/v1/charges", form, auth=key, timeout=30)
        made.raise_for_status()
        charge = made.json()
        for most in EVENTS_LOOKED_THROUGH:
            newest = {"limit": most, "type": "charge.succeeded"}
            events = web.get(f"{self.payments}/v1/events", params=newest, auth=key, timeout=30).json()["data"]
            for event in events:
                if event["data"]["object"]["id"] == charge["id"]:
                    return dict(event)
        raise NotSeen(f"no event of {charge['id']}")

    def sign(self, event: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a webhook, as the twin's sender has them."""
        body, at = json.dumps(event, separators=(",", ":")).encode(), int(time.time())
        mark = signature(body, at=at, secret=self.secrets.payments_webhook_secret)
        return body, {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={mark}"}

    def knock(self, event: dict[str, Any], http: requests.Session | None = None) -> None:
        """The platform is told. Raises when it is not acknowledged."""
        body, headers = self.sign(event)
        (http or self.http).post(self.door, body, headers=headers, timeout=30).raise_for_status()

    def new_deal(self, account_id: str) -> str:
        """An open deal that may be ordered once it is won; its id."""
        deal = {
            "Name": f"Bench {time.monotonic_ns()}",
            "AccountId": account_id,
            "StageName": "Negotiation",
            "Amount": 1200,
            "CurrencyIsoCode": "SGD",
            "CloseDate": self.day.isoformat(),
            "Term_Months__c": 12,
        }
        return str(self.ask("POST", "sobjects/Opportunity", json=deal)["id"])

    def win(self, deal: str) -> None:
        """The deal is won."""
        self.ask("PATCH", f"sobjects/Opportunity/{deal}", json={"StageName": "Closed Won"})

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """Salesforce's answer; nothing for what is not there."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.http.request(
            method, f"{self.salesforce}/services/data/v60.0/{path}", headers=headers, timeout=30, **content
        )
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        return answer.json() if answer.content else None

    # --- what we see of it

    def shown(self, invoice_id: str) -> float | None:
        """What Salesforce shows as open of an invoice; None while it shows no such invoice."""
        found = self.ask("GET", f"sobjects/Invoice__c/Invoice_Key__c/{invoice_id}?fields=Open_Amount__c")
        return found and found["Open_Amount__c"]

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """What our own database says."""
        with psycopg.connect(self.urls.app, row_factory=dict_row) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def invoices(self) -> list[str]:
        """Invoices in SGD that nobody but us has paid anything of."""
        if not self.open_minor:
            found = self.rows(
                "SELECT invoice_id, gross_minor FROM delivery.invoices AS invoice "
                "WHERE currency = 'SGD' AND gross_minor >= 100000 AND status = 'posted' AND credited_minor = 0 "
                "AND NOT EXISTS (SELECT FROM delivery.payments AS p WHERE p.invoice_id = invoice.invoice_id) "
                "AND NOT EXISTS (SELECT FROM recon.matches WHERE recon = 'R3' AND side_b_id = invoice.invoice_id) "
                "ORDER BY invoice_id LIMIT %(most)s",
                most=INVOICES,
            )
            self.open_minor = {one["invoice_id"]: int(one["gross_minor"]) for one in found}
            if not found:
                raise NotSeen("no invoice in SGD is wholly unpaid")
        return list(self.open_minor)

    def floor(self, samples: int = 10) -> list[float]:
        """Seconds from a request by REST to the end of a task that does nothing."""
        airflow, took = self.platform.airflow, []
        for _ in range(samples):
            path = f"/api/v2/dags/{FLOOR_DAG}/dagRuns"
            asked = datetime.now(UTC)
            run = airflow.call("POST", path, {"logical_date": None})["dag_run_id"]
            until = time.monotonic() + GIVE_UP_S
            while (found := airflow.call("GET", f"{path}/{run}"))["state"] not in ("success", "failed"):
                if time.monotonic() > until:
                    raise NotSeen(f"{FLOOR_DAG} did not end")
                time.sleep(0.05)
            [done] = airflow.call("GET", f"{path}/{run}/taskInstances")["task_instances"]
            assert found["state"] == "success"
            took.append((datetime.fromisoformat(done["end_date"]) - asked).total_seconds())
        return took

    def hand_overs(self, since: datetime) -> int:
        """Runs of the lane that began meanwhile."""
        return int(
            self.rows("SELECT count(*) AS n FROM delivery.lanes WHERE began_at >= %(since)s", since=since)[0][
                "n"
            ]
        )


def log_in(address: str, secrets: Secrets) -> str:
    """A session of Salesforce."""
    form = {
        "grant_type": "client_credentials",
        "client_id": secrets.salesforce_client_id,
        "client_secret": secrets.salesforce_client_secret,
    }
    answer = requests.post(f"{address}/services/oauth2/token", form, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def wait_until(seen: Callable[[], bool], *, what: str, give_up_s: float = GIVE_UP_S) -> float:
    """The moment (time.monotonic) at which it was first seen. Raises NotSeen."""
    until = time.monotonic() + give_up_s
    while not seen():
        if time.monotonic() > until:
            raise NotSeen(f"{what}: not within {give_up_s:.0f} s")
        time.sleep(LOOK_S)
    return time.monotonic()


@contextmanager
def raised() -> Iterator[Stage]:
    """The platform, up and warm. Stopped at the end, whatever happens."""
    services.stop(HOME)  # of a run that was cut off
    world = HOME.create() / "world"
    if not (world / "manifest.json").exists():
        generate_world(out=world, seed=SEED, size=SIZE, profile="default")
    steps = Steps(crash_log=HOME.logs / "crash.log")
    patient = partial(services.wait_until_healthy, timeout_s=HEALTHY_S)
    with (
        patch.object(services, "airflow_environment", _with_our_dags(services.airflow_environment)),
        patch.object(services, "wait_until_healthy", patient),
    ):
        try:
            with server(HOME) as urls:
                # The twin begins anew with the world's rows, and so must what we know of it.
                recreate_database(urls.app, admin=urls.admin)
                with platform_up(steps, home=HOME, world=world, leashed=False, replace=True) as up:
                    day = last_day(world, today=datetime.now(UTC).date())
                    stage = Stage(up, urls, load_secrets(HOME), day)
                    _read_in(stage)
                    yield stage
        finally:
            services.stop(HOME)


def _with_our_dags(environment: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    def with_ours(**given: Any) -> dict[str, str]:
        return environment(**given) | {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES)}

    return with_ours


def _read_in(stage: Stage) -> None:
    """Everything once, by the ten-minute reads; then the lane, until it has told what follows."""
    airflow, since = stage.platform.airflow, stage.platform.started_at
    start, end = business_day(stage.day)
    for dag_id in (*EXTRACTIONS, LANE_DAG, FLOOR_DAG):
        airflow.wait_for_dag(dag_id, since=since, timeout_s=PARSE_TIMEOUT_S)
        airflow.unpause(dag_id)
    runs = {dag_id: airflow.trigger(dag_id, start=start, end=end) for dag_id in EXTRACTIONS}
    *_, states = airflow.follow(runs, timeout_s=RUN_TIMEOUT_S)
    assert all(one.state == "success" for one in states.values()), states
    settle(stage)
    stage.floor(2)


def settle(stage: Stage) -> None:
    """Wait until the lane has nothing left to do."""
    wait_until(partial(_all_told, stage), what="the lane has done what there is", give_up_s=RUN_TIMEOUT_S)


def _all_told(stage: Stage) -> bool:
    """Whether the lane has followed everything that landed and nothing is on its way; what must wait, may."""
    said = stage.rows(PROGRESS)
    time.sleep(5)
    return bool(said[0]["told"] and not said[0]["due"] and said == stage.rows(PROGRESS))


def spread(took: Sequence[float]) -> dict[str, Any]:
    """Percentiles by nearest rank, in seconds."""
    ordered = sorted(took)

    def at(share: float) -> float:
        return round(ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)], 4)

    return {
        "n": len(ordered),
        "p50": at(0.50),
        "p95": at(0.95),
        "p99": at(0.99),
        "max": round(ordered[-1], 4),
    }
