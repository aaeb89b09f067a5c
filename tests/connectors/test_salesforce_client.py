"""Salesforce's answers, given by a session that never leaves the process, and what we make of them."""

import json
import traceback
from collections import deque
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from include.connectors.salesforce.client import SalesforceClient, guarded_session
from include.connectors.salesforce.refusals import TooLarge
from include.connectors.salesforce.source import SalesforceSource
from include.ports import Fatal, Retryable, Stop
from tests.connectors.conftest import Start

SECRET = "tax id S1234567A"


def answer(body: Any, status: int = 200, **headers: Any):
    response = requests.Response()
    response.status_code = status
    response._content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    response.headers.update({"Date": "Mon, 05 Jan 2026 04:10:00 GMT"} | headers)
    return response


def refusal(status: int, code: str):
    return answer([{"errorCode": code, "message": SECRET}], status)


def rows(*records: Any, **members: Any):
    return answer({"totalSize": len(records), "done": True, "records": list(records)} | members)


class Salesforce:
    """Gives prepared answers, and keeps what it was asked and how often it was logged in to."""

    def __init__(self, *answers: Any) -> None:
        self.answers = deque(answers)
        self.asked = []
        self.logins = 0

    def client(self):
        return SalesforceClient(self.log_in)

    def log_in(self):
        self.logins += 1
        base_url = "https://acme.my.salesforce.com/services/data/v59.0/"
        return SimpleNamespace(base_url=base_url, headers={"Authorization": "Bearer t0ken"}, session=self)

    def request(
        self, method: str, url: str, *, headers: Any, timeout: Any, allow_redirects: bool, params: Any
    ):
        assert method == "GET"
        assert timeout
        assert not allow_redirects
        self.asked.append((url, params, headers))
        response = self.answers.popleft()
        if isinstance(response, Exception):
            raise response
        return response


def test_an_expired_session_is_logged_in_to_once_more_with_the_headers_kept():
    peer = Salesforce(refusal(401, "INVALID_SESSION_ID"), rows({"Id": "1"}))
    assert peer.client().query("SELECT Id FROM Account") == [{"Id": "1"}]
    assert peer.logins == 2
    assert peer.asked[0] == peer.asked[1]


def test_a_lasting_401_does_not_become_a_storm_of_logins():
    peer = Salesforce(*[refusal(401, "INVALID_SESSION_ID")] * 9)
    with pytest.raises(Fatal, match="even after a new login"):
        peer.client().query("SELECT Id FROM Account")
    assert (peer.logins, len(peer.asked)) == (2, 2)


def test_a_next_page_is_asked_for_at_our_own_address():
    first = rows({"Id": "1"}, done=False, totalSize=2, nextRecordsUrl="/services/data/v59.0/query/0r8xx-2000")
    peer = Salesforce(first, rows({"Id": "2"}, totalSize=2))
    assert len(peer.client().query("SELECT Id FROM Account")) == 2
    assert peer.asked[1][0] == "https://acme.my.salesforce.com/services/data/v59.0/query/0r8xx-2000"


@pytest.mark.parametrize(
    "url",
    [
        "@attacker.example",
        ".attacker.example",
        "https://attacker.example/services/data/v59.0/query/0r8-2000",
        "/services/data/v59.0/query/../../../oauth2/revoke",
        "/services/data/v59.0/query/0r8?x=@attacker.example",
        None,
    ],
)
def test_a_next_page_elsewhere_is_not_followed(url: str):
    peer = Salesforce(rows({"Id": "1"}, done=False, totalSize=2, nextRecordsUrl=url))
    with pytest.raises(Fatal, match="not followed"):
        peer.client().query("SELECT Id FROM Account")
    assert len(peer.asked) == 1


def test_fewer_rows_than_stated_are_not_accepted():
    with pytest.raises(Retryable, match="stated 3 rows and gave 1"):
        Salesforce(rows({"Id": "1"}, totalSize=3)).client().query("SELECT Id FROM Account")


@pytest.mark.parametrize(
    ("response", "stop"),
    [
        (refusal(400, "MALFORMED_QUERY"), Fatal),
        (refusal(400, "INVALID_FIELD"), Fatal),
        (refusal(400, "QUERY_TIMEOUT"), TooLarge),
        (refusal(400, "INVALID_QUERY_LOCATOR"), Retryable),
        (refusal(403, "REQUEST_LIMIT_EXCEEDED"), Retryable),
        (refusal(400, "STORAGE_LIMIT_EXCEEDED"), Retryable),
        (refusal(403, "API_DISABLED_FOR_ORG"), Fatal),
        (refusal(404, "NOT_FOUND"), Fatal),
        (refusal(429, ""), Retryable),
        (refusal(503, "SERVER_UNAVAILABLE"), Retryable),
        (answer("<html>", 302), Fatal),
        (answer("<html>we are down for maintenance"), Retryable),
        (requests.ConnectTimeout(SECRET), Retryable),
        (requests.ConnectionError(SECRET), Retryable),
    ],
)
def test_an_error_says_what_to_do_next_and_nothing_it_should_not(response: Any, stop: type[Stop]):
    with pytest.raises(stop) as stopped:
        Salesforce(response).client().query("SELECT Id FROM Account")
    assert isinstance(stopped.value, stop)
    assert SECRET not in str(stopped.value)
    assert "t0ken" not in str(stopped.value)
    assert SECRET not in "".join(traceback.format_exception(stopped.value))


