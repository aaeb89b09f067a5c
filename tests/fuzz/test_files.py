"""Whatever stands in a file, and whatever it is called: it is read or quarantined with its reason, within limits."""

import os
import tracemalloc
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectors.bank.client import StatementFolder
from include.connectors.bank.source import BankSource
from include.connectors.ecb.client import RatesFolder
from include.connectors.ecb.source import EcbSource
from include.connectors.legacy.client import LegacyFolder
from include.connectors.world import client as world_client
from include.connectors.world import reader
from include.connectors.world.client import WorldSource
from include.connectors.world.translate import FILES, columns
from include.ports import Cursor, NothingUsable, RawRecord, Source
from include.vault.edge import sealed
from tests.connectors.statements import camt, detail, mt940, ntry
from tests.fuzz.anything import assert_storable, assert_texts, cut_up, drawing
from tests.fuzz.peers import VAULT

DAY = date(2026, 6, 30)
PAGES_MAX = 200
ENTITIES = ("invoices", "contacts", "payments", "bank_lines", "payout_items", "fx_rates")

CAMT = camt(
    ntry("10.00", reference="B-1", details=[detail(remittance="INV-1", debtor="Ada Ltd")]),
    ntry("4.00", "DBIT", details=[detail(remittance="INV-2", creditor="Bob")]),
    closing="106.00",
)
MT940 = mt940(
    "2606300630C10,5NTRFNONREF//B-1|166?00GUTSCHRIFT?20SVWZ+INV-1?32ADA LTD",
    "2606300630D4,NTRFC-9|Rent",
    closing="C260630EUR106,5",
)
RATES = b"Date,USD,SGD\n2026-06-30,1.0862,1.4213\n2026-06-29,1.0841,N/A\n"
RATES_XML = (
    b'<?xml version="1.0"?><e:Envelope xmlns:e="u"><Cube><Cube time="2026-06-30"><Cube currency="USD" rate="1.08"/>'
    b"</Cube></Cube></e:Envelope>"
)


def records(source: Source, entity: str) -> list[RawRecord]:
    """All of it, read page by page, as it would be kept; and the same keys by a second reading."""
    found: list[RawRecord] = []
    cursor: Cursor | None = None
    for _ in range(PAGES_MAX):
        page = source.fetch_page(entity, cursor)
        found, cursor = [*found, *page.records], page.next_cursor
        if not page.has_more:
            break
    else:
        pytest.fail("its pages do not end")
    assert_storable(found)
    for record in found:
        assert_texts(source.translate(entity, record.payload))
    proven = source.totals(entity, after=None, until=cursor or {})
    assert set(proven.keys) == {(record.native_id, record.version) for record in found}
    return found


def a_world_file(entity: str) -> bytes:
    names = list(columns(entity))
    rows = [",".join(f"{name[:3]}{n}" for name in names) for n in range(3)]
    return "\n".join([",".join(names), *rows, ""]).encode()


