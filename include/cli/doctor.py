"""`tieout doctor`: whether everything we speak to is there, lets us in, and lets us do what we must and no more."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.local.home import PROJECT, Home, SetUpFailed

if TYPE_CHECKING:
    from include.domain.diagnosis import Finding

EXIT_ILL = 1
EXIT_UNASKED = 2
SETTINGS_FILE = PROJECT / "airflow_settings.yaml"
_MARKS = {"ok": "green", "skip": "dim", "warn": "yellow", "fail": "red"}


def doctor(
    *,
    settings: Annotated[
        Path | None,
        typer.Option(
            help="The connections, as in airflow_settings.yaml; AIRFLOW_CONN_* variables win over the file."
        ),
    ] = None,
    from_airflow: Annotated[
        bool,
        typer.Option(
            "--from-airflow", help="Instead: those of Airflow's database; run it where Airflow runs."
        ),
    ] = False,
    airflow: Annotated[
        str,
        typer.Option(envvar="AIRFLOW__API__BASE_URL", help="Where Airflow answers; by default the one here."),
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as failures.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Check every connection, API version, permission, external id, clock and limit, and say how to mend each.

    Exit codes: 0 all is well, or with warnings alone; 1 something is wrong; 2 nothing could be asked.

    Example: tieout doctor --json
    """
    home = Home.from_environment()
    try:
        if from_airflow:
            # Airflow's word for a process that may read its database.
            os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
            address = airflow
        else:
            address = _prepare(home, settings or SETTINGS_FILE, airflow)
    except SetUpFailed as problem:
        typer.echo(
            f"tieout: {problem}. Start the platform (make up), or name the systems in the environment (.env.example)",
            err=True,
        )
        raise SystemExit(EXIT_UNASKED) from None
    findings = _ask(address, quiet=as_json)
    _show(findings, as_json=as_json)
    bad = {"fail", "warn"} if strict else {"fail"}
    if any(one.answer.verdict in bad for one in findings):
        raise SystemExit(EXIT_ILL)


def _prepare(home: Home, settings: Path, airflow: str) -> str:
    """Let Airflow find the connections of the settings; where its API answers. Raises SetUpFailed."""
    from include.local import services
    from include.local.airflow_settings import read_settings

    values: Mapping[str, str] = {}
    if ports := services.running_ports(home):
        from include.local.postgres import server
        from include.local.secrets import load_secrets

        with server(home) as urls:  # the platform's own lease keeps it running afterwards
            values = services.connection_values(urls=urls, ports=ports, secrets=load_secrets(home))
        airflow = airflow or ports.airflow_address
    os.environ.setdefault("AIRFLOW_HOME", str(home.airflow))
    # The file's connections are all there is: nobody is asked who is not there.
    read = read_settings(settings, values=values)
    for name, value in _as_variables(read.connections, read.variables):
        os.environ.setdefault(name, value)
    return airflow


def _as_variables(
    connections: Sequence[Mapping[str, Any]], variables: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    for one in connections:
        facts = {name: value for name, value in one.items() if name != "connection_id" and value is not None}
        if "extra" in facts:
            facts["extra"] = json.loads(facts["extra"])
        yield f"AIRFLOW_CONN_{one['connection_id'].upper()}", json.dumps(facts)
    for one in variables:
        yield f"AIRFLOW_VAR_{one['key'].upper()}", str(one["value"])


def _ask(airflow: str, *, quiet: bool) -> "list[Finding]":
    from rich.console import Console

    from include.flows.diagnose import diagnose
    from include.wiring.doctor import systems

    with Console(stderr=True, quiet=quiet).status("starting") as status:
        return diagnose(
            systems(airflow=airflow), tell=lambda system, check: status.update(f"{system}: {check}")
        )


def _show(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    if as_json:
        facts = [
            {
                "system": one.system,
                "check": one.check,
                "verdict": str(one.answer.verdict),
                "said": one.answer.said,
                "mend": one.answer.mend,
            }
            for one in findings
        ]
        typer.echo(json.dumps({"findings": facts}, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("system", "check", "", "found")
    for one in findings:
        said = Text(one.answer.said)
        if one.answer.mend:
            said.append(f"\nto mend: {one.answer.mend}", style="bold")
        mark = Text(one.answer.verdict, style=_MARKS[one.answer.verdict])
        table.add_row(one.system, one.check, mark, said)
    Console().print(table)
