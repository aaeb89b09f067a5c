"""Texts made to run, hide or break, as each system tells them: kept to the letter, or quarantined."""

from html import escape
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from include.connectors.bank.client import StatementFolder
from include.connectors.bank.source import BankSource
from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.writer import SalesforceWriter
from include.domain.entities import ENTITIES
from include.flows.check_completeness import check_completeness
from include.flows.land_records import Landed, land_records
from include.flows.pull_changes import pull_changes
from include.ports import Personal
from include.store.postgres import PostgresStore
from include.vault.edge import sealed
from tests.connectors.conftest import Start
from tests.connectors.statements import camt, detail, mt940, ntry
from tests.fuzz.peers import VAULT
from tests.naughty import ALL, KEPT, UNSTORABLE, flat

TOLD = {name: text for name, text in ALL.items() if name != "half a character"}  # a world is a file of UTF-8
PAID = {"currency": "SGD", "amount": "1.00", "paid_on": "2026-01-05", "status": "succeeded"}
BILLED = {
    "customer_id": "C1",
    "issue_date": "2026-01-05",
    "due_date": "2026-02-04",
    "currency": "SGD",
    "gross": "1.00",
}
WON = {"IsClosed": "true", "IsWon": "true", "CloseDate": "2026-01-05"}
WORLD: dict[str, list[dict[str, str]]] = {
    "salesforce/Account": [
        {"Id": f"A{n}", "Name": s, "Website": s, "TaxId__c": s} for n, s in enumerate(TOLD.values())
    ],
    "salesforce/Opportunity": [
        {"Id": f"O{n}", "AccountId": f"A{n}", "Name": s, "StageName": s, "Type": s, "PO_Number__c": s, **WON}
        for n, s in enumerate(TOLD.values())
    ],
    "erp/customers": [{"id": f"C{n}", "name": s} for n, s in enumerate(TOLD.values())],
    "erp/invoices": [{"id": f"I{n}", "number": s, "status": "posted", **BILLED} for n, s in enumerate(TOLD.values())],
    "payments/payments": [
        {"id": f"ch_{n}", "reference": s, "payer_text": s, **PAID} for n, s in enumerate(TOLD.values())
    ],
}  # fmt: skip


def landed(source: Personal, store: PostgresStore, entity: str) -> Landed:
    behind = sealed(source, VAULT)
    pull_changes(behind, store, entity=entity)
    assert check_completeness(behind, store, entity=entity).proven
    return land_records(behind, store, entity=entity)


def kept(url: str, entity: str, *names: str) -> dict[str, list[Any]]:
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL("SELECT native_id, {} FROM {}").format(columns, sql.Identifier("canonical", entity))
    with psycopg.connect(url) as connection:
        return {native_id: told for native_id, *told in connection.execute(statement).fetchall()}


@pytest.mark.parametrize(
    ("entity", "mark", "names"),
    [
        ("accounts", "A", ("name", "website", "tax_id")),
        ("opportunities", "O", ("name", "stage", "type", "po_number")),
        ("customers", "C", ("name",)),
        ("invoices", "I", ("number",)),
        ("payments", "ch_", ("reference",)),
    ],
)
def test_what_a_system_says_is_kept_to_the_letter_or_quarantined(
    live: Start, store: PostgresStore, entity: str, mark: str, names: tuple[str, ...]
) -> None:
    done = landed(live(WORLD).of(ENTITIES[entity].system), store, entity)
    found = kept(store.url, entity, *names)
    for number, (name, text) in enumerate(TOLD.items()):
        if name in UNSTORABLE:
            assert f"{mark}{number}" not in found
        else:
            assert found.get(f"{mark}{number}") == [text] * len(names), name
    assert (done.good, done.quarantined) == (len(KEPT), len(TOLD) - len(KEPT))
    assert all(len(complaint) < 2_000 for complaint in done.complaints)


XML = {name: text for name, text in KEPT.items() if all(one in "\t\n\r" or one.isprintable() for one in text)}
SWIFT = {name: text for name, text in KEPT.items() if not {"\r", "\n"} & set(text)}


def test_what_a_bank_says_in_camt_is_kept_but_for_blanks(
    tmp_path: Path, store: PostgresStore, database_url: str
) -> None:
    details = [detail(remittance=escape(text), debtor=escape(text)) for text in XML.values()]
    entries = [ntry("1.00", reference=f"B-{n}", details=[one]) for n, one in enumerate(details)]
    (tmp_path / "a.xml").write_bytes(camt(*entries, opening="0.00", closing=f"{len(entries)}.00"))
    done = landed(BankSource(StatementFolder(tmp_path)), store, "bank_lines")
    assert (done.good, done.quarantined) == (len(XML), 0)
    told = {reference for (reference,) in kept(database_url, "bank_lines", "reference").values()}
    for name, text in XML.items():
        wanted = f"{flat(text)}; " if name != "as long as may be" else "…"
        assert any(wanted in f"{one}; " for one in told), name


def test_what_a_bank_says_in_mt940_stops_no_statement(tmp_path: Path, store: PostgresStore) -> None:
    for number, text in enumerate(SWIFT.values()):
        line = f"2606300630C1,00NTRFNONREF//B-{number}|166?00GUTSCHRIFT?20{text[:60]}?32{text[:60]}"
        (tmp_path / f"{number:02}.sta").write_bytes(
            mt940(line, opening="C260629EUR0,00", closing="C260630EUR1,00")
        )
    done = landed(BankSource(StatementFolder(tmp_path)), store, "bank_lines")
    assert done.good + done.quarantined == len(SWIFT)
    assert done.good >= len(SWIFT) - 8, done.complaints


def test_what_we_write_to_salesforce_arrives_to_the_letter(live: Start) -> None:
    client = live({"salesforce/Account": [{"Id": "001000000000001", "Name": "x"}]}).salesforce()._client
    assert isinstance(client, SalesforceClient)
    some = {name: text for name, text in KEPT.items() if len(text) <= 255}
    rows = [{"key": f"k{n}", "subject": text, "description": text} for n, text in enumerate(some.values())]
    assert {one.stop for one in SalesforceWriter(client).upsert("tasks", rows)} == {None}
    found = client.query("SELECT Sync_Key__c, Subject, Description FROM Task")
    told = {row["Sync_Key__c"]: (row["Subject"], row["Description"]) for row in found}
    assert told == {row["key"]: (row["subject"], row["description"]) for row in rows}
