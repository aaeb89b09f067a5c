"""A folder of bank statements as a source: what is read, what is refused, and that nothing counts twice."""

import os
import time
from datetime import date
from pathlib import Path

import pytest

from include.connectors.bank.client import FILE_BYTES_MAX, StatementFolder
from include.connectors.bank.source import BankSource
from include.flows.check_completeness import check_completeness
from include.flows.land_records import Landed, land_records
from include.flows.pull_changes import Pulled, pull_changes
from include.offline import reconcile_world
from include.ports import Cursor, RawRecord, Retryable, Translated
from include.store.postgres import PostgresStore
from tests.connectors.statements import balance, camt, detail, document, mt940, ntry, stmt

EUR_TEN = "2606300630C10,00NTRFNONREF//B-1|Invoice 1"


def source_of(folder: Path, **files: bytes) -> BankSource:
    for name, content in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_bytes(content)
    return BankSource(StatementFolder(folder))


def records(source: BankSource) -> list[RawRecord]:
    found: list[RawRecord] = []
    cursor: Cursor | None = None
    while True:
        page = source.fetch_page("bank_lines", cursor)
        found, cursor = [*found, *page.records], page.next_cursor
        if not page.has_more:
            return found


def lines(source: BankSource) -> list[Translated]:
    assert [record.damage for record in records(source) if record.damage] == []
    return [source.translate("bank_lines", record.payload) for record in records(source)]


def only_line(source: BankSource) -> Translated:
    [line] = lines(source)
    return line


def refusals(source: BankSource) -> dict[str, str]:
    return {record.place: record.damage for record in records(source) if record.damage}


def take(source: BankSource, store: PostgresStore) -> tuple[Pulled, Landed]:
    pulled = pull_changes(source, store, entity="bank_lines")
    proof = check_completeness(source, store, entity="bank_lines")
    assert proof.proven, str(proof)
    return pulled, land_records(source, store, entity="bank_lines")


def test_a_credit_is_a_line_with_the_payer_and_what_he_wrote(tmp_path: Path) -> None:
    body = detail(end_to_end="E2E-7", remittance="INV-1 and INV-2", debtor="Ada  Ltd", creditor="Us")
    source = source_of(tmp_path, a_xml=camt(ntry("10.50", reference="B-1", details=[body]), closing="110.50"))
    assert only_line(source) == {
        "id": "NL26VAYB8060476890/2026-06-29/B-1",
        "account": "NL26VAYB8060476890",
        "value_date": "2026-06-30",
        "currency": "EUR",
        "amount": "10.50",
        "reference": "INV-1 and INV-2; E2E-7; B-1",
        "payer_text": "Ada Ltd",
    }
    assert records(source)[0].place == "bank/a.xml, statement 1 (S-1), entry 1"


def test_a_debit_is_below_zero_and_names_whom_we_paid(tmp_path: Path) -> None:
    body = detail(debtor="Us", creditor="Landlord")
    line = only_line(source_of(tmp_path, a_xml=camt(ntry("40.00", "DBIT", details=[body]), closing="60.00")))
    assert (line["amount"], line["payer_text"]) == ("-40.00", "Landlord")


@pytest.mark.parametrize(("mark", "amount", "closing"), [("CRDT", "40.00", "140"), ("DBIT", "-40.00", "60")])
def test_a_reversal_has_the_sign_the_bank_marks_it_with(
    tmp_path: Path, mark: str, amount: str, closing: str
) -> None:
    source = source_of(tmp_path, a_xml=camt(ntry("40.00", mark, reversal=True), closing=closing))
    assert only_line(source)["amount"] == amount
    assert records(source)[0].payload["camt"]["RvslInd"] == ["true"]


def test_a_batch_is_one_line_that_names_all_its_transactions(tmp_path: Path) -> None:
    details = [detail(end_to_end=f"E-{n}", remittance=f"INV-{n}", debtor=f"Payer {n}") for n in (1, 2)]
    line = only_line(source_of(tmp_path, a_xml=camt(ntry("30.00", details=details), closing="130.00")))
    assert (line["amount"], line["reference"]) == ("30.00", "INV-1; INV-2; E-1; E-2")
    assert line["payer_text"] == "Payer 1; Payer 2"


def test_a_batch_of_thousands_keeps_whole_references_up_to_a_limit(tmp_path: Path) -> None:
    details = [detail(remittance=f"INVOICE-{n:06d}") for n in range(2_000)]
    line = only_line(source_of(tmp_path, a_xml=camt(ntry("1", details=details), closing="101")))
    *kept, rest = (line["reference"] or "").split("; ")
    assert rest == "…"
    assert kept == [f"INVOICE-{n:06d}" for n in range(len(kept))]
    assert 500 < len(kept) < 700


