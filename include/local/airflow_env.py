"""The environment in which Airflow and its tasks run here, and Airflow's first set-up."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from include.local.databases import DatabaseUrls, read_note, write_note
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.secrets import Secrets

SET_UP_TIMEOUT_S = 300
ROLES_VERSION = "console roles 1"
"""Changes when the roles of include/console/permissions.py do: they are then made anew where a platform stands."""
GUARDED = (sys.executable, "-S", "-m", "include.local.guard")
"""Runs a program that ends with us, whatever ends us."""

PATIENCE = {"WORKERS__MAX_FAILED_HEARTBEATS": "20", "WORKERS__EXECUTION_API_TIMEOUT": "15"}
"""A task outlives an API server that is slow or started anew: by default three heartbeats without an answer end it
(apache/airflow#73244).
"""


def airflow_environment(*, home: Home, urls: DatabaseUrls, secrets: Secrets, port: int) -> dict[str, str]:
    """Our own environment with Airflow's settings: LocalExecutor, metadata in Postgres, FAB users, UTC.

    Inherited AIRFLOW settings are dropped: they belong to another Airflow.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))
    }
    return {
        **inherited,
        "AIRFLOW_HOME": str(home.airflow),
        "GX_ANALYTICS_ENABLED": "false",
        "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "PYTHONPATH": str(PROJECT),
        "TIEOUT_DATABASE_URL": urls.app,
        "TIEOUT_HOME": str(home.root),
        # A line of JSON for each step of an event, in the log of its task.
        "TIEOUT_LOG_STEPS": os.environ.get("TIEOUT_LOG_STEPS", "on"),
        "TZ": "UTC",
        **{f"AIRFLOW__{name}": value for name, value in _settings(home, urls, secrets, port).items()},
    }


def set_up_airflow(*, environment: dict[str, str], secrets: Secrets, log: Path) -> None:
    """Create or migrate Airflow's tables, its administrator with today's password, and the console's roles."""
    _airflow("db", "migrate", environment=environment, log=log)
    account = ["--username", "admin"]
    person = [
        "--role",
        "Admin",
        "--firstname",
        "Tieout",
        "--lastname",
        "Admin",
        "--email",
        "admin@tieout.localhost",
    ]
    password = secrets.admin_password
    made = _airflow("users", "create", *account, *person, environment=environment, log=log, password=password)
    if "already exist" in made:
        _airflow("users", "reset-password", *account, environment=environment, log=log, password=password)
    _run("include.console.roles", environment=environment, log=log)


def is_set_up(*, urls: DatabaseUrls, secrets: Secrets) -> bool:
    """Whether tables and people are there already, made by these versions and with these passwords."""
    return read_note(urls.airflow) == _set_up_note(secrets)


def note_set_up(*, urls: DatabaseUrls, secrets: Secrets) -> None:
    """Note on Airflow's database that tables and people are there; the note ends with the database."""
    write_note(urls.airflow, _set_up_note(secrets))


def _set_up_note(secrets: Secrets) -> str:
    passwords = (
        secrets.admin_password,
        secrets.operator_password,
        secrets.finance_password,
        secrets.controller_password,
    )
    versions = (version("apache-airflow"), version("apache-airflow-providers-fab"), ROLES_VERSION)
    known = "\0".join([*versions, *passwords])
    return f"set up by Tieout: {hashlib.sha256(known.encode()).hexdigest()}"


def _settings(home: Home, urls: DatabaseUrls, secrets: Secrets, port: int) -> dict[str, str]:
    address = f"http://127.0.0.1:{port}"
    return {
        "API__BASE_URL": address,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__SECRET_KEY": secrets.api_secret_key,
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "CORE__DEFAULT_TIMEZONE": "utc",
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__FERNET_KEY": secrets.fernet_key,
        # The default asks DNS for our name, which takes seconds where there is none.
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        "CORE__PARALLELISM": "8",
        "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "CORE__XCOM_BACKEND": "include.wiring.xcom.PlainXCom",
        # An edited file is seen by its age, at once; reading all of them every ten seconds took an eighth of a core.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DATABASE__SQL_ALCHEMY_CONN": _with_driver(urls.airflow, "psycopg2"),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": _with_driver(urls.airflow, "psycopg"),
        "LOGGING__BASE_LOG_FOLDER": str(home.logs / "tasks"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "LOGGING__JSON_LOGS": "True",
        **_told(os.environ),
        # Idle, the scheduler looks five times a second: 8 % of a core for a start 0.7 s sooner.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        **PATIENCE,
    }


def _told(around: Mapping[str, str]) -> dict[str, str]:
    """Where the environment names a collector, or a StatsD server (TIEOUT_STATSD=host:port), Airflow tells it too."""
    host, _, port = around.get("TIEOUT_STATSD", "").partition(":")
    if host:
        return {
            "METRICS__STATSD_ON": "True",
            "METRICS__STATSD_HOST": host,
            "METRICS__STATSD_PORT": port or "8125",
        }
    if around.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return {"METRICS__OTEL_ON": "True", "METRICS__LEGACY_NAMES_ON": "False", "TRACES__OTEL_ON": "True"}
    return {}


def _with_driver(url: str, driver: str) -> str:
    return url.replace("postgresql://", f"postgresql+{driver}://", 1)


def _airflow(*arguments: str, environment: dict[str, str], log: Path, password: str = "") -> str:
    """Run the Airflow command; a password goes over its standard input, since others can read arguments."""
    return _run("airflow", *arguments, environment=environment, log=log, password=password)


def _run(module: str, *arguments: str, environment: dict[str, str], log: Path, password: str = "") -> str:
    try:
        done = subprocess.run(
            [*GUARDED, str(log.with_suffix(".pid")), sys.executable, "-m", module, *arguments],
            env=environment,
            cwd=PROJECT,
            input=f"{password}\n{password}\n" if password else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Without a terminal of its own it cannot ask there instead.
            start_new_session=True,
            timeout=SET_UP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SetUpFailed(
            f"{' '.join([module, *arguments[:1]])} did not end within {SET_UP_TIMEOUT_S} s", log=log
        ) from None
    with log.open("a") as file:
        file.write(done.stdout)
    if done.returncode:
        raise SetUpFailed(
            f"{' '.join([module, *arguments[:2]])} failed with exit code {done.returncode}", log=log
        )
    return done.stdout
