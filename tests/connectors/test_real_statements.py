"""Statements real banks and two parsers' test suites hold, against what those parsers read in them."""

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.connectors.bank.client import Format, StatementFolder
from include.connectors.bank.reader import read_statements
from include.connectors.bank.source import BankSource
from include.connectors.bank.translate import Statement, translate
from include.domain.money import to_minor
from include.ports import RawRecord, Translated
from tests.shared import SHARED, shared

CAMT = "data/camt/test/data"
MT940 = "data/mt940/mt940_tests"

CAMT_PARSES = sorted(path.stem for path in (SHARED / CAMT).glob("camt*53*.json"))
MT940_PARSES = sorted(str(path.relative_to(SHARED / MT940)) for path in (SHARED / MT940).rglob("*.yml"))


def lines_of(statements: list[Statement]) -> list[Translated]:
    return [
        translate({"id": statement.id, "account": statement.account, **entry.payload})
        for statement in statements
        for entry in statement.entries
    ]


def records_of(folder: Path, name: str) -> list[RawRecord]:
    records = BankSource(StatementFolder(folder), files_per_page=1_000).fetch_page("bank_lines", None).records
    return [record for record in records if record.place.split(",")[0] == f"bank/{name}"]


def camt_expected(name: str) -> Iterator[dict[str, Any]]:
    """The entries of genkgo/camt's parse; it writes an entry out once and then says __RECURSIVITY__."""
    parse = json.loads((shared(CAMT) / f"{name}.json").read_text())
    yield from (entry for entry in parse["getEntries"] if entry != "__RECURSIVITY__")


def party(detail: dict[str, Any], *kinds: str) -> str | None:
    parties = {
        found["getRelatedPartyType"]["__CLASS__"].rpartition("\\")[2]: found["getRelatedPartyType"]["getName"]
        for found in detail["getRelatedParties"]
    }
    return next((parties[kind] for kind in kinds if kind in parties), None)


@pytest.mark.parametrize("name", CAMT_PARSES or ["no parses"])
def test_a_camt_statement_reads_as_its_expected_parse(name: str) -> None:
    data = (shared(CAMT) / f"{name}.xml").read_bytes()
    lines = {line["id"]: line for line in lines_of(list(read_statements(data, Format.CAMT)))}
    pages = {key.split(" page ")[0]: line for key, line in lines.items() if key}
    for entry in camt_expected(name):
        line, detail = pages[entry["getRecord"]["getId"]], entry["getTransactionDetail"]
        day = entry["getValueDate"] or entry["getBookingDate"]
        money = entry["getAmount"]
        credit = entry["getCreditDebitIndicator"] == "CRDT"
        assert line["account"] == entry["getRecord"]["getAccount"]["getIdentification"]
        assert line["currency"] == money["getCurrency"]["getCode"]
        assert to_minor(line["amount"] or "", currency=line["currency"] or "") == int(money["getAmount"])
        assert line["value_date"] == day["0"][:10]
        assert line["payer_text"] == party(
            detail, *(("Debtor", "UltimateDebtor") if credit else ("Creditor", "UltimateCreditor"))
        )
        said = (line["reference"] or "").split("; ")
        remittance = detail["getRemittanceInformation"] or {}
        for reference in (
            (detail["getReference"] or {}).get("getEndToEndId"),
            remittance.get("getMessage"),
            entry["getAccountServicerReference"],
        ):
            assert not reference or reference in said


def test_every_entry_of_the_real_camt_files_is_read() -> None:
    counts = {
        path.name: sum(len(s.entries) for s in read_statements(path.read_bytes(), Format.CAMT))
        for path in shared(CAMT).glob("camt*53*.xml")
    }
    empty = {"camt053.v2.wrong.xml": 0, "camt53.only-Dt-with-DtTm.xml": 0}
    assert counts == dict.fromkeys(counts, 1) | {"camt053.v2.multi.statement.xml": 2} | empty


