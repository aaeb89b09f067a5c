"""A real ERP here: Tryton in an environment of its own, its database on an embedded Postgres of its own.

    python -m include.local.erp start | stop | status

The first start installs Tryton's modules and a company into the database `erp_template`, about two minutes;
`erp`, and any database of a test, is a copy of it. All of it lies below var/erp.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import psycopg
from psycopg import sql

from include.local.databases import CONNECT_TIMEOUT_S, DatabaseUrls
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.ports import hand_over_ports, reserve_ports
from include.local.postgres import server
from include.local.processes import exclusive, wait_for
from include.local.progress import Say, StepFailed, Steps
from include.local.secrets import load_secrets
from include.local.supervision import Program, halt, launch, program_log, supervisor
from include.local.tryton import MODULE, conf_text, copy_module, install, site_packages

PREFERRED_PORT = 8469
SERVE_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
TEMPLATE, WORKING = "erp_template", "erp"
THREADS = "4"


@dataclass(frozen=True, repr=False)
class RunningErp:
    """A running Tryton: its address, its REST key, and for JSON-RPC its user's password; hence no repr."""

    address: str
    key: str
    user: str
    password: str
    home: Home

    @contextmanager
    def copy(self, name: str) -> Iterator["RunningErp"]:
        """A fresh copy of the template with a server of its own, for a few seconds; both end with the block.

        Tryton remembers for minutes which databases there are, so the running server would not find a new one.
        """
        with psycopg.connect(self.admin_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as admin:
            _copy_database(admin, name)
            port = reserve_ports({"tryton": PREFERRED_PORT + 1})["tryton"]
            environment = _serving(self.home.run / "trytond.conf", name)
            log = (self.home.logs / "tryton-copy.log").open("a")
            with (
                log,
                subprocess.Popen(
                    _waitress(port), env=environment, cwd="/", stdout=log, stderr=log
                ) as process,
            ):
                try:
                    address = f"http://127.0.0.1:{port}/{name}"
                    if not wait_for(lambda: _answers(address), timeout_s=SERVE_TIMEOUT_S, every_s=0.2):
                        raise SetUpFailed("Tryton does not answer", log=Path(log.name))
                    yield replace(self, address=address)
                finally:
                    process.terminate()
                    process.wait(timeout=STOP_TIMEOUT_S)
                    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                    admin.execute(drop.format(sql.Identifier(name)))

    @property
    def admin_url(self) -> str:
        """The database server, with its password."""
        return (self.home.run / "erp.admin").read_text()


def erp_home(home: Home) -> Home:
    """The ERP is another system: it has its own server, secrets and logs."""
    return Home(home.root / "erp")


def environment_python() -> Path:
    """The Python of Tryton's environment, which `make erp` makes."""
    return PROJECT / "var" / "erp" / "venv" / "bin" / "python"


def start(home: Home, steps: Steps) -> str:
    """Set up what is absent, and serve; the database's address. Raises StepFailed."""
    with exclusive(home.run / "erp.lock"), steps.step("Postgres for the ERP"), server(home) as urls:
        with steps.step("Tryton's modules and a company") as say:
            _ensure_template(home, urls, say)
        with steps.step("Tryton") as say:
            if not supervisor(home):
                _serve(home, urls)
            address = _address(home)
            if not wait_for(lambda: _answers(f"{address}/{WORKING}"), timeout_s=SERVE_TIMEOUT_S, every_s=0.2):
                raise SetUpFailed("Tryton does not answer", log=program_log(home, "tryton"))
            say(f"{address}/{WORKING}")
    return f"{address}/{WORKING}"


def running(home: Home) -> RunningErp | None:
    """The ERP that `make erp` started; None when it does not run."""
    if not supervisor(home):
        return None
    secrets = load_secrets(home)
    address = f"{_address(home)}/{WORKING}"
    return RunningErp(address, secrets.erp_key, "tieout", secrets.operator_password, home)


def _ensure_template(home: Home, urls: DatabaseUrls, say: Say) -> None:
    """The template holds what this version of our module and set-up makes, and is made anew when they change."""
    wanted = _fingerprint()
    with psycopg.connect(urls.admin, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as admin:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        found = admin.execute(query, (TEMPLATE,)).fetchone()
        if found and found[0] == wanted:
            return
        halt(home)  # its server holds the old module
        for name in (WORKING, TEMPLATE):
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        copy_module(environment_python())
        conf = _write_conf(home, urls)
        secrets = load_secrets(home)
        install(environment_python(), conf, TEMPLATE, secrets=secrets, log=home.logs / "setup.log", say=say)
        admin.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(TEMPLATE), sql.Literal(wanted))
        )


