"""The edge of every system: what payloads hold of people stays on the other side, and is read the same behind it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from include.connectors.bank.source import BankSource
from include.connectors.bank.translate import mt940_statement
from include.connectors.salesforce.source import SalesforceSource
from include.connectors.stripe.source import StripeSource
from include.connectors.tryton.source import TrytonSource
from include.domain.entities import ENTITIES
from include.domain.stand_ins import BESIDE
from include.ports import KEY, Page, Personal, RawRecord, SealedValue, Source
from include.vault.edge import Seal, SealedSource, Vault, sealed
from include.vault.keys import new_keys, read_keyring
from include.vault.payloads import ELSE
from tests.canaries import Canaries

KEYS = read_keyring(new_keys())
VAULT = Vault(lambda: KEYS)
ZONE = ZoneInfo("Asia/Singapore")
NOBODY = cast("Any", None)
SOURCES: Mapping[str, Personal] = {
    "salesforce": SalesforceSource(NOBODY),
    "erp": TrytonSource(NOBODY),
    "payments": StripeSource(NOBODY, zone=ZONE),
    "bank": BankSource(NOBODY),
}
CARD = {
    "brand": "visa",
    "last4": "4Zq2",
    "fingerprint": "fp_Zuleika",
    "exp_year": 2031,
    "wallet": {"id": "Zuleika-w"},
}
CHARGE = {
    "id": "ch_1", "amount": 1050, "currency": "sgd", "created": 1_770_000_000, "status": "succeeded",
    "description": "INV-1", "metadata": {"payer_text": "ZULEIKA QUIXANO", "erp_customer": "C1"},
    "billing_details": {"name": "Zuleika Q", "email": "zuleika@canary.example", "address": {"line1": "1 Canary Row"}},
    "receipt_email": "zuleika@canary.example", "payment_method_details": {"type": "card", "card": CARD},
}  # fmt: skip
CAMT = {
    "Amt": [{"@Ccy": "SGD", "#": "60.00"}], "CdtDbtInd": ["CRDT"], "Sts": ["BOOK"], "ValDt": [{"Dt": ["2026-03-03"]}],
    "NtryDtls": [{"TxDtls": [{"Refs": [{"EndToEndId": ["INV-2"]}], "RltdPties": [
        {"Dbtr": [{"Nm": ["Zuleika  Quixano"]}], "DbtrAcct": [{"Id": [{"IBAN": ["DE44500105175407324931"]}]}]}
    ]}]}],
}  # fmt: skip
MT940 = {
    "amount": {"amount": "60.00", "currency": "SGD"}, "date": "2026-03-03", "status": "C", "purpose": "INV-2",
    "applicant_name": "ZULEIKA QUIXANO", "applicant_iban": "DE44500105175407324931",
}  # fmt: skip
MT940_BARE = {name: value for name, value in MT940.items() if not name.startswith("applicant")}


def paid_by(**how: Any) -> dict[str, Any]:
    details = {"type": next(iter(how)), **how}
    return {**CHARGE, "payment_method_details": details}


REFUND = {
    "id": "re_1", "object": "refund", "amount": 50, "charge": "ch_1", "created": 1_770_000_000, "currency": "sgd",
    "reason": "requested_by_customer", "status": "requires_action",
}  # fmt: skip
PAYOUT = {"id": "po_1", "object": "payout", "amount": 900, "arrival_date": 1_770_000_000, "currency": "sgd",
    "metadata": {"gross": "10.00", "fee": "1.00"}, "status": "paid"}  # fmt: skip
ITEM = {"id": "txn_1", "payout": "po_1", "source": "ch_1", "type": "charge", "currency": "sgd", "amount": 1000,
    "fee": 100, "net": 900}  # fmt: skip
ANYBODY = {
    "metadata": {"who": "Zuleika", "Zuleika Quixano": "1", "phone": "+65 8123 4567", "note": {"deep": ["4Zq2"]}},
    "statement_descriptor_suffix": "ZULEIKA", "of_tomorrow": {"description": "Zuleika", "id": "4Zq2"},
    "customer": {"id": "cus_1", "object": "customer", "description": "Zuleika", "name": "Quixano"},
    "payment_intent": {"id": "pi_1", "next_action": {"email_sent_to": "zuleika@canary.example"}},
    "invoice": {"id": "in_1", "customer_email": "zuleika@canary.example", "footer": "1 Canary Row"},
}  # fmt: skip
"""What may stand at any of Stripe's objects, or in what is expanded in one."""


