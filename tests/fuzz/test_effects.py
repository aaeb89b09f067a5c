"""Whatever a system answers to a write: each message has an outcome, or an error that says what to do next."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectors.ledger_effects import LedgerEffects
from include.connectors.salesforce import bulk
from include.connectors.salesforce.effects import SalesforceEffects
from include.connectors.salesforce.writer import SalesforceWriter
from include.connectors.stripe.effects import StripeEffects
from include.connectors.tryton.ledger import TrytonLedger
from include.connectors.tryton.wizards import TrytonWizards
from include.domain.delivery import Message, Outcome, key_of
from include.ledger import NewCreditNote, NewPayment
from include.ports import Stop, Target, Uncertain
from tests.fuzz import peers
from tests.fuzz.anything import drawing, twisted
from tests.fuzz.test_answers import answering, assert_named, twist_one
from tests.naughty import KEPT

TEXTS = [*KEPT.values(), "a\0b"]
DAY = date(2026, 6, 30)


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "POLLS_MAX", 2)
    monkeypatch.setattr(bulk, "POLL_S_FIRST", 0)


def message(kind: str, target: str, **body: Any) -> Message:
    return Message(key=f"key-{kind}", kind=kind, target=target, subject="deals/1", body=body)


TASK = message(
    "task", "salesforce", title="Look", opportunity_id="006000000000001", owner_id="005", proof="x"
)
REFERENCE = message("order_reference", "salesforce", opportunity_id="006000000000001", order_id="S1")
RETRY = message("retry_payment", "payments", payment_id="ch_1", invoice_id="I1", open="10.50", currency="SGD")
ORDER = message(
    "order", "erp", customer_id="1", opportunity_id="O1", currency="SGD", order_date="2026-06-30", product="P",
    amount="10.00", text="x",
)  # fmt: skip
INVOICE = message("invoice", "erp", order_id="1")
LINE = message("invoice", "erp", order_id="1", line=1)

CRM = {
    "composite": [{"id": "006000000000001", "success": True, "errors": []}],
    "query": {
        "totalSize": 1,
        "done": True,
        "records": [{"Id": "00T1", "Sync_Key__c": "key-task", "WhatId": "x"}],
    },
}
SALE: dict[str, Any] = {
    "id": 1, "number": "S1", "state": "processing", "tieout_key": "key-order", "party": 1, "reference": "O1",
    "currency": {"code": "SGD"}, "invoice_method": "manual", "invoices": [1], "invoice_date": None, "code": "C",
    "lines": [{"id": 3, "quantity": 1, "unit_price": {"__class__": "Decimal", "decimal": "10.00"}}],
    "replaced_by": None,
    "addresses": [1], "customer_payment_term": 1, "default_uom": 1, "invoice_lines": [{"invoice": 1}], "name": "n",
    "template": {"account_category": {"customer_taxes": [1]}}, "lines_to_pay": [{"id": 1, "reconciliation": None}],
    "account": 1, "journal": 1, "payment_term": 1, "invoice_address": 1,
    "amount": {"__class__": "Decimal", "decimal": "1"},
}  # fmt: skip
ERP = {"company.company": [{"id": 1}], "erp/rest/model/": [SALE]}
PAYMENTS = peers.stripe_says("payment_intents") | {
    "/v1/charges/ch_1": peers.stripe_says("charges")["/v1/"]["data"][0]
}


def each_has_an_outcome(target: Target, *messages: Message) -> Callable[[], None]:
    def act() -> None:
        told = target.send(messages)
        assert set(told) == {one.key for one in messages}
        assert all(isinstance(outcome, Outcome) for outcome in told.values())

    return act


@drawing(20)
@given(data=st.data())
def test_salesforce_may_answer_a_write_with_anything(data: st.DataObject) -> None:
    answer = answering(twist_one(data, CRM))
    target = SalesforceEffects(SalesforceWriter(peers.salesforce_client(answer)))
    each_has_an_outcome(target, TASK, REFERENCE)()
    assert_named(lambda: target.look([TASK]), "Salesforce")
    assert_named(lambda: target.standing([TASK]), "Salesforce")


@drawing(20)
@given(data=st.data())
def test_salesforce_may_answer_many_writes_with_anything(data: st.DataObject) -> None:
    job = {"id": "750000000000001", "state": "JobComplete", "numberRecordsProcessed": 1}
    said: dict[str, Any] = {"jobs/ingest": data.draw(twisted(job))}
    for which in ("successfulResults", "failedResults", "unprocessedrecords"):
        good = b"sf__Id,sf__Created,sf__Error,Id,ERP_Customer_Id__c\n001000000000001,true,X:y,001000000000001,C1\n"
        said = {which: data.draw(st.binary(max_size=60) | st.just(good)), **said}
    writer = SalesforceWriter(peers.salesforce_client(answering(said)), bulk_from_rows=1)
    row = {"id": "001000000000001", "erp_customer_id": "C1"}
    assert_named(lambda: writer.upsert("accounts", [row]), "Salesforce")


@drawing(20)
@given(data=st.data())
def test_the_payments_platform_may_answer_a_write_with_anything(data: st.DataObject) -> None:
    target = StripeEffects(peers.stripe_client(answering(twist_one(data, PAYMENTS))))
    each_has_an_outcome(target, RETRY)()
    assert_named(lambda: target.look([RETRY]), "payments")


def ledger(said: dict[str, Any]) -> TrytonLedger:
    wizards = TrytonWizards("https://erp.example/erp", user="u", password="p")
    peers._through(wizards._session, answering({"/rpc/": {"result": [1, "start", "end"]}, **said}))
    return TrytonLedger(peers.tryton_client(answering(said)), wizards)


@drawing(20)
@given(data=st.data())
def test_the_erp_may_answer_a_write_with_anything(data: st.DataObject) -> None:
    said = twist_one(data, ERP)
    target = LedgerEffects(ledger(said), today=lambda: DAY)
    each_has_an_outcome(target, data.draw(st.sampled_from((ORDER, INVOICE, LINE))))()
    assert_named(lambda: target.look([ORDER]), "ERP")
    assert_named(lambda: target.standing([ORDER]), "ERP")
    paid = NewPayment(key="k", invoice_id="1", amount=data.draw(st.decimals(1, 2, places=2)), paid_on=DAY)
    assert_named(lambda: ledger(said).payment(paid), "ERP")
    assert_named(
        lambda: ledger(said).credit_note(NewCreditNote(key="k", invoice_id="1", credited_on=DAY)), "ERP"
    )


@drawing(20)
@given(data=st.data())
def test_a_wizard_may_be_answered_with_anything(data: st.DataObject) -> None:
    wizards = TrytonWizards("https://erp.example/erp", user="u", password="p")
    said = data.draw(
        twisted({"result": [1, "start", "end"]}) | twisted({"error": ["UserError", ["no", "why"]]})
    )
    peers._through(wizards._session, lambda _: said)
    assert_named(lambda: wizards.run("account.payment.process", model="m", records=[1], company=1), "ERP")


@pytest.mark.parametrize(
    "error", [[[], ["no", "why"]], [{}, None], [None, {"a": 1}], ["UserError"], "no", None, 7]
)
def test_a_wizards_refusal_that_is_like_none_is_named(error: object) -> None:
    wizards = TrytonWizards("https://erp.example/erp", user="u", password="p")
    peers._through(wizards._session, lambda _: {"error": error})
    with pytest.raises(Stop, match=r"ERP common\.db\.login broke; its log says why"):
        wizards.run("account.payment.process", model="m", records=[1], company=1)


def test_a_write_answered_with_nothing_we_know_may_have_been_done() -> None:
    with pytest.raises(Uncertain):
        peers.tryton_client(lambda path: [{"id": 1}] if "company" in path else []).create(
            "m", {}, fields=["id"]
        )
    with pytest.raises(Uncertain):
        peers.stripe_client(lambda _: []).create("payment_intents", {}, key="k")


def test_any_text_makes_a_key_and_no_two_the_same() -> None:
    facts = [(one, two) for one in TEXTS for two in ("", "x", "|", one)]
    assert len({key_of("order", *some) for some in facts}) == len(facts)
    assert key_of("order", "a|b", "c") != key_of("order", "a", "b|c")
