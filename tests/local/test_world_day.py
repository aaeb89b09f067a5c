from datetime import date
from pathlib import Path

import pytest

from include.local.demo import business_day
from include.local.home import SetUpFailed
from include.local.world_day import check_world, last_day, world_digest

TODAY = date(2026, 7, 1)


def write(world: Path, name: str, text: str | bytes) -> Path:
    path = world / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return world


def test_a_generated_world_says_its_day(tmp_path: Path):
    write(tmp_path, "world.json", '{"as_of": "2026-06-30"}')
    assert last_day(tmp_path, today=TODAY) == date(2026, 6, 30)


def test_another_world_ends_with_the_last_thing_that_happened(tmp_path: Path):
    write(
        tmp_path,
        "erp/invoices.csv",
        "id,issue_date,due_date\n1,2013-12-02,2014-01-01\n2,2013-11-30,2014-01-30\n",
    )
    write(tmp_path, "payments/payments.csv", "id,paid_on\n1,2013-12-05\n")
    assert last_day(tmp_path, today=TODAY) == date(2013, 12, 5)


def test_days_that_cannot_be_are_passed_over(tmp_path: Path):
    write(tmp_path, "payments/payments.csv", "id,paid_on\n1,2013-12-05\n2,2999-01-01\n3,31/12/2025\n4,\n5\n")
    assert last_day(tmp_path, today=TODAY) == date(2013, 12, 5)


def test_broken_bytes_and_fields_of_megabytes_do_not_stop_the_search(tmp_path: Path):
    write(tmp_path, "erp/invoices.csv", b"id,issue_date\n\xff\xfe,2013-12-02\n1," + b"x" * 1_000_000 + b"\n")
    assert last_day(tmp_path, today=TODAY) == date(2013, 12, 2)


def test_a_world_without_a_day_asks_for_one(tmp_path: Path):
    write(tmp_path, "salesforce/Account.csv", "Id,Name\n1,Acme\n")
    with pytest.raises(SetUpFailed, match="AS_OF=yyyy-mm-dd"):
        last_day(tmp_path, today=TODAY)


def test_a_world_is_told_from_another_by_its_bytes(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    for world in (one, two):
        write(world, "erp/invoices.csv", "id\n1\n")
    assert world_digest(one) == world_digest(two)
    write(two, "erp/invoices.csv", "id\n2\n")
    assert world_digest(one) != world_digest(two)


def test_a_folder_that_is_no_world_is_refused(tmp_path: Path):
    with pytest.raises(SetUpFailed, match="holds no CSV file"):
        check_world(tmp_path)
    with pytest.raises(SetUpFailed, match="is not a folder"):
        check_world(tmp_path / "missing")


def test_a_business_day_begins_at_midnight_in_singapore():
    start, end = business_day(date(2026, 6, 30))
    assert start.isoformat() == "2026-06-30T00:00:00+08:00"
    assert (end - start).days == 1
