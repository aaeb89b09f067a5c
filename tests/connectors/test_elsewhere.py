"""A system that points elsewhere, or answers without an end: nobody else is asked with our keys; memory stays ours."""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from simple_salesforce.api import Salesforce

from include.connectors import wire
from include.connectors.ecb.client import RatesAddress
from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.session import guarded_session
from include.connectors.salesforce.writer import SalesforceWriter
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.source import StripeSource
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.wizards import TrytonWizards
from include.ports import Stop
from tests.connectors.test_alert_channels import BULLETIN, herald_at
from tests.fuzz import peers
from tests.naughty import ALL
from tests.serving import Answers, serving

DATE = "Mon, 05 Jan 2026 04:10:00 GMT"


@contextmanager
def answering(
    status: int, body: bytes = b"", broken: str = "", **headers: str
) -> Iterator[tuple[str, list[str]]]:
    """An HTTP server with one answer, and what it was asked. `broken`: of which paths it says 500."""
    asked: list[str] = []

    class Handler(Answers):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.path)
            fails = bool(broken) and re.search(broken, self.path)
            self.send_response(500 if fails else status)
            for name, value in {"Date": DATE, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(0 if fails else len(body)))
            self.end_headers()
            self.wfile.write(b"" if fails else body)

        def send_header(self, keyword: str, value: str) -> None:
            if keyword != "Date" or value == DATE:
                super().send_header(keyword, value)

    with serving(Handler) as address:
        yield address, asked


def crm(address: str) -> SalesforceClient:
    return SalesforceClient(
        lambda: Salesforce(
            session_id="k", instance="twin.my.salesforce.com", session=guarded_session(address)
        )
    )


def erp(address: str) -> TrytonClient:
    return TrytonClient(f"{address}/erp", key="k", company=1)


def payments(address: str) -> StripePayments:
    return StripePayments("sk_test", address=address)


def _written(address: str) -> None:
    [one] = SalesforceWriter(crm(address)).upsert(
        "accounts", [{"id": "001000000000001", "erp_customer_id": "C1"}]
    )
    if one.stop:
        raise one.stop


ASKING: dict[str, Callable[[str], object]] = {
    "Salesforce is read": lambda at: crm(at).query("SELECT Id FROM Account"),
    "Salesforce is written to": _written,
    "the ERP is read": lambda at: erp(at).search(
        "party.party", domain=[], fields=["id"], order=["id"], size=1
    ),
    "the ERP is written to": lambda at: erp(at).create("party.party", {"name": "x"}, fields=["id"]),
    "the ERP says its series": lambda at: erp(at).series(),
    "a wizard of the ERP runs": lambda at: TrytonWizards(f"{at}/erp", user="u", password="p").run(
        "w", model="m", records=[1], company=1
    ),
    "payments are read": lambda at: StripeSource(payments(at), zone=ZoneInfo("UTC")).fetch_page(
        "payments", None
    ),
    "a payment is looked at": lambda at: payments(at).object("charges", "ch_1"),
    "a payment is made": lambda at: payments(at).create("payment_intents", {"amount": 1}, key="k"),
    "an alert is told": lambda at: herald_at(f"{at}/services/T0/B0/key").tell(BULLETIN),
    "rates are read": lambda at: RatesAddress(f"{at}/eurofxref-daily.xml").documents(),
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stripe.HTTPClient._sleep_time_seconds", lambda *_: 0)
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_args, **_named: None)


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_whoever_answers_with_another_address_is_not_followed_there(
    ask: Callable[[str], object], status: int
) -> None:
    with answering(200, b"[]") as (elsewhere, asked):
        with (
            answering(status, Location=f"{elsewhere}/latest/meta-data/") as (address, _),
            pytest.raises(Stop),
        ):
            ask(address)
        assert asked == []


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_nobody_is_sent_what_a_file_of_this_machine_says_of_its_host(
    ask: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent: list[str] = []

    class Handler(Answers):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent.append(self.headers.get("Authorization") or "")
            self.send_error(400)

    with serving(Handler) as address, pytest.raises(Stop):
        ask(address)
    assert sent
    assert base64.b64encode(b"somebody:else").decode() not in " ".join(sent)


def test_a_broken_erp_that_points_elsewhere_is_not_asked_there_what_it_knows() -> None:
    with answering(200, b"{}") as (elsewhere, asked):
        with (
            answering(307, broken=r"party\.party\?", Location=f"{elsewhere}/latest/") as (address, here),
            pytest.raises(Stop, match="500"),
        ):
            erp(address).search("party.party", domain=[], fields=["id"], order=["id"], size=1)
        assert any(path.endswith("/fields_get") for path in here)
        assert asked == []


PACKED = gzip.compress(b'{"data": ["' + b"0" * 2**22 + b'"]}')


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_an_answer_that_unpacks_to_more_than_any_page_is_left(
    ask: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", 2**20)
    monkeypatch.setattr("include.connectors.ecb.client.FILE_BYTES_MAX", 2**20)
    assert len(PACKED) < 2**13
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    with answering(200, PACKED, **headers) as (address, _), pytest.raises(Stop):
        ask(address)


QUOTED = re.compile(r"'(?:\\.|[^'\\])*'", re.DOTALL)


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_text_stays_within_its_quotes_in_a_question_to_salesforce(text: str) -> None:
    asked: list[str] = []

    def answer(path: str) -> object:
        asked.append(path)
        return {"totalSize": 0, "done": True, "records": []}

    writer = SalesforceWriter(peers.salesforce_client(answer))
    said: list[str] = []
    writer._client.query = lambda soql, **_: said.append(soql) or []  # type: ignore[method-assign, func-returns-value]
    writer.look("tasks", [text[:1_000]])
    writer.others("tasks", [{"what_id": text[:1_000], "subject": text[:1_000]}], by=("what_id", "subject"))
    assert [QUOTED.sub("?", soql) for soql in said] == [
        "SELECT Id, Sync_Key__c FROM Task WHERE Sync_Key__c IN (?)",
        "SELECT Id, WhatId, Subject FROM Task WHERE WhatId IN (?) AND Sync_Key__c = null",
    ]
    assert json.dumps(said)
