"""What becomes of messages for Salesforce when one of them, or all of them, cannot be written."""

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
