"""The platform here: Postgres, the twin, Airflow's processes and the webhooks' door, started, watched and stopped."""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from include.local.airflow_api import health
from include.local.airflow_env import airflow_environment
from include.local.databases import DatabaseUrls
from include.local.home import Home, SetUpFailed
from include.local.ports import hand_over_ports, reserve_ports
from include.local.secrets import Secrets, load_secrets
from include.local.supervision import Program, halt, launch, program_log, states, supervisor

HEALTHY_TIMEOUT_S = 600.0
AIRFLOW_WORKERS = {
    # One machine: the API server reads the logs from disk, and nobody has to serve them on another port.
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
BEATING_PARTS = ("scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the platform; these are the preferred ones."""

    airflow: int = 8080
    salesforce: int = 8461
    erp: int = 8462
    payments: int = 8463
    smtp: int = 8465
    mailbox: int = 8466
    webhooks: int = 8467

    @property
    def airflow_address(self) -> str:
        return f"http://127.0.0.1:{self.airflow}"


def start(home: Home, *, urls: DatabaseUrls, world: Path, leashed: bool = False) -> Ports:
    """Start everything and return at once; leashed, it ends with the calling thread, however that ends.

    Needs a running database server: the caller holds a lease until the platform holds its own. Raises
    SetUpFailed when the platform is running already.
    """
    if supervisor(home):
        raise SetUpFailed(f"the platform of {home.root} is running already; stop it with: make down")
    chosen = reserve_ports(asdict(Ports()))
    ports = Ports(**chosen)
    _ports_file(home).write_text(json.dumps(asdict(ports)))
    secrets = load_secrets(home)
    environment = airflow_environment(home=home, urls=urls, secrets=secrets, port=ports.airflow)
    if leashed:  # a demo runs the day it was asked for; its world has no yesterday
        environment["TIEOUT_SCHEDULE"] = "off"
        # Nobody edits its DAGs either. Read again every ten seconds, they cost as much as all of its tasks.
        environment["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "3600"
    process = launch(
        home,
        programs=_programs(world),
        environment={
            **environment,
            **twin_environment(ports, secrets),
            "TIEOUT_WEBHOOKS_PORT": str(ports.webhooks),
        },
        leashed=leashed,
    )
    hand_over_ports(chosen, process)
    return ports


def stop(home: Home) -> bool:
    """Stop the platform; False when it was not running."""
    return halt(home)


def status(home: Home) -> dict[str, str]:
    """Each program's state by name; empty when the platform is not running."""
    return states(home)


def running_ports(home: Home) -> Ports | None:
    """The ports of the running platform."""
    if not supervisor(home):
        return None
    return Ports(**json.loads(_ports_file(home).read_text()))


def twin_environment(ports: Ports, secrets: Secrets) -> dict[str, str]:
    """What `tieout world serve` reads: its ports, and keys that must not stand in a command line."""
    return {
        "TIEOUT_TWIN_SALESFORCE_PORT": str(ports.salesforce),
        "TIEOUT_TWIN_ERP_PORT": str(ports.erp),
        "TIEOUT_TWIN_PAYMENTS_PORT": str(ports.payments),
        "TIEOUT_TWIN_SMTP_PORT": str(ports.smtp),
        "TIEOUT_TWIN_MAILBOX_PORT": str(ports.mailbox),
        "TIEOUT_TWIN_SALESFORCE_CLIENT_ID": secrets.salesforce_client_id,
        "TIEOUT_TWIN_SALESFORCE_CLIENT_SECRET": secrets.salesforce_client_secret,
        "TIEOUT_TWIN_ERP_KEY": secrets.erp_key,
        "TIEOUT_TWIN_PAYMENTS_KEY": secrets.payments_key,
    }


def connection_values(
    *, urls: DatabaseUrls, ports: Ports, secrets: Secrets, anchors: str = ""
) -> dict[str, str]:
    """What fills the placeholders of airflow_settings.yaml: our database, the twin as the outside world.

    `anchors`: the folder in which the audit log's newest seals are kept; empty: none.
    """
    return {
        "TIEOUT_DATABASE_URL": urls.app,
        "TIEOUT_AIRFLOW_DATABASE_URL": urls.airflow,
        "TIEOUT_SALESFORCE_URL": f"http://127.0.0.1:{ports.salesforce}",
        "TIEOUT_SALESFORCE_DOMAIN": "tieout-twin",
        "TIEOUT_SALESFORCE_CONSUMER_KEY": secrets.salesforce_client_id,
        "TIEOUT_SALESFORCE_CONSUMER_SECRET": secrets.salesforce_client_secret,
        "TIEOUT_SALESFORCE_USERNAME": "",
        "TIEOUT_SALESFORCE_PRIVATE_KEY_FILE": "",
        "TIEOUT_SALESFORCE_FLOW": "",
        "TIEOUT_ERP_URL": f"http://127.0.0.1:{ports.erp}",
        "TIEOUT_ERP_KEY": secrets.erp_key,
        "TIEOUT_PAYMENTS_URL": f"http://127.0.0.1:{ports.payments}",
        "TIEOUT_PAYMENTS_KEY": secrets.payments_key,
        "TIEOUT_PAYMENTS_WEBHOOK_SECRET": secrets.payments_webhook_secret,
        "TIEOUT_VAULT_KEYS": secrets.vault_keys,
        "TIEOUT_BANK_FOLDER": "",
        "TIEOUT_LEGACY_FOLDER": "",
        "TIEOUT_FX_RATES": "",
        "TIEOUT_MAIL_HOST": "127.0.0.1",
        "TIEOUT_MAIL_PORT": str(ports.smtp),
        "TIEOUT_MAIL_LOGIN": "",
        "TIEOUT_MAIL_PASSWORD": "",
        "TIEOUT_MAIL_FROM": "tieout@tieout.localhost",
        "TIEOUT_MAIL_PLAIN": "true",
        "TIEOUT_FINANCE_RECIPIENTS": "finance@tieout.localhost",
        "TIEOUT_ALERT_RECIPIENTS": "oncall@tieout.localhost",
        "TIEOUT_ALERTS_WEBHOOK": "",
        "TIEOUT_ALERTS_PING": "",
        "TIEOUT_AUDIT_SEED": secrets.audit_seed,
        "TIEOUT_AUDIT_ANCHORS": anchors,
    }


def wait_until_healthy(
    home: Home,
    *,
    ports: Ports,
    since: datetime,
    waiting_for: Callable[[str], None] = lambda _names: None,
    timeout_s: float = HEALTHY_TIMEOUT_S,
) -> None:
    """Wait for every part to work; `waiting_for` is told which are still missing.

    A heartbeat counts only when it is later than `since`, the time of this start: Airflow calls a part
    healthy for half a minute after its last sign of life. Raises SetUpFailed, with the log, when a part gives
    up.
    """
    deadline = time.monotonic() + timeout_s
    while missing := list(_missing(home, ports, since)):
        waiting_for(", ".join(missing))
        _refuse_fatal(home)
        if time.monotonic() > deadline:
            raise SetUpFailed(
                f"{missing[0]} did not work within {timeout_s:.0f} s", log=program_log(home, missing[0])
            )
        time.sleep(0.3)


def _programs(world: Path) -> list[Program]:
    python = sys.executable
    tieout = str(Path(python).with_name("tieout"))
    programs = [
        Program(name="twin", group="servers", command=[tieout, "world", "serve", str(world)]),
        Program(name="api-server", group="servers", command=[python, "-m", "airflow", "api-server"]),
        Program(name="webhooks", group="servers", command=[tieout, "webhooks", "serve"]),
    ]
    # Stopped first: their last words, and those of tasks that end with them, go to the API server.
    programs += [
        Program(name=part, group="workers", command=[python, "-m", "airflow", part, *options])
        for part, options in AIRFLOW_WORKERS.items()
    ]
    if os.environ.get("TIEOUT_DATABASE_URL"):
        return programs
    # Not guarded: it lets go of its lease by itself, and its server may have other users.
    holder = Program(
        name="postgres", group="database", command=[python, "-m", "include.local.postgres"], guarded=False
    )
    return [holder, *programs]


def _missing(home: Home, ports: Ports, since: datetime) -> Iterator[str]:
    if states(home).get("postgres", "RUNNING") != "RUNNING":
        yield "postgres"
    twin = (ports.salesforce, ports.erp, ports.payments, ports.smtp, ports.mailbox)
    if not all(_listens(port) for port in twin):
        yield "twin"
    if not _listens(ports.webhooks):
        yield "webhooks"
    parts = health(ports.airflow_address)
    if not parts:
        yield "api-server"
        return
    for part in BEATING_PARTS:
        beat = parts[part][f"latest_{part}_heartbeat"]
        if parts[part]["status"] != "healthy" or not beat or _instant(beat) <= since:
            yield part.replace("_", "-")


def _refuse_fatal(home: Home) -> None:
    found = states(home)
    if not found:
        raise SetUpFailed("the platform ended while it was starting", log=home.logs / "supervisord.log")
    for name, state in found.items():
        if state == "FATAL":
            raise SetUpFailed(f"{name} does not start", log=program_log(home, name))


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ports_file(home: Home) -> Path:
    return home.run / "ports.json"