def said_by_anybody(payload: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {**ANYBODY, **payload, **more, "metadata": {**payload.get("metadata", {}), **ANYBODY["metadata"]}}


def detail(**what: Any) -> dict[str, Any]:
    return {**CAMT, "NtryDtls": [{"TxDtls": [{"Refs": [{"EndToEndId": ["INV-2"]}], **what}]}]}


PEOPLE = (
    "Zuleika", "ZULEIKA", "Quixano", "zuleika@canary.example", "1 Canary Row", "fp_Zuleika", "4Zq2",
    "DE44500105175407324931", "+65 8123 4567", "SG12OURS0001",
)  # fmt: skip
RECEIVED = [
    ("salesforce", "contacts", {"Id": "P1", "AccountId": "A1", "FirstName": "Zuleika", "LastName": "Quixano",
        "Email": "Zuleika@canary.example", "Phone": "+65 8123 4567"}),
    ("salesforce", "contacts", {"Id": "P1", "AccountId": "A1", "FirstName": "Zuleika", "LastName": None, "Email": "",
        "Phone": 6581234567}),
    ("erp", "customers", {"id": 7, "name": "Acme Pte Ltd", "email": "zuleika@canary.example", "addresses": []}),
    ("payments", "payments", CHARGE),
    ("payments", "attempts", {"id": "evt_1", "type": "charge.failed", "created": 1, "data": {"object": CHARGE}}),
    ("payments", "disputes", {"id": "dp_1", "charge": "ch_1", "amount": 1, "currency": "sgd",
        "evidence": {"customer_name": "Zuleika", "customer_email_address": "zuleika@canary.example"}}),
    ("bank", "bank_lines", {"id": "B1", "account": "SG12OURS0001", "camt": CAMT, "account_currency": "SGD"}),
    ("bank", "bank_lines", {"id": "B1", "account": "SG12OURS0001", "mt940": MT940}),
    ("bank", "bank_lines", {"statement": CAMT}),
    ("bank", "bank_lines", {"text": ":86:ZULEIKA QUIXANO"}),
    *(("payments", "payments", paid_by(**how)) for how in (
        {"paypal": {"payer_email": "zuleika@canary.example", "payer_name": "Zuleika", "payer_id": "Zuleika-p"}},
        {"ideal": {"bank": "ing", "verified_name": "Zuleika", "iban_last4": "4Zq2"}},
        {"card_present": {"brand": "visa", "cardholder_name": "QUIXANO/ZULEIKA", "receipt": {"account_type": "x"}}},
        {"us_bank_account": {"bank_name": "Zuleika bank", "verified_phone_last4": "4Zq2"}},
        {"of_tomorrow": {"whoever_paid": ["Zuleika", {"deep": "1 Canary Row"}], "account": {"#": "4Zq2"}}},
    )),
    *(("bank", "bank_lines", {"id": "B1", "account": "SG12OURS0001", "camt": detail(**what), "account_currency": "SGD"})
      for what in (
        {"RmtInf": [{"Ustrd": ["INV-2"], "Strd": [{"Invcr": [{"Nm": ["Zuleika"]}], "Invcee": [{"Nm": ["Zuleika"]}]}]}]},
        {"RltdRmtInf": [{"RmtLctnPstlAdr": [{"Nm": ["Zuleika"], "Adr": [{"StrtNm": ["1 Canary Row"]}]}]}]},
        {"CardTx": [{"Card": [{"PlainCardData": [{"PAN": ["fp_Zuleika"], "CardSeqNb": ["4Zq2"]}]}]}]},
        {"Tax": [{"Dbtr": [{"TaxId": ["4Zq2"]}]}], "OfTomorrow": [{"Nm": [{"@lang": "de", "#": "Zuleika"}]}]},
    )),
    *(("bank", "bank_lines", {"id": "B1", "account": "SG12OURS0001", **mt940_statement({}, [
        {**MT940_BARE, "transaction_details": text}]).entries[0].payload})
      for text in (
        "/TRTP/SEPA/IBAN/DE44500105175407324931/BIC/X/NAME/ZULEIKA QUIX\nANO/REMI/INV-2/EREF/NOTPROVIDED",
        "/EREF/1/BENM//NAME/Zuleika/REMI/INV-2/ISDT/2026-03-03",
        "/CNTP/DE44500105175407324931/BICX/Zuleika/1 Canary Row//REMI/INV-2/",
    )),
    ("payments", "refunds", said_by_anybody(REFUND, description="Zuleika", instructions_email="zuleika@canary.example",
        next_action={"type": "display_details", "display_details": {
            "email_sent": {"email_sent_at": 1, "email_sent_to": "zuleika@canary.example"}, "expires_at": 2}},
        destination_details={"blik": {"network_decline_code": None, "reference": "4Zq2"}, "type": "blik"})),
    ("payments", "payments", said_by_anybody(CHARGE, failure_message="Zuleika's card", fraud_details={"w": "4Zq2"},
        calculated_statement_descriptor="ACME* ZULEIKA", refunds={"object": "list", "data": [said_by_anybody(REFUND)]},
        balance_transaction={**ITEM, "description": "Zuleika"}, source={"id": "src_1", "owner": {"name": "Zuleika"}})),
    ("payments", "attempts", {"id": "evt_1", "type": "charge.failed", "created": 1, "request": {"id": "4Zq2"},
        "data": {"object": said_by_anybody(CHARGE), "previous_attributes": {"description": "Zuleika"}}}),
    ("payments", "disputes", said_by_anybody({**REFUND, "id": "dp_1"}, evidence_details={"due_by": 1, "by": "Zuleika"},
        balance_transactions=[{**ITEM, "description": "Zuleika"}])),
    ("payments", "payouts", said_by_anybody(PAYOUT, description="Zuleika", failure_message="4Zq2",
        statement_descriptor="ZULEIKA", trace_id={"status": "supported", "value": "4Zq2"})),
    ("payments", "payout_items", said_by_anybody(ITEM, description="Zuleika",
        source={"id": "ch_1", "description": "Zuleika"}, fee_details=[{"type": "tax", "payer": "Zuleika"}])),
]  # fmt: skip


def test_a_line_in_words_between_slashes_says_who_paid_and_what_for() -> None:
    text = "/IBAN/DE44500105175407324931/NAME/J DOE/REMI/INV-1"
    [entry] = mt940_statement({}, [{**MT940_BARE, "purpose": "", "transaction_details": text}]).entries
    said = SOURCES["bank"].translate("bank_lines", {"id": "B1", "account": "A", **entry.payload})
    assert (said["payer_text"], said["reference"]) == ("J DOE", "INV-1")


def opened_of(kept: RawRecord) -> dict[str, str]:
    return {value.token: VAULT.unseal(value) for value in kept.sealed if value.field != KEY}


def record(payload: Mapping[str, Any], **facts: str) -> RawRecord:
    return RawRecord(native_id="N1", version="1", payload=payload, place="here", **facts)


@pytest.mark.parametrize(("system", "entity", "payload"), RECEIVED)
def test_a_payload_leaves_people_behind_and_reads_the_same(
    system: str, entity: str, payload: dict[str, Any]
) -> None:
    source = SOURCES[system]
    behind = sealed(source, VAULT)
    kept = Seal(source, VAULT).record(entity, record(payload))
    assert Canaries(PEOPLE).in_bytes(json.dumps(kept.payload).encode()) == set()
    assert all(not Canaries(PEOPLE).in_bytes(bytes(value.envelope)) for value in kept.sealed)

    clear, row = source.translate(entity, payload), behind.translate(entity, kept.payload)
    personal = {field.name for field in ENTITIES[entity].personal}
    assert {name: row[name] for name in clear if name not in personal} == {
        name: clear[name] for name in clear if name not in personal
    }
    opened = opened_of(kept)
    for name in personal & set(clear):
        stands = row[name] or ""
        assert opened.get(stands.partition("@")[0], stands) == (clear[name] or "")


def test_a_name_stated_twice_over_is_the_payers_as_landing_reads_it() -> None:
    """A bank's names lie in elements; which of them is the payer's, and how it is written, only reading says."""
    kept = Seal(SOURCES["bank"], VAULT).record("bank_lines", record(RECEIVED[6][2]))
    row = sealed(SOURCES["bank"], VAULT).translate("bank_lines", kept.payload)
    opened = opened_of(kept)
    assert opened[row["payer_text"] or ""] == "Zuleika Quixano"


def test_what_is_not_needed_of_an_object_is_one_value_with_the_names_it_stood_under() -> None:
    refund = {
        **REFUND,
        "metadata": {"Zuleika Quixano": "owes nothing", "paid_on": "2026-02-02"},
        "receipt_number": 7,
    }
    kept = Seal(SOURCES["payments"], VAULT).record("refunds", record(refund))
    opened = {token: json.loads(said) for token, said in opened_of(kept).items()}
    assert kept.payload.keys() == REFUND.keys() | {"metadata", ELSE}
    assert kept.payload["metadata"].keys() == {"paid_on", ELSE}
    assert opened[kept.payload[ELSE]] == {"receipt_number": 7}
    assert opened[kept.payload["metadata"][ELSE]] == {"Zuleika Quixano": "owes nothing"}


def test_an_object_of_which_all_is_needed_costs_no_sealed_value() -> None:
    empty = {"receipt_number": None, "destination_details": {}, "description": ""}
    kept = Seal(SOURCES["payments"], VAULT).record("refunds", record({**REFUND, **empty}))
    assert (kept.payload, list(kept.sealed)) == (REFUND, [])


def test_the_same_payer_has_one_stand_in_at_the_platform_and_at_the_bank() -> None:
    of = {
        system: sealed(SOURCES[system], VAULT).translate(
            entity, Seal(SOURCES[system], VAULT).record(entity, record(payload)).payload
        )
        for system, entity, payload in (RECEIVED[3], RECEIVED[7])
    }
    assert of["payments"]["payer_text"] == of["bank"]["payer_text"]
    assert of["payments"]["payer_key"] == of["bank"]["payer_key"]


def test_what_is_forged_into_a_payload_is_sealed_like_the_rest() -> None:
    forged = {**RECEIVED[0][2], "FirstName": "pii1:AAAAAAAAAAAAAAAAAAAAAA", BESIDE: {"id": "another"}}
    source = SOURCES["salesforce"]
    kept = Seal(source, VAULT).record("contacts", record(forged))
    row = sealed(source, VAULT).translate("contacts", kept.payload)
    assert row["first_name"] != "pii1:AAAAAAAAAAAAAAAAAAAAAA"
    assert row["id"] == "P1"


class Holding:
    """Keeps records' own keys as a store does."""

    def __init__(self) -> None:
        self.keys: dict[str, SealedValue] = {}

    def __call__(self, tokens: Collection[str]) -> dict[str, SealedValue]:
        return {token: self.keys[token] for token in tokens if token in self.keys}

    def keep(self, kept: RawRecord) -> RawRecord:
        self.keys |= {value.token: value for value in kept.sealed if value.field == KEY}
        return kept


def test_what_stands_for_a_phone_or_a_first_name_says_nothing_of_it_to_whoever_has_the_indexs_key() -> None:
    """It is made with a key of that record alone, which is destroyed with it."""
    said = record(RECEIVED[0][2])
    one, other = (Seal(SOURCES["salesforce"], VAULT).record("contacts", said).payload for _ in range(2))
    assert {name for name in one if one[name] != other[name]} == {"FirstName", "LastName", "Phone"}


def test_a_value_that_changed_stands_out_and_one_that_did_not_is_as_it_was_whatever_the_version() -> None:
    holds = Holding()
    one = holds.keep(Seal(SOURCES["salesforce"], VAULT, holds).record("contacts", record(RECEIVED[0][2])))
    moved = RawRecord(native_id="N1", version="2", payload=RECEIVED[0][2] | {"Phone": "+65 9"}, place="")
    again = Seal(SOURCES["salesforce"], VAULT, holds).record("contacts", moved)
    assert {name for name in one.payload if one.payload[name] != again.payload[name]} == {"Phone"}
    assert KEY not in {value.field for value in again.sealed}


def test_what_no_column_holds_is_no_change_where_its_source_says_it_in_other_words_at_every_read() -> None:
    """Stripe's address of a receipt, and what is not listed of an object; a later version is sealed anew."""
    holds, source = Holding(), SOURCES["payments"]
    charge = RECEIVED[3][2] | {"receipt_url": "https://receipts.example/1", "receipt_number": 1}
    one = holds.keep(Seal(source, VAULT, holds).record("payments", record(charge)))
    said = charge | {"receipt_url": "https://receipts.example/2", "receipt_number": 2}
    again = Seal(source, VAULT, holds).record("payments", record(said))
    assert again.payload == one.payload
    later = Seal(source, VAULT, holds).record("payments", replace(record(said), version="2"))
    assert later.payload["receipt_url"] != one.payload["receipt_url"]


def test_a_record_said_on_two_pages_before_any_is_kept_has_one_key() -> None:
    seal = Seal(SOURCES["salesforce"], VAULT)
    one, other = (seal.record("contacts", record(RECEIVED[0][2])) for _ in range(2))
    assert one.payload == other.payload


def test_a_record_whose_key_was_destroyed_has_none_again() -> None:
    holds = Holding()
    holds.keep(Seal(SOURCES["salesforce"], VAULT, holds).record("contacts", record(RECEIVED[0][2])))
    holds.keys = {token: value._replace(wrapped_key=None) for token, value in holds.keys.items()}
    seal = Seal(SOURCES["salesforce"], VAULT, holds)
    one, other = (seal.record("contacts", record(RECEIVED[0][2])) for _ in range(2))
    assert one.payload["Phone"] != other.payload["Phone"]
    assert KEY not in {value.field for value in one.sealed}


def test_a_version_that_is_a_hash_of_people_is_hashed_with_the_key() -> None:
    digest = "ab" * 32
    seal = Seal(SOURCES["payments"], VAULT)
    kept = seal.record("payments", RawRecord(native_id="ch_1", version=digest, payload=CHARGE, place=""))
    assert kept.version == seal.version("payments", digest) != digest
    assert seal.version("payments", "2026-01-01T00:00:00Z") == "2026-01-01T00:00:00Z"


class Once(SalesforceSource):
    def fetch_page(self, entity: str, cursor: Any) -> Page:  # noqa: ARG002
        payload = {"Id": "P1", "AccountId": "A1", "Email": "zuleika@canary.example"}
        return Page(records=[record(payload), record(payload)], next_cursor={"a": "b"}, has_more=False)


def test_a_page_seals_what_is_alike_once() -> None:
    page = SealedSource(Once(NOBODY), VAULT).fetch_page("contacts", None)
    assert [len(list(one.sealed)) for one in page.records] == [1, 0]


def test_everything_else_of_a_source_is_as_it_was() -> None:
    inside = Once(NOBODY)
    behind: Source = sealed(inside, VAULT)
    assert (behind.system, list(behind.entities), behind.states_once) == (
        inside.system,
        list(inside.entities),
        False,
    )
    assert behind.column("contacts", "email") == "Email"
    with pytest.raises(AttributeError):
        _ = cast("Any", behind).nothing_of_the_kind


def test_every_personal_field_has_its_place_in_every_system() -> None:
    for system, source in SOURCES.items():
        for entity in source.entities:
            if ENTITIES[entity].personal and ENTITIES[entity].system == system:
                assert source.personal(entity), f"{system} {entity}"
