"""Tryton's own programs, run in its own environment: nothing of it is imported here."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TextIO
from urllib.parse import SplitResult

from include.local.home import PROJECT, SetUpFailed
from include.local.progress import Say
from include.local.secrets import Secrets

MODULE = PROJECT / "include" / "tryton_module"
"""What we add to Tryton; it is installed there under the name `tieout`."""

MODULES = (
    *("party", "product", "account", "account_invoice", "sale", "sale_subscription"),
    *("account_payment", "account_payment_clearing", "account_dunning", "account_statement", "tieout"),
)
SETUP_TIMEOUT_S = 1_200
_LOADED = re.compile(r"\b(\w+) load$")


def site_packages(python: Path) -> Path:
    """Where an environment keeps its packages."""
    return next((python.parents[1] / "lib").glob("python3*")) / "site-packages"


def copy_module(python: Path) -> None:
    """Put our module where Tryton looks for modules."""
    place = site_packages(python) / "trytond" / "modules" / "tieout"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(MODULE, place, ignore=shutil.ignore_patterns("__pycache__"))


def conf_text(server: SplitResult) -> str:
    """Tryton's configuration for a database server."""
    return f"[database]\nuri = {server._replace(path='/').geturl()}\nlanguage = en\n"


def install(python: Path, conf: Path, database: str, *, secrets: Secrets, log: Path, say: Say) -> None:
    """Initialise a database and fill it. Raises SetUpFailed with the log."""
    password = conf.with_name("admin.password")
    password.touch(mode=0o600)
    password.write_text(secrets.admin_password)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    initialise = [
        *(str(python.with_name("trytond-admin")), "-vv", "-c", str(conf), "-d", database),
        *("--email", "admin@erp.localhost", "-u", *MODULES, "--activate-dependencies"),
    ]
    fill = [str(python), str(MODULE / "setup_company.py"), str(conf), database]
    with log.open("w") as output:
        _run(initialise, {**environment, "TRYTONPASSFILE": str(password)}, output=output, say=say)
        say("company, chart of accounts, years, taxes, products")
        keys = {
            "TRYTOND_CONFIG": str(conf),
            "TIEOUT_ERP_KEY": secrets.erp_key,
            "TIEOUT_ERP_PASSWORD": secrets.operator_password,
        }
        _run(fill, {**environment, **keys}, output=output, say=say)


def _run(command: list[str], environment: dict[str, str], *, output: TextIO, say: Say) -> None:
    with subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            output.write(line)
            if module := _LOADED.search(line.rstrip()):
                say(f"module {module[1]}")
    output.flush()
    if process.returncode:
        raise SetUpFailed(f"{Path(command[0]).name} failed", log=Path(output.name))
