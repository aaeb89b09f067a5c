"""A name that leads elsewhere than its owner means: no byte of ours goes there, whoever answers for the name."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests

from include.connectors.reach import judged
from include.connectors.salesforce.session import guarded_session
from include.connectors.wire import NO_RETRIES, bounded_session
from include.ports import Fatal, Stop
from tests.connectors.test_elsewhere import ASKING, answering

Names = dict[str, list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Name -> the address it is at each question, the last one for ever; every other name is nobody's."""
    known: Names = {}
    whole = socket.getaddrinfo

    def asked(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if str(host) in known:
            addresses = known[str(host)]
            return whole(addresses.pop(0) if len(addresses) > 1 else addresses[0], port, *args, **named)
        return whole(host, port, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    return known


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that somebody tried to connect to; none is reached but this machine."""
    tried: list[str] = []
    whole = socket.socket.connect

    def connect(one: socket.socket, address: Any) -> None:
        tried.append(str(address[0]))
        if not str(address[0]).startswith("127."):
            raise ConnectionRefusedError("nobody is there in a test")
        whole(one, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


NOBODYS = {
    "the metadata of most clouds": "169.254.169.254",
    "the same as IPv6": "::ffff:169.254.169.254",
    "the same through a gateway": "64:ff9b::a9fe:a9fe",
    "the same within 6to4": "2002:a9fe:a9fe::1",
    "a neighbour": "fe80::1",
    "Amazon's over IPv6": "fd00:ec2::254",
    "that of its containers": "fd00:ec2::23",
    "Alibaba's": "100.100.100.200",
    "Azure's": "168.63.129.16",
    "this machine": "127.0.0.1",
    "another of its addresses": "127.8.8.8",
    "this machine as IPv6": "::1",
    "whatever this machine is": "0.0.0.0",  # noqa: S104  nobody listens
    "everybody": "224.0.0.1",
}


@pytest.mark.parametrize("address", NOBODYS.values(), ids=NOBODYS)
def test_a_name_that_is_such_an_address_is_not_called(
    names: Names, connected: list[str], address: str
) -> None:
    names["erp.example"] = [address]
    with pytest.raises(Fatal, match=r"erp\.example is .* here, .*; nothing is sent there"):
        bounded_session().get("http://erp.example/erp", timeout=5)
    assert connected == []


def test_salesforces_own_name_is_not_called_where_it_leads_to_a_machines_credentials(
    names: Names, connected: list[str]
) -> None:
    names["acme.my.salesforce.com"] = ["169.254.169.254"]
    with pytest.raises(Fatal, match="keeps a machine's credentials"):
        guarded_session().get("https://acme.my.salesforce.com/services/data", timeout=5)
    assert connected == []


@pytest.mark.parametrize("written", ["2130706433", "0x7f000001", "127.1"])
def test_this_machine_written_in_another_way_is_not_called(connected: list[str], written: str) -> None:
    with pytest.raises(Fatal, match="which is this machine"):
        bounded_session().get(f"http://{written}:9/", timeout=5)
    assert connected == []


def test_a_name_among_whose_addresses_is_a_forbidden_one_is_not_called_at_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("192.0.2.1", "169.254.1.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: found)
    with pytest.raises(Fatal, match=r"is 169\.254\.1\.1 here"):
        judged("erp.example", 80, secure=False)


def test_a_name_that_is_another_address_at_the_next_question_is_called_where_it_was_judged(
    names: Names, connected: list[str]
) -> None:
    """Judged by one answer and connected by the next, it would be the second one."""
    names["erp.example"] = ["192.0.2.7", "169.254.169.254"]
    with pytest.raises(requests.ConnectionError):
        bounded_session(NO_RETRIES).get("http://erp.example/erp", timeout=5)
    assert connected == ["192.0.2.7"]


def test_a_name_is_judged_again_whenever_it_is_connected_to_again(names: Names, connected: list[str]) -> None:
    names["erp.example"] = ["192.0.2.7", "169.254.169.254"]
    session = bounded_session(NO_RETRIES)
    with pytest.raises(requests.ConnectionError):
        session.get("http://erp.example/erp", timeout=5)
    with pytest.raises(Fatal):
        session.get("http://erp.example/erp", timeout=5)
    assert connected == ["192.0.2.7"]


def test_an_address_that_does_not_answer_leaves_the_next_one_of_the_name(
    monkeypatch: pytest.MonkeyPatch, connected: list[str]
) -> None:
    whole = socket.getaddrinfo

    def asked(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if host != "localhost":
            return whole(host, port, *args, **named)
        return [answer for one in ("192.0.2.7", "127.0.0.1") for answer in whole(one, port, *args, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    with answering(200, b"[]") as (address, here):
        port = address.rpartition(":")[2]
        answer = bounded_session().get(f"http://localhost:{port}/x", timeout=5)
        assert answer.content == b"[]"
    assert here == ["/x"]
    assert connected == ["192.0.2.7", "127.0.0.1"]


def test_private_addresses_are_called_for_there_an_erp_stands(names: Names, connected: list[str]) -> None:
    names["erp.example"] = ["10.1.2.3"]
    with pytest.raises(requests.ConnectionError):
        bounded_session(NO_RETRIES).get("http://erp.example/erp", timeout=5)
    assert connected == ["10.1.2.3"]


def test_across_the_internet_nothing_goes_by_plain_http(names: Names, connected: list[str]) -> None:
    names["erp.example"] = ["8.8.8.8"]
    with pytest.raises(Fatal, match="where plain http is read by anybody; nothing is sent there"):
        bounded_session(NO_RETRIES).get("http://erp.example/erp", timeout=5)
    assert connected == []
    with pytest.raises(requests.ConnectionError):
        bounded_session(NO_RETRIES).get("https://erp.example/erp", timeout=5)
    assert connected == ["8.8.8.8"]


def test_a_name_that_is_nobodys_may_be_somebodys_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_named: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(requests.ConnectionError, match="Name or service not known"):
        bounded_session(NO_RETRIES).get("http://erp.example/erp", timeout=5)


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_every_client_judges_where_it_connects(
    ask: Callable[[str], object], names: Names, connected: list[str]
) -> None:
    names["127.0.0.1"] = ["169.254.169.254"]  # as whoever answers for the name of each could say
    with pytest.raises(Stop):
        ask("http://127.0.0.1:9")
    assert connected == []
