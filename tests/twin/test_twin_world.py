from pathlib import Path

import pytest

from include.twin.world import NoWorld, business_noon, load_world, parse_instant, parse_number, read_rows


def read(tmp_path: Path, content: bytes) -> list[dict[str, str]]:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return read_rows(path)


def test_garbage_is_kept_as_it_is(tmp_path: Path) -> None:
    rows = read(tmp_path, b'id,amount\na,"1,000.00"\na,NaN\n,x\n')
    assert rows == [
        {"id": "a", "amount": "1,000.00"},
        {"id": "a", "amount": "NaN"},
        {"id": "", "amount": "x"},
    ]


def test_a_short_row_is_filled_and_a_long_one_keeps_its_surplus(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n1\n1,2,3\n") == [{"a": "1", "b": ""}, {"a": "1", "b": "2", "column_3": "3"}]


def test_invalid_utf8_is_replaced(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfid\n\xff\n") == [{"id": "\ufffd"}]


def test_a_field_of_ten_megabytes_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, b"id\n" + b"x" * 10_000_000)[0]["id"]) == 10_000_000


def test_a_field_without_end_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.twin.world.FIELD_CHARS_MAX", 1000)
    with pytest.raises(NoWorld, match=r"rows\.csv, line .*is a quotation mark missing"):
        read(tmp_path, b'id\n"' + b"x\n" * 1000)


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []


def test_a_missing_folder_is_no_world(tmp_path: Path) -> None:
    with pytest.raises(NoWorld, match="there is no such folder"):
        load_world(tmp_path / "nowhere")


def test_files_no_system_serves_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/links.csv").write_text("recon\nR3\n")
    assert load_world(tmp_path).tables == {}


@pytest.mark.parametrize(
    "text", ["", "2026-02-30", "31/12/2025", "20260105", "2026-01-05T00:00:00Z", "tomorrow"]
)
def test_only_an_iso_date_has_a_business_noon(text: str) -> None:
    assert business_noon(text) is None


def test_an_instant_is_read_in_any_zone() -> None:
    assert (
        parse_instant("2026-01-05T12:00:00+08:00")
        == parse_instant("2026-01-05T04:00:00Z")
        == business_noon("2026-01-05")
    )


@pytest.mark.parametrize(
    "text", ["", "1,000.00", "NaN", "1e5", "007", " 1", "12345678901234567.89", "9" * 400]
)
def test_what_no_double_can_give_back_is_no_number(text: str) -> None:
    assert parse_number(text) is None


def test_plain_decimals_are_numbers() -> None:
    assert [parse_number(text) for text in ("0", "-3", "10.10")] == [0, -3, 10.1]