@pytest.mark.parametrize("version", ["02", "03", "04", "06", "08", "13"])
def test_every_version_is_read_and_wrapped_parties_are_found(tmp_path: Path, version: str) -> None:
    body = "<RltdPties><Dbtr><Pty><Nm>Ada</Nm></Pty></Dbtr></RltdPties>"
    entry = ntry("5.00", details=[body]).replace("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>")
    source = source_of(tmp_path, a_xml=document(stmt(entry, closing="105.00"), version=version))
    assert only_line(source)["payer_text"] == "Ada"


def test_namespace_prefixes_comments_and_utf_16_change_nothing(tmp_path: Path) -> None:
    plain = camt(ntry("5.00"), closing="105.00").decode()
    prefixed = (
        plain.replace("<", "<c:").replace("<c:/", "</c:").replace("<c:?", "<?").replace("xmlns=", "xmlns:c=")
    )
    commented = prefixed.replace("<c:Amt", "<!-- five --><c:Amt").replace("UTF-8", "UTF-16")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = records(source_of(tmp_path / "one", a_xml=plain.encode()))
    assert first == records(source_of(tmp_path / "two", a_xml=commented.encode("utf-16")))


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("JPY", "1050", 1050), ("KWD", "1.234", 1234), ("EUR", "8.85000", 885), ("EUR", "+.50", 50)],
)
def test_an_amount_lands_in_the_minor_units_of_its_currency(
    store: PostgresStore, tmp_path: Path, currency: str, amount: str, minor: int
) -> None:
    opening, closing = "0", amount.lstrip("+")
    content = camt(ntry(amount, currency=currency), opening=opening, closing=closing, currency=currency)
    _, landed = take(source_of(tmp_path, a_xml=content), store)
    assert landed == Landed(good=1)
    with store.transaction() as tx:
        names = {"table": "canonical.bank_lines", "amount": "amount_minor"}
        assert tx.rows_for("totals_of", names=names)[0]["loaded_minor"] == minor


def test_an_amount_its_currency_cannot_express_is_quarantined_and_the_rest_is_used(
    store: PostgresStore, tmp_path: Path
) -> None:
    content = camt(ntry("1.00001"), ntry("2.00"), closing="103.00001")
    _, landed = take(source_of(tmp_path, a_xml=content), store)
    assert (landed.good, landed.quarantined) == (1, 1)
    assert landed.complaints == [
        "bank/a.xml, statement 1 (S-1), entry 1: column Amt or :61:: more decimals than the currency has: '1.00001'"
    ]


def test_a_statement_that_does_not_add_up_is_refused_whole_and_the_others_are_used(tmp_path: Path) -> None:
    torn = stmt(ntry("10.00"), closing="120.00")
    whole = stmt(ntry("1.00"), statement="S-2", closing="101.00")
    source = source_of(tmp_path, a_xml=document(torn, whole))
    assert refusals(source) == {
        "bank/a.xml, statement 1 (S-1)": "EUR: opening balance 100.00 and entries of 10.00 (1 in all) make 110.00, "
        "the closing balance is 120.00: none of its entries is used"
    }
    assert [record.native_id for record in records(source) if not record.damage] == [
        "NL26VAYB8060476890/2026-06-29/at EUR 100"
    ]
    kept = next(record for record in records(source) if record.damage)
    assert kept.payload["statement"]["Ntry"][0]["Amt"] == [{"@Ccy": "EUR", "#": "10.00"}]


def test_pages_of_one_statement_close_with_interim_balances(tmp_path: Path) -> None:
    def page(number: int, first: str, last: str, entry: str) -> str:
        paging = (
            f"<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{str(number == 2).lower()}</LastPgInd></StmtPgntn>"
        )
        account = "<Acct><Id><Othr><Id>1234</Id></Othr></Id></Acct>"
        return f"<Stmt><Id>S-1</Id>{paging}{account}{first}{last}{entry}</Stmt>"

    source = source_of(
        tmp_path,
        a_xml=document(page(1, balance("PRCD", "10"), balance("ITBD", "11"), ntry("1"))),
        b_xml=document(page(2, balance("ITBD", "11"), balance("CLBD", "13"), ntry("2"))),
        c_xml=document(page(3, balance("ITBD", "13"), balance("ITBD", "16"), ntry("3"))),
    )
    assert [line["id"] for line in lines(source)] == [
        f"1234/2026-06-29/at EUR {before}" for before in (10, 11, 13)
    ]


