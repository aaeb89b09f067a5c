"""Reading CSV so that no row is lost, whatever stands in the file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectors.world.client import WorldSource
from include.connectors.world.reader import CsvRecord, Position, read_header, read_records
from include.ports import Cursor, NothingUsable, RawRecord

HEADER = "id,number,customer_id,issue_date,due_date,currency,gross\n"


def read(folder: Path, content: bytes, *, width: int = 3) -> list[CsvRecord]:
    path = folder / "file.csv"
    path.write_bytes(content)
    _, start = read_header(path)
    return list(read_records(path, start=start, width=width))


def source_of(folder: Path, content: bytes, *, page_rows: int = 50_000) -> WorldSource:
    (folder / "erp").mkdir(exist_ok=True)
    (folder / "erp" / "invoices.csv").write_bytes(content)
    return WorldSource(folder, page_rows=page_rows)


def walk(source: WorldSource) -> list[RawRecord]:
    found: list[RawRecord] = []
    cursor: Cursor | None = None
    while True:
        page = source.fetch_page("invoices", cursor)
        found += page.records
        cursor = page.next_cursor
        if not page.has_more:
            return found


def test_a_row_has_the_line_it_starts_on(tmp_path: Path) -> None:
    records = read(tmp_path, b'a,b,c\r\n1,2,3\r\n\r\n"4\n4",5,6\n7,8,9')
    assert [(record.line, list(record.cells)) for record in records] == [
        (2, ["1", "2", "3"]),
        (4, ["4\n4", "5", "6"]),
        (6, ["7", "8", "9"]),
    ]


@pytest.mark.parametrize(
    ("line", "damage", "cell"),
    [
        (b"1,\xff,3", "byte 0xff at position 3 is not UTF-8", 1),
        (b'"1,1",\xff,3', "byte 0xff at position 7 is not UTF-8", 1),
        (b'1,2,"3', "a quote is opened and not closed", 2),
        (b'1,"2"x,3', "not a row of RFC 4180", 1),
        (b"1,2", "2 cells where the header has 3", None),
        (b"1,2,3,4", "4 cells where the header has 3", None),
    ],
)
def test_a_damaged_line_is_kept_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, damage: str, cell: int | None
) -> None:
    records = read(tmp_path, b"a,b,c\n0,0,0\n" + line + b"\n9,9,9\n")
    assert [record.line for record in records] == [2, 3, 4]
    assert records[1].damage.startswith(damage)
    assert records[1].damaged_cell == cell
    assert not records[0].damage
    assert not records[2].damage


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(b"\xef\xbb\xbfid,name\n")
    assert read_header(tmp_path / "f.csv") == (["id", "name"], Position(1, 11))


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=20))
def test_every_line_of_any_file_belongs_to_a_record_or_is_blank(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    content = b"a,b,c\n" + b"\n".join(lines)
    covered: set[int] = set()
    for record in read(folder, content):
        covered |= set(range(record.line, record.end.line + 1))
    blank = {n for n, line in enumerate(content.split(b"\n"), start=1) if not line.strip(b", \t\r")}
    assert covered | blank >= set(range(2, content.count(b"\n") + 2))


@pytest.mark.parametrize("page_rows", [1, 2, 3, 100])
def test_pages_of_any_size_give_the_same_rows(tmp_path: Path, page_rows: int) -> None:
    rows = [f'{n},"INV\n{n}",C,2026-01-01,2026-01-31,SGD,1.00\n' for n in range(7)]
    source = source_of(tmp_path, (HEADER + "".join(rows)).encode(), page_rows=page_rows)
    assert [record.native_id for record in walk(source)] == [str(n) for n in range(7)]


def test_a_row_without_a_usable_id_goes_by_its_line(tmp_path: Path) -> None:
    content = HEADER + ",INV-1,C,2026-01-01,2026-01-31,SGD,1.00\n" + "x" * 2_000 + ",INV-2,C,,,,\n"
    assert [record.native_id for record in walk(source_of(tmp_path, content.encode()))] == [
        "line 2",
        "line 3",
    ]


def test_damage_names_the_column(tmp_path: Path) -> None:
    [record] = walk(source_of(tmp_path, HEADER.encode() + b"1,\xff,C,2026-01-01,2026-01-31,SGD,1.00\n"))
    assert record.damage.startswith("column number: byte 0xff")
    assert record.place == "erp/invoices.csv, line 2"


def test_what_a_person_should_know_is_said_once_a_file(tmp_path: Path) -> None:
    source = source_of(tmp_path, b"id,number,number,colour\n")
    notes = "\n".join(source.notes())
    assert "no such file, read as empty: salesforce/Account.csv" in notes
    assert "column 'number' stands twice" in notes
    assert "unknown column 'colour'" in notes
    assert "required column 'gross' is missing" in notes


def test_the_totals_of_a_file_agree_with_its_rows(tmp_path: Path) -> None:
    content = (
        HEADER + "1,A,C,2026-01-01,2026-01-31,SGD,1.10\n2,B,C,2026-01-01,2026-01-31,SGD,NaN\n3,D,C,,,JPY,5\n"
    )
    source = source_of(tmp_path, content.encode())
    end = source.fetch_page("invoices", None).next_cursor
    totals = source.totals("invoices", after=None, until=end)
    assert {key for key, _ in totals.keys} == {"1", "2", "3"}
    assert {currency: str(amount) for currency, amount in totals.amounts.items()} == {
        "SGD": "1.10",
        "JPY": "5",
    }


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingUsable, match="is not a folder"):
        WorldSource(tmp_path / "absent")


def test_a_message_can_say_what_the_file_calls_a_field(tmp_path: Path) -> None:
    source = source_of(tmp_path, HEADER.encode())
    assert source.column("opportunities", "close_date") == "CloseDate"
    assert source.column("invoices", "gross") == "gross"


def test_a_file_with_bare_carriage_returns_is_one_damaged_record_and_not_silence(tmp_path: Path) -> None:
    [record] = walk(source_of(tmp_path, HEADER.encode().replace(b"\n", b"\r") + b"1,INV-1,C,,,SGD,1.00\r"))
    assert "bare CR" in record.damage
