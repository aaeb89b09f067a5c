"""What becomes of messages for Salesforce when one of them, or all of them, cannot be written."""

from dataclasses import replace
from typing import Any

import pytest

from include.connectors.salesforce.effects import SalesforceEffects
from include.connectors.salesforce.writer import SalesforceWriter
from include.domain.delivery import Message
from tests.connectors.conftest import Live, Start

DEAL = "0060000000000AAAAA"
WORLD = {
    "salesforce/Opportunity": [
        {"Id": DEAL, "Name": "D", "StageName": "Closed Won", "CloseDate": "2026-06-20"}
    ]
}


@pytest.fixture
def twin(live: Start) -> Live:
    return live(WORLD)


def effects(twin: Live, **login: str) -> SalesforceEffects:
    return SalesforceEffects(SalesforceWriter(twin.salesforce(**login)._client))


def status(key: str, kind: str = "deal_status") -> Message:
    body = {"opportunity_id": DEAL, "status": "PAID", "title": "Call them"}
    return Message(key=key, kind=kind, target="salesforce", subject=f"opportunities/{key}", body=body)


def test_a_message_of_a_kind_nobody_knows_is_parked_and_the_others_go_on(twin: Live) -> None:
    told = effects(twin).send([status("a"), status("b", kind="telegram")])
    assert (told["a"].result, told["b"].result) == ("confirmed", "rejected")
    assert told["b"].reason == "MALFORMED_PAYLOAD"


def test_an_activity_waits_for_its_invoice_and_the_others_go_on(twin: Live) -> None:
    paid = {"id": "P", "type": "PAYMENT", "account_id": None, "invoice_id": "I9", "currency": "SGD"}
    body = {**paid, "amount": "1.00", "status": "SUCCEEDED"}
    activity = Message(
        key="b", kind="payment_activity", target="salesforce", subject="activities/P", body=body
    )
    told = effects(twin).send([status("a"), activity])
    assert (told["a"].result, told["b"].result, told["b"].reason) == ("confirmed", "rejected", "REF_MISSING")


def test_after_a_refused_login_all_know_that_nothing_was_sent(twin: Live) -> None:
    told = effects(twin, secret="wrong").send([status("a"), status("b", kind="task")])
    assert {(one.result, one.stops) for one in told.values()} == {("unsent", True)}


def test_a_task_and_a_renewal_that_somebody_else_made_are_found_by_what_they_are_about(twin: Live) -> None:
    client = twin.salesforce()._client
    theirs = {"Subject": " call THEM", "WhatId": DEAL, "Status": "Not Started", "Priority": "Normal"}
    made = client.call("POST", "sobjects/Task", json=theirs).json()["id"]
    ours, other = status("a", kind="task"), status("b", kind="task")
    other = replace(other, body={**other.body, "title": "Call others"})
    assert effects(twin).standing([ours, other, status("c")]) == {"a": made}
    effects(twin).send([ours])
    assert effects(twin).standing([ours]) == {"a": made}, "ours has a key, and is none of theirs"


def test_what_was_taken_earlier_and_arrives_later_overwrites_nothing(twin: Live) -> None:
    client = twin.salesforce()._client
    older, newer = (replace(status("a"), turn=turn) for turn in (5, 6))
    newer = replace(newer, body={**newer.body, "status": "OPEN"})
    assert effects(twin).send([newer])["a"].result == "confirmed"
    late = effects(twin).send([older])["a"]
    assert (late.result, late.away, late.reason) == ("unsent", False, None)
    [deal] = client.query("SELECT Payment_Status__c FROM Opportunity")
    assert deal["Payment_Status__c"] == "OPEN"
    assert effects(twin).send([replace(older, turn=7)])["a"].result == "confirmed"
    client.call("PATCH", f"sobjects/Opportunity/{DEAL}", json={"Name": "E"})  # people know of no turns


def test_salesforce_is_told_under_which_token_we_write(twin: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    one = effects(twin)
    call, told = one._writer._client.call, []

    def heard(*words: Any, **content: Any) -> Any:
        told.append(content.get("headers"))
        return call(*words, **content)

    monkeypatch.setattr(one._writer._client, "call", heard)
    one.send([replace(status("a"), token=7)])
    one.send([status("b")])
    assert told == [{"Sforce-Call-Options": "client=tieout/token-7"}, {}]
