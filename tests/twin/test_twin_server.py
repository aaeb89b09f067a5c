import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from include.twin.server import PortTaken, TwinKeys, TwinPorts, running
from include.twin.world import NoWorld

KEYS = TwinKeys("a", "b", "c", "d")
SERVE = """
from pathlib import Path
from include.twin.server import TwinKeys, TwinPorts, serve
serve(world=Path("."), mailbox=Path("mail"), ports=TwinPorts(), keys=TwinKeys("a", "b", "c", "d"))
"""


@pytest.mark.parametrize("system", ["salesforce", "erp", "payments", "mailbox"])
def test_every_system_says_it_is_well(twin_of: Callable[..., Any], system: str) -> None:
    reply = twin_of({}).get(system, "/healthz")
    assert (reply.status_code, reply.text) == (200, "ok\n")


def test_a_world_without_files_is_served_empty(twin_of: Callable[..., Any]) -> None:
    twin = twin_of({})
    assert twin.salesforce().query("SELECT Id FROM Account")["records"] == []
    assert twin.stripe().v1.charges.list().data == []


def test_open_connections_do_not_keep_the_twin_running(tmp_path: Path) -> None:
    with running(world=tmp_path, mailbox=tmp_path, keys=KEYS) as ports:
        talking = smtplib.SMTP("127.0.0.1", ports.smtp, timeout=30)
        idle = requests.Session()
        idle.get(f"http://127.0.0.1:{ports.erp}/healthz", timeout=30)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        talking.noop()
    talking.close()
    idle.close()


def test_a_taken_port_is_named(tmp_path: Path, twin_of: Callable[..., Any]) -> None:
    taken = twin_of({}).ports.erp
    with (
        pytest.raises(PortTaken, match=f"127.0.0.1:{taken} "),
        running(world=tmp_path, mailbox=tmp_path, keys=KEYS, ports=TwinPorts(payments=taken)),
    ):
        pass


def test_a_missing_world_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(NoWorld, match="nowhere"),
        running(world=tmp_path / "nowhere", mailbox=tmp_path, keys=KEYS),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_prints_each_address_once_and_ends_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as twin:
        assert twin.stdout
        lines = [twin.stdout.readline() for _ in range(6)]
        twin.send_signal(number)
        rest, _ = twin.communicate(timeout=60)
    assert [line.split()[0] for line in lines] == [
        "salesforce",
        "erp",
        "payments",
        "smtp",
        "mailbox",
        "control",
    ]
    assert all("://127.0.0.1:" in line for line in lines)
    assert (rest, twin.returncode) == ("", 0)
