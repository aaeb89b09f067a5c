"""What `make hosts` is made of, as far as it needs no hosts: who is told what, the relay, and its table."""

import socket
import subprocess
import sys
from contextlib import closing

import pytest

from include.local.home import PROJECT
from include.local.processes import wait_for
from tests.bench import hosts, network
from tests.dags.test_dags import POOLS

LOCALLY = hosts.Day("LocalExecutor", 80_000, 60.0, 40.0, {"here": 16}, {"certificates": ["a"]})


def test_a_machine_that_cannot_have_hosts_is_told_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(network, "NEEDED", ("no-such-program",))
    assert hosts.run(seed=1, size=10, counts=[1]) == 1
    assert "hosts: no-such-program not found: install" in capsys.readouterr().err
    monkeypatch.setattr(network, "NEEDED", ())
    monkeypatch.setattr(network.os, "geteuid", lambda: 1000)
    assert "run it as root" in network.why_no_hosts()


def test_workers_take_the_queues_of_all_pools() -> None:
    assert set(hosts.queues()) == POOLS | {"default"}


def test_hosts_have_names_and_addresses_of_their_own() -> None:
    one, two = network.Host(1), network.Host(2)
    assert len({one.name, two.name, one.cable, two.cable}) == 4
    assert one.address != two.address != network.US


def test_the_relay_carries_what_comes_to_one_address_to_another_and_back() -> None:
    with closing(socket.create_server(("127.0.0.2", 0))) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-m", "tests.bench.relay", "127.0.0.1", "127.0.0.2", port]
        with subprocess.Popen(command, cwd=PROJECT) as relay:
            assert wait_for(lambda: _listens(int(port)), timeout_s=20)
            server.accept()[0].close()
            with (
                socket.create_connection(("127.0.0.1", int(port))) as asks,
                closing(server.accept()[0]) as told,
            ):
                asks.sendall(b"a question")
                asks.shutdown(socket.SHUT_WR)
                assert told.makefile("rb").read() == b"a question"
                told.sendall(b"its answer")
                told.close()
                assert asks.makefile("rb").read() == b"its answer"
            relay.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_day_that_came_to_something_else_says_so_in_the_table() -> None:
    other = hosts.Day(
        "workers: 2", 80_000, 40.0, 40.0, {"w1": 9, "w2": 7}, {}, wrong="certificates: b and not a"
    )
    *_, local, said = hosts.as_table([LOCALLY, other]).splitlines()
    assert local == "| LocalExecutor | 60 | 40 | 800 | yes | here 16 |"
    assert said == "| workers: 2 | 40 | 40 | 1,000 | certificates: b and not a | w1 9, w2 7 |"