def _serve(home: Home, urls: DatabaseUrls) -> None:
    with psycopg.connect(urls.admin, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as admin:
        exists = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (WORKING,)).fetchone()
        if not exists:
            _copy_database(admin, WORKING)
    copy_module(environment_python())  # the environment may be newer than the template
    conf = _write_conf(home, urls)
    chosen = reserve_ports({"tryton": PREFERRED_PORT})
    (home.run / "ports.json").write_text(json.dumps(chosen))
    postgres = [sys.executable, "-m", "include.local.postgres"]
    process = launch(
        home,
        programs=[
            # Not guarded: it lets go of its lease by itself.
            Program(name="postgres", group="database", command=postgres, guarded=False),
            Program(name="tryton", group="servers", command=_waitress(chosen["tryton"])),
        ],
        environment=_serving(conf, WORKING) | {"PYTHONPATH": str(PROJECT), "TIEOUT_HOME": str(home.root)},
    )
    hand_over_ports(chosen, process)


def _waitress(port: int) -> list[str]:
    program = str(environment_python().with_name("waitress-serve"))
    return [
        *(program, "--host", "127.0.0.1", "--port", str(port), "--threads", THREADS),
        "trytond.application:app",
    ]


def _serving(conf: Path, database: str) -> dict[str, str]:
    """A bare environment: what is secret in ours stays here."""
    tryton = {"TRYTOND_CONFIG": str(conf), "TRYTOND_DATABASE_NAMES": database}
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", **tryton}


def _copy_database(admin: psycopg.Connection, name: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))


def _write_conf(home: Home, urls: DatabaseUrls) -> Path:
    """Tryton's configuration, which holds a password and is readable by its owner alone."""
    conf, admin = home.run / "trytond.conf", home.run / "erp.admin"
    for path, text in ((conf, conf_text(urlsplit(urls.admin))), (admin, urls.admin)):
        path.touch(mode=0o600)
        path.write_text(text)
    return conf


def _fingerprint() -> str:
    """What the template's content depends on: our module with its set-up, and Tryton's own version."""
    parts = [
        path.read_bytes() for path in sorted(MODULE.rglob("*")) if path.suffix in {".py", ".xml", ".cfg"}
    ]
    parts += [
        name.name.encode() for name in sorted(site_packages(environment_python()).glob("tryton*.dist-info"))
    ]
    parts.append(str(time.gmtime().tm_year).encode())  # the years it opens
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _address(home: Home) -> str:
    return f"http://127.0.0.1:{json.loads((home.run / 'ports.json').read_text())['tryton']}"


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/rest/model/res.user", timeout=30):  # noqa: S310  it is ours, by http
            return False
    except HTTPError as refused:
        return refused.code == 401  # noqa: PLR2004  it is up, and asks who we are
    except (URLError, OSError):
        return False


def main(command: str) -> int:
    home = erp_home(Home.from_environment())
    if command == "stop":
        print("the ERP is stopped" if halt(home) else "the ERP was not running")
        return 0
    if command == "status":
        found = running(home)
        print(found.address if found else "the ERP is not running")
        return 0 if found else 1
    if not environment_python().exists():
        print("Tryton is not installed; run: make erp", file=sys.stderr)
        return 1
    try:
        address = start(home, Steps(crash_log=home.logs / "erp-crash.log"))
    except StepFailed:
        return 1
    print(f"ERP: {address}   key: {home.secrets} (erp_key)   stop it with: make erp-down")
    return 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["start"])))