@drawing(26)
@given(data=st.data(), entity=st.sampled_from(ENTITIES))
def test_a_file_of_a_world_may_hold_anything(
    data: st.DataObject, entity: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = data.draw(cut_up(a_world_file(entity)) | st.binary(max_size=200))
    folder = tmp_path_factory.mktemp("world")
    path = folder / FILES[entity]
    path.parent.mkdir()
    path.write_bytes(content)
    source = sealed(WorldSource(folder, page_rows=data.draw(st.integers(1, 5))), VAULT)
    records(source, entity)
    assert all(note.encode(errors="backslashreplace") for note in source.notes())


@drawing(20)
@given(
    content=cut_up(CAMT) | st.binary(max_size=100).map(lambda some: b"<Document>" + some + b"</Document>"),
)
def test_a_camt_statement_may_hold_anything(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bank")
    (folder / "a.xml").write_bytes(content)
    assert records(sealed(BankSource(StatementFolder(folder)), VAULT), "bank_lines")


@drawing(20)
@given(content=cut_up(MT940) | st.binary(max_size=150).map(lambda some: b":20:S\r\n" + some))
def test_an_mt940_statement_may_hold_anything(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bank")
    (folder / "a.sta").write_bytes(content)
    records(sealed(BankSource(StatementFolder(folder)), VAULT), "bank_lines")


@drawing(16)
@given(
    content=cut_up(RATES) | cut_up(RATES_XML) | st.binary(max_size=100),
    suffix=st.sampled_from(("csv", "xml")),
)
def test_a_file_of_rates_may_hold_anything(
    content: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fx")
    (folder / f"a.{suffix}").write_bytes(content)
    records(EcbSource(RatesFolder(folder)), "fx_rates")


@drawing(13)
@given(content=cut_up(b"day,opportunity_id,number,currency,amount\n2026-06-30,O1,SO-1,SGD,10.00\n"))
def test_an_answer_of_the_old_path_may_hold_anything(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("old")
    (folder / "orders.csv").write_bytes(content)
    try:
        rows = list(LegacyFolder(folder).answers(DAY))
    except NothingUsable:
        return
    assert all(row.place.startswith("orders.csv, line ") for row in rows)


NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=30) | st.sampled_from(
    (
        "..%2f..%2fetc%2fpasswd",
        "..\\..\\x",
        "a\nb",
        "\u202exml.a",
        "-rf",
        "$(id)",
        "{{7*7}}",
        "'; DROP TABLE x; --",
    )
)


@drawing(13)
@given(name=NAMES, suffix=st.sampled_from((".xml", ".sta", ".zip", ".XML", "")))
def test_a_file_of_the_bank_may_be_called_anything(
    name: str, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bank")
    path = os.fsencode(folder) + b"/" + os.fsencode(f"{name}{suffix}".encode(errors="replace"))
    if name in {".", ".."} and not suffix:
        return
    Path(os.fsdecode(path)).write_bytes(CAMT)
    source = BankSource(StatementFolder(folder))
    for record in records(source, "bank_lines"):
        assert record.damage or record.payload["account"] == "NL26VAYB8060476890"
    assert all(note.encode() for note in source.notes())


def test_nothing_outside_of_the_folder_is_read_by_whatever_lies_in_it(tmp_path: Path) -> None:
    folder, outside = tmp_path / "bank", tmp_path / "outside"
    outside.mkdir()
    (outside / "a.xml").write_bytes(CAMT)
    folder.mkdir()
    (folder / "link.xml").symlink_to(outside / "a.xml")
    (folder / "folder.xml").symlink_to(outside)
    (folder / "up.sta").symlink_to("../outside/a.xml")
    (folder / "deep.xml").mkdir()
    (folder / "deep.xml" / "a.xml").write_bytes(CAMT)
    with zipfile.ZipFile(folder / "a.zip", "w") as packed:
        packed.writestr("../outside/b.xml", CAMT)
    with zipfile.ZipFile(folder / "bomb.xml", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.xml", b"0" * 2**24)
    found = records(BankSource(StatementFolder(folder)), "bank_lines")
    assert sorted(record.damage.split(";")[0] for record in found) == [
        "is a link, which may lead out of the folder",
        "is a link, which may lead out of the folder",
        "is a link, which may lead out of the folder",
        "is a zip archive",
        "is an archive, which is not opened",
        "is no regular file",
    ]
    assert not (outside / "b.xml").exists()


@pytest.mark.parametrize("depth", [40, 200, 300, 2_000, 100_000])
def test_elements_within_elements_cost_their_file_alone(tmp_path: Path, depth: int) -> None:
    nested = b"<x>" * depth + b"</x>" * depth
    (tmp_path / "a.xml").write_bytes(CAMT.replace(b"<NtryDtls>", nested + b"<NtryDtls>"))
    (tmp_path / "b.xml").write_bytes(CAMT)
    found = records(sealed(BankSource(StatementFolder(tmp_path)), VAULT), "bank_lines")
    [refused] = [record for record in found if record.damage]
    assert (refused.place, "deeper than 30" in refused.damage or "not well-formed" in refused.damage) == (
        "bank/a.xml",
        True,
    )
    assert len(found) == 3


def small(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    monkeypatch.setattr(reader, "LINE_BYTES_MAX", limits["line"])
    monkeypatch.setattr(world_client, "PAGE_BYTES", limits.get("page", 2**20))


def test_a_line_without_an_end_is_quarantined_and_the_rest_of_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, line=5_000)
    header, first, *_ = a_world_file("invoices").splitlines(keepends=True)
    (tmp_path / "erp").mkdir()
    path = tmp_path / "erp" / "invoices.csv"
    path.write_bytes(header + first + b"x" * 12_345 + b"\n" + first + b'"' + b"y" * 6_000 + b"\n" + first)
    found = records(WorldSource(tmp_path), "invoices")
    assert [(one.version, one.damage) for one in found] == [
        ("line 2", ""),
        ("line 3", "the line is longer than 5,000 bytes"),
        ("line 4", ""),
        ("line 5", "the line is longer than 5,000 bytes"),
        ("line 6", ""),
    ]
    path.write_bytes(b"h" * 6_000 + b"\n" + first)
    assert all(one.damage for one in records(WorldSource(tmp_path), "invoices"))


def test_a_quote_that_never_closes_takes_no_more_than_a_line_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, line=5_000)
    header, first, *_ = a_world_file("invoices").splitlines(keepends=True)
    (tmp_path / "erp").mkdir()
    (tmp_path / "erp" / "invoices.csv").write_bytes(header + b'"' + first * 500)
    found = records(WorldSource(tmp_path), "invoices")
    assert [bool(one.damage) for one in found] == [True] + [False] * 499


def test_a_page_of_a_file_takes_no_more_than_so_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, line=2**20, page=10_000)
    header, first, *_ = a_world_file("invoices").splitlines(keepends=True)
    long = first.replace(b"num0", b"n" * 4_000)
    (tmp_path / "erp").mkdir()
    (tmp_path / "erp" / "invoices.csv").write_bytes(header + long * 20)
    source = WorldSource(tmp_path)
    assert len(source.fetch_page("invoices", None).records) == 3
    assert len(records(source, "invoices")) == 20


def test_reading_a_hostile_file_takes_memory_by_its_limits_and_not_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, line=2**16, page=2**16)
    (tmp_path / "erp").mkdir()
    path = tmp_path / "erp" / "invoices.csv"
    path.write_bytes(a_world_file("invoices").splitlines(keepends=True)[0] + b"x" * 2**24 + b"\n")
    tracemalloc.start()
    try:
        [record] = WorldSource(tmp_path).fetch_page("invoices", None).records
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert record.damage
    assert peak < 2**21