def test_a_real_file_of_two_statements_that_prove_themselves_is_used() -> None:
    first, second = records_of(shared(CAMT), "camt053.v2.multi.statement.xml")
    assert (first.damage, second.damage) == ("", "")
    assert translate(first.payload)["amount"] == "8.85"
    assert translate(second.payload)["amount"] == "-7.00"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("camt053.v2.wrong.xml", "holds no statement"),
        ("camt053.v2.five.decimals.xml", "make 27.000, the closing balance is 27.050"),
        ("camt053.v2.all-balance-types.xml", "make 9.860, the closing balance is 4.04"),
        ("camt053.v2.minimal.xml", "EUR: it states no closing balance"),
        ("camt053.v2.with-account-name.xml", "EUR: it states no opening and closing balance"),
        ("camt53.only-Dt-with-DtTm.xml", "RON: it states no closing balance"),
        ("camt052.v8.xml", "is CAMT.052, an interim report"),
        ("camt052.v1.xml", "is no CAMT.053 statement: <Document> holds <BkToCstmrAcctRptV01>"),
        ("camt054.v8.xml", "is CAMT.054, a notification"),
    ],
)
def test_a_real_camt_file_that_proves_nothing_is_refused_by_name(name: str, reason: str) -> None:
    [record] = records_of(shared(CAMT), name)
    assert reason in record.damage


class _Parse(yaml.SafeLoader):
    """Reads mt-940's dumps as plain data: nothing of them is executed."""


def _object(loader: _Parse, _: str, node: yaml.Node) -> Iterator[Any]:
    if isinstance(node, yaml.MappingNode):
        mapping: dict[Any, Any] = {}
        yield mapping  # before its content, which refers back to it
        mapping.update(loader.construct_mapping(node))
    else:
        sequence: list[Any] = []
        yield sequence
        if isinstance(node, yaml.SequenceNode):
            sequence.extend(loader.construct_sequence(node))


_Parse.add_multi_constructor("tag:yaml.org,2002:python/", _object)


def mt940_expected(name: str) -> list[dict[str, Any]]:
    parse = yaml.load((shared(MT940) / name).read_text(), _Parse)  # noqa: S506 - a SafeLoader
    return [entry["data"] for entry in parse["transactions"] if "amount" in entry["data"]]


NOT_WHOLE = {
    "betterplace/empty_entry_date.yml",
    "cmxl/statement_details.yml",
    "cmxl/statement_line.yml",
    "self-provided/sparkassen.yml",
}
"""Fragments without a :20:, which are refused."""


@pytest.mark.parametrize("name", MT940_PARSES or ["no parses"])
def test_an_mt940_statement_reads_as_its_expected_parse(name: str) -> None:
    source = shared(MT940) / name.replace(".yml", ".sta")
    if not source.is_file():
        pytest.skip(f"{source.name} is not part of the collection, only its parse")
    statements = list(read_statements(source.read_bytes(), Format.MT940))
    expected = mt940_expected(name)
    if name in NOT_WHOLE:
        assert [statement.refused for statement in statements] == [
            "fields stand before the first :20:, so its head is missing"
        ]
        return
    lines = lines_of(statements)
    assert len(lines) == len(expected)
    for line, entry in zip(lines, expected, strict=True):
        assert line["value_date"] == dt.date(entry["date"][0]).isoformat()
        assert line["currency"] == entry["amount"]["currency"]
        amount = Decimal(entry["amount"]["amount"][0])
        assert Decimal(line["amount"] or "") == (-amount if entry["status"] == "RC" else amount)
        said = " ".join((line["reference"] or "").split())
        for field in ("customer_reference", "bank_reference", "purpose", "end_to_end_reference"):
            text = " ".join(str(entry.get(field) or "").split())
            assert text in ("", "NONREF") or text in said, field


def test_the_real_mt940_files_are_used_or_refused_statement_by_statement() -> None:
    used, refused = {}, {}
    for folder in (path for path in shared(MT940).iterdir() if path.is_dir()):
        source = BankSource(StatementFolder(folder), label=folder.name, files_per_page=1_000)
        for record in source.fetch_page("bank_lines", None).records:
            kept = refused if record.damage else used
            name = record.place.split(",")[0]
            kept[name] = kept.get(name, 0) + 1
    assert used["betterplace/sepa_mt9401.sta"] == 97
    assert used["cmxl/mt940.sta"] == 16
    assert used["ASNB/mt940.txt"] == 8
    assert used["citi/mt940.txt"] == 5
    assert (used["jejik/knab.sta"], refused["jejik/knab.sta"]) == (1, 1)
    assert refused["self-provided/mt942.sta"] == 1
    assert "betterplace/sepa_mt9401.sta" not in refused