def test_reading_stops_before_the_days_calls_are_used_up():
    peer = Salesforce(rows(), rows())
    peer.answers[0].headers["Sforce-Limit-Info"] = "api-usage=95/100"
    client = peer.client()
    client.query("SELECT Id FROM Account")
    with pytest.raises(Retryable, match="95% of the daily API calls"):
        client.query("SELECT Id FROM Account")
    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("failure", "stop", "says"),
    [
        (SalesforceAuthenticationFailed("invalid_client", SECRET), Fatal, "invalid_client"),
        (SalesforceAuthenticationFailed(503, f"<html>{SECRET}"), Retryable, "503"),
        (SalesforceAuthenticationFailed(None, SECRET), Fatal, "refused"),
        (TypeError("You must provide login information"), Fatal, "consumer_key"),
        (requests.ReadTimeout(SECRET), Retryable, "ReadTimeout"),
    ],
)
def test_a_failed_login_says_what_to_mend(failure: Exception, stop: type[Stop], says: str):
    def connect() -> Any:
        raise failure

    with pytest.raises(stop, match=says) as stopped:
        SalesforceClient(connect).query("SELECT Id FROM Account")
    assert SECRET not in str(stopped.value)


def test_the_twin_refuses_a_wrong_secret(live: Start):
    with pytest.raises(Fatal, match="invalid_client"):
        live({}).salesforce(secret="wrong").fetch_page("accounts", None)


NOW = datetime(2026, 1, 5, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("response", "minute"),
    [
        (answer({"latestDateCovered": "2026-01-05T04:02:00.000+0000", "ids": []}), 2),
        (answer({"latestDateCovered": "2026-01-05T05:00:00.000+0000", "ids": []}), 10),
        (refusal(403, "EXCEEDED_ID_LIMIT_X"), 5),
        (answer({"ids": []}), 5),
    ],
)
def test_the_horizon_is_what_salesforce_covers_or_else_settled(response: Any, minute: int):
    horizon = Salesforce(response).client().horizon("Account", now=NOW)
    assert horizon == NOW.replace(minute=minute)


def fields(*names: Any):
    return answer({"fields": [{"name": name, "type": "string"} for name in names]})


COUNTED = rows(totalSize=1)
LIMITS = answer({"DailyApiRequests": {"Max": 100, "Remaining": 90}})
COVERED = answer({"latestDateCovered": "2026-01-05T04:00:00.000+0000"})


def test_a_field_the_organisation_lacks_is_not_asked_for_and_is_unknown(caplog: pytest.LogCaptureFixture):
    record = {"Id": "006", "StageName": "Open", "Amount": 5, "SystemModstamp": "2026-01-05T03:00:00.000+0000"}
    attributes = {"type": "Opportunity", "url": "/services/data/v59.0/sobjects/Opportunity/006"}
    described = fields("Id", "StageName", "Amount")
    peer = Salesforce(described, COVERED, COUNTED, LIMITS, rows(record | {"attributes": attributes}))
    source = SalesforceSource(peer.client())
    page = source.fetch_page("opportunities", None)
    assert peer.asked[-1][1]["q"].startswith("SELECT Id, StageName, Amount, SystemModstamp FROM Opportunity ")
    assert source.translate("opportunities", page.records[0].payload)["currency"] is None
    assert "no Opportunity.CurrencyIsoCode" in caplog.text


def test_an_organisation_of_one_currency_is_summed_without_it():
    peer = Salesforce(rows(), fields("Id", "Amount"), rows({"total": 12}))
    totals = SalesforceSource(peer.client()).totals(
        "opportunities", after=None, until={"until": NOW.isoformat()}
    )
    assert {currency: str(total) for currency, total in totals.amounts.items()} == {"": "12"}
    assert "GROUP BY" not in peer.asked[-1][1]["q"]


@pytest.mark.parametrize(
    "url", ["http://acme.my.salesforce.com/", "https://attacker.example/", "https://xsalesforce.com/"]
)
def test_credentials_go_to_salesforce_alone(url: str):
    with pytest.raises(Fatal, match="refusing to send credentials"):
        guarded_session().get(url, timeout=1)


def test_a_twin_elsewhere_than_on_this_machine_is_refused():
    with pytest.raises(Fatal, match="not on this machine"):
        guarded_session("http://198.51.100.7:8461")