def test_what_is_not_booked_yet_counts_neither_in_the_balance_nor_as_a_line(tmp_path: Path) -> None:
    source = source_of(tmp_path, a_xml=camt(ntry("10"), ntry("99", status="PDNG"), closing="110"))
    assert refusals(source) == {
        "bank/a.xml, statement 1 (S-1), entry 2": "status 'PDNG': not booked; it comes again once it is"
    }
    assert len(records(source)) == 2


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (ntry("-5"), "amount '-5' is not an unsigned decimal number"),
        (ntry("1e2"), "amount '1e2' is not an unsigned decimal number"),
        (ntry("NaN"), "amount 'NaN' is not an unsigned decimal number"),
        (ntry(""), "amount '' is not an unsigned decimal number"),
        (ntry("5", "BOTH"), "CdtDbtInd 'BOTH' is neither CRDT nor DBIT"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_and_the_balance_counts_as_unchecked(
    tmp_path: Path, entry: str, reason: str
) -> None:
    source = source_of(tmp_path, a_xml=camt(ntry("10"), entry, closing="115"))
    assert refusals(source) == {
        "bank/a.xml, statement 1 (S-1), entry 2": f"{reason}; so the statement's balances could not be checked"
    }


def test_the_same_reference_twice_in_a_statement_makes_two_lines(tmp_path: Path) -> None:
    source = source_of(
        tmp_path, a_xml=camt(ntry("1", reference="FEE"), ntry("1", reference="FEE"), closing="102")
    )
    assert [line["id"] for line in lines(source)] == [
        "NL26VAYB8060476890/2026-06-29/FEE",
        "NL26VAYB8060476890/2026-06-29/FEE#2",
    ]


BOMB = '<!DOCTYPE d [<!ENTITY a "0123456789">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)
ATTACKS = {
    "a bomb of entities": (f"{BOMB}]>", "&j;"),
    "a file by entity": ('<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>', "&x;"),
    "a page by entity": ('<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>', "&x;"),
    "a parameter entity": ('<!DOCTYPE d [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]>', "X"),
    "a foreign DTD": ('<!DOCTYPE d SYSTEM "file:///etc/hostname">', "X"),
}


@pytest.mark.parametrize(("prolog", "remittance"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_by_entities_is_refused_at_once_and_the_other_files_are_read(
    tmp_path: Path, prolog: str, remittance: str
) -> None:
    body = detail(remittance=remittance)
    attack = document(stmt(ntry("1", details=[body]), closing="101"), prolog=prolog)
    source = source_of(tmp_path, a_xml=attack, b_xml=camt(ntry("1"), closing="101"))
    began = time.process_time()
    refused = refusals(source)
    assert time.process_time() - began < 2
    assert list(refused) == ["bank/a.xml"]
    assert "document type" in refused["bank/a.xml"] or "not well-formed" in refused["bank/a.xml"]
    assert len(records(source)) == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a_xml", b"", "the file is empty"),
        ("a_xml", b"<Document><Bk", "is not well-formed XML"),
        ("a_xml", b"<html><body/></html>", "is no CAMT.053 statement: <html> holds <>"),
        ("a_xml", b"<Document/>", "is no CAMT.053 statement: <Document> holds <>"),
        ("a_xml", b"<a>" * 10_000, "is not well-formed XML"),
        ("a_xml", b"PK\x03\x04...", "is a zip archive; unpack it"),
        ("a_sta", b"\x1f\x8b...", "is compressed with gzip; unpack it"),
        ("a_zip", b"PK\x03\x04...", "is an archive, which is not opened; unpack it"),
        ("a_sta", b"\r\n", "the file is empty"),
        ("a_txt", b"Dear customer", "holds no :20:, so no MT940 statement"),
        ("a_sta", b":25:1\r\n:61:2606300630C10,00NTRF\r\n", "fields stand before the first :20:"),
        ("a_sta", b":20:STARTUMS\r\n:25:1\r\n", "states neither an opening nor a closing balance"),
        ("a_sta", mt940(EUR_TEN, closing="").partition(b":62F:")[0], "EUR: it states no closing balance"),
        ("a_sta", mt940(EUR_TEN, closing="C260630EUR120,00"), "make 110.00, the closing balance is 120.00"),
        (
            "a_sta",
            mt940("26063X0630C10,00NTRF", closing="C260630EUR100,00"),
            "mt-940 cannot read it: line 5 of it",
        ),
        ("a_sta", mt940("2606300630C10,0,0NTRF", closing="C260630EUR100,00"), "mt-940 cannot read it"),
        (
            "a_sta",
            mt940(EUR_TEN, closing="C260630EUR110,00").replace(b":60F:", b":13D:2606301200+9999\n:60F:"),
            "mt-940 cannot read it: a field does not have its form",
        ),
        ("a_sta", mt940("2613450630C10,00NTRF", closing="C260630EUR100,00"), "mt-940 cannot read it"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_reason_and_the_rest_goes_on(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    source = source_of(tmp_path, **{name: content}, b_xml=camt(ntry("1"), closing="101"))
    [(place, damage)] = refusals(source).items()
    assert place.startswith("bank/a.")
    assert reason in damage
    assert len(records(source)) == 2


def test_a_link_out_of_the_folder_a_pipe_and_a_huge_file_are_refused_unopened(tmp_path: Path) -> None:
    outside, folder = tmp_path / "secret.xml", tmp_path / "bank"
    outside.write_bytes(camt(ntry("1"), closing="101"))
    folder.mkdir()
    (folder / "link.xml").symlink_to(outside)
    os.mkfifo(folder / "pipe.sta")
    with (folder / "huge.xml").open("wb") as handle:
        handle.truncate(FILE_BYTES_MAX + 1)
    refused = refusals(BankSource(StatementFolder(folder)))
    assert "is a link" in refused["bank/link.xml"]
    assert "is no regular file" in refused["bank/pipe.sta"]
    assert "holds 33,554,433 bytes" in refused["bank/huge.xml"]


def test_what_is_no_statement_by_its_name_is_said_and_not_read(tmp_path: Path) -> None:
    source = source_of(
        tmp_path, notes_pdf=b"%PDF", a_part=b"<", lines_csv=b"id", b_XML=camt(ntry("1"), closing="101")
    )
    said = "\n".join(source.notes())
    assert "bank/notes.pdf is no statement by its name; read are .xml" in said
    assert "bank/a.part is still being written" in said
    assert len(lines(source)) == 1


def test_an_mt940_entry_has_its_sign_its_day_and_its_references(tmp_path: Path) -> None:
    content = mt940(
        "2606300630C10,5NTRFNONREF//B-1|166?00GUTSCHRIFT?20SVWZ+INV-1?32ADA LTD",
        "2606300630D4,NTRFC-9|Rent",
        "2606300630RC2,00NTRFC-10|Returned",
        "2606300630RD1,00NTRFC-11|Refunded",
        closing="C260630EUR105,50",
    )
    found = lines(source_of(tmp_path, a_sta=content))
    assert [(line["amount"], line["value_date"]) for line in found] == [
        ("10.5", "2026-06-30"),
        ("-4", "2026-06-30"),
        ("-2.00", "2026-06-30"),
        ("1.00", "2026-06-30"),
    ]
    assert found[0]["id"] == "12345678/0000123456/2026-06-30/B-1"
    assert (found[0]["payer_text"], found[0]["reference"]) == ("ADA LTD", "INV-1; B-1")
    assert found[1]["reference"] == "Rent; C-9"


def test_messages_wrapped_for_the_swift_network_are_told_apart(tmp_path: Path) -> None:
    first = mt940(EUR_TEN, closing="C260630EUR110,00").decode()
    second = mt940(
        EUR_TEN.replace("B-1", "B-2"), opening="C260630EUR110,00", closing="C260630EUR120,00"
    ).decode()
    wrapped = "".join(
        f"{{1:F01BANKDEFFXXXX0}}{{2:O9400}}{{4:\r\n{text.removesuffix(chr(13) + chr(10)).removesuffix('-')}-}}\r\n"
        for text in (first, second.replace("00042", "00043"))
    )
    found = lines(source_of(tmp_path, a_sta=wrapped.encode()))
    assert [line["reference"] for line in found] == ["Invoice 1; B-1", "Invoice 1; B-2"]


def test_an_entry_line_the_parser_merged_away_is_noticed(tmp_path: Path) -> None:
    content = mt940("2606300630C10,00", "2606300630C5,00", closing="C260630EUR105,00")
    [reason] = refusals(source_of(tmp_path, a_sta=content)).values()
    assert reason == "2 entry lines (:61:) stand in it, 1 could be read"


def test_a_file_that_comes_again_changes_nothing(store: PostgresStore, tmp_path: Path) -> None:
    content = camt(ntry("1"), ntry("1"), closing="102")
    source = source_of(tmp_path, a_xml=content)
    assert take(source, store)[1] == Landed(good=2)
    assert take(source, store)[0] == Pulled(pages=1)
    source_of(tmp_path, b_xml=content)
    os.utime(tmp_path / "a.xml", (1, 1))
    pulled, landed = take(source, store)
    assert (pulled.new, landed) == (0, Landed())


def test_a_statement_that_comes_again_in_a_longer_file_adds_only_what_is_new(
    store: PostgresStore, tmp_path: Path
) -> None:
    monday = stmt(ntry("1"), ntry("2"), closing="103")
    tuesday = stmt(ntry("3"), statement="S-2", opening="103", closing="106")
    source = source_of(tmp_path, a_xml=document(monday), b_xml=document(monday, tuesday))
    assert take(source, store)[1] == Landed(good=3)


REFERENCES = [["", "", ""], ["B-1", "B-2", "B-3"], ["B-1", "", "B-3"]]


@pytest.mark.parametrize("references", REFERENCES, ids=["without references", "with them", "with some"])
@pytest.mark.parametrize("month_first", [True, False], ids=["the month first", "the days first"])
def test_a_months_statement_and_its_days_book_everything_once(
    store: PostgresStore, tmp_path: Path, references: list[str], *, month_first: bool
) -> None:
    one, two, three = (
        ntry(amount, reference=name) for amount, name in zip(("5", "7", "5.00"), references, strict=True)
    )
    month = camt(one, two, three, statement="2026-06", closing="117.00")
    days = document(
        stmt(one, statement="D-1", closing="105"),
        stmt(two, three, statement="D-2", opening="105", closing="117"),
    )
    first, second = (month, days) if month_first else (days, month)
    assert take(source_of(tmp_path, a_xml=first), store)[1] == Landed(good=3)
    assert take(source_of(tmp_path, b_xml=second), store)[1] == Landed()
    with store.transaction() as tx:
        names = {"table": "canonical.bank_lines", "amount": "amount_minor"}
        assert tx.rows_for("totals_of", names=names)[0]["loaded_minor"] == 1700


def test_the_same_money_twice_on_one_day_is_two_bookings_also_over_two_statements(
    store: PostgresStore, tmp_path: Path
) -> None:
    content = document(
        stmt(ntry("5"), ntry("5"), statement="S-1", closing="110"),
        stmt(ntry("5"), statement="S-2", opening="110", closing="115"),
    )
    assert take(source_of(tmp_path, a_xml=content), store)[1] == Landed(good=3)


def test_a_reference_the_bank_used_again_that_day_is_left_to_a_person(
    store: PostgresStore, tmp_path: Path
) -> None:
    content = document(
        stmt(ntry("5", reference="CARDS"), statement="S-1", closing="105"),
        stmt(ntry("5", reference="CARDS"), statement="S-2", opening="105", closing="110"),
    )
    _, landed = take(source_of(tmp_path, a_xml=content), store)
    assert (landed.good, landed.quarantined) == (1, 1)
    assert "a duplicate, first stated in bank/a.xml, statement 1" in landed.complaints[0]


def test_what_was_pending_under_a_reference_is_used_once_it_is_booked(
    store: PostgresStore, tmp_path: Path
) -> None:
    pending = camt(ntry("9", status="PDNG", reference="B-9"), closing="100")
    take(source_of(tmp_path, a_xml=pending), store)
    booked = camt(ntry("9", reference="B-9"), statement="S-2", closing="109")
    assert take(source_of(tmp_path, b_xml=booked), store)[1] == Landed(good=1)


def test_a_pipe_in_the_folder_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    assert refusals(source_of(tmp_path)) == {"bank/a.xml": "is no regular file"}


def test_a_file_that_became_a_link_after_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    source_of(tmp_path, a_xml=camt(ntry("1"), closing="101"))
    folder = StatementFolder(tmp_path)
    [file] = folder.files()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "a.xml").unlink()
    (tmp_path / "a.xml").symlink_to(tmp_path / "secret.txt")
    content = folder.read(file)
    assert content
    assert (content.data, content.refused.startswith("cannot be read")) == (b"", True)


def test_a_folder_that_must_be_there_and_is_not_stops_the_reading(tmp_path: Path) -> None:
    source = BankSource(StatementFolder(tmp_path / "unmounted", required=True))
    with pytest.raises(Retryable, match="is the share mounted"):
        source.fetch_page("bank_lines", None)


def test_a_file_from_the_future_is_not_left_for_ever(tmp_path: Path) -> None:
    source_of(tmp_path, a_xml=camt(ntry("1"), closing="101"))
    now = (tmp_path / "a.xml").stat().st_mtime - 3_600
    source = BankSource(StatementFolder(tmp_path, settle_s=60, clock=lambda: now))
    assert len(records(source)) == 1


def test_another_booking_under_the_same_id_is_for_a_person_to_decide(
    store: PostgresStore, tmp_path: Path
) -> None:
    source = source_of(
        tmp_path, a_xml=camt(ntry("1"), closing="101"), b_xml=camt(ntry("2"), closing="102"), c_xml=b""
    )
    _, landed = take(source, store)
    assert (landed.good, landed.quarantined) == (1, 2)
    assert any("a duplicate, first stated in bank/a.xml, statement 1" in said for said in landed.complaints)


def test_a_file_that_arrives_later_is_read_whatever_its_name(store: PostgresStore, tmp_path: Path) -> None:
    source = source_of(tmp_path, z_xml=camt(ntry("1"), closing="101"))
    take(source, store)
    source_of(tmp_path, a_xml=camt(ntry("1"), statement="S-0", opening="99", closing="100"))
    (tmp_path / "z.xml").unlink()
    assert take(source, store)[1] == Landed(good=1)


def test_an_empty_folder_can_be_read_again_and_again(store: PostgresStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    assert [take(source, store)[0] for _ in range(2)] == [Pulled(pages=1), Pulled(pages=1)]


def test_a_file_still_being_written_is_left_for_the_next_time(tmp_path: Path) -> None:
    source_of(tmp_path, a_xml=camt(ntry("1"), closing="101")[:200], b_xml=camt(ntry("1"), closing="101"))
    os.utime(tmp_path / "b.xml", (1_000, 1_000))
    now = (tmp_path / "a.xml").stat().st_mtime + 5
    source = BankSource(StatementFolder(tmp_path, settle_s=60, clock=lambda: now))
    assert [record.place for record in records(source)] == ["bank/b.xml, statement 1 (S-1), entry 1"]
    assert source.notes() == ["bank/a.xml changed in the last 60 s; it is read the next time"]


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_time(tmp_path: Path) -> None:
    source_of(tmp_path, a_xml=camt(ntry("1"), closing="101"))
    folder = StatementFolder(tmp_path)
    [file] = folder.files()
    (tmp_path / "a.xml").write_bytes(b"longer than it was: " + b"x" * 10_000)
    assert folder.read(file) is None


@pytest.mark.parametrize("files_per_page", [1, 2, 100])
def test_pages_of_any_size_give_the_same_lines(tmp_path: Path, files_per_page: int) -> None:
    for n in range(5):
        (tmp_path / f"{n}.xml").write_bytes(
            camt(ntry("1"), statement=f"S-{n}", opening=f"{n}", closing=f"{n + 1}")
        )
    source = BankSource(StatementFolder(tmp_path), files_per_page=files_per_page)
    assert [line["id"] for line in lines(source)] == [
        f"NL26VAYB8060476890/2026-06-29/at EUR {n}" for n in range(5)
    ]


def test_the_statements_of_a_world_are_reconciled_with_it(database_url: str, tmp_path: Path) -> None:
    bank = tmp_path / "world" / "bank"
    bank.mkdir(parents=True)
    (bank / "lines.csv").write_text(
        "id,account,value_date,currency,amount\nL-1,DE1,2026-06-30,EUR,7.00\n", encoding="utf-8"
    )
    source_of(bank, day_xml=camt(ntry("10.00"), closing="110.00"), old_sta=b"torn", note_md=b"#")
    said: list[str] = []
    outcome = reconcile_world(
        tmp_path / "world",
        as_of=date(2026, 6, 30),
        out=tmp_path / "out",
        database_url=database_url,
        warn=said.append,
    )
    assert (outcome.good, outcome.quarantined) == (2, 1)
    assert "bank/old.sta: holds no :20:, so no MT940 statement" in said
    assert any(note.startswith("bank/note.md is no statement by its name") for note in said)
    assert "bank/lines.csv is read beside the statements; a booking in both would count twice" in said
    totals = (tmp_path / "out" / "control_totals.csv").read_text()
    assert "bank_line,EUR,2,17.00" in totals
    assert "bank/old.sta: holds no :20:" in (tmp_path / "out" / "breaks.csv").read_text()
