"""A generated world as a folder: its bytes, columns and manifest, and folders that are in its way."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from include.twin.generate import generate_world
from include.twin.generate.files import COLUMNS

DATES = {"issue_date", "due_date", "paid_on", "order_date", "start_date", "end_date", "CloseDate"}
AMOUNTS = {"Amount", "amount", "net", "tax", "gross", "fee", "unit_price", "arr", "opening", "closing"}
NO_DECIMALS = {"JPY", "KRW", "VND"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated") / "world"
    generate_world(out=out, seed=7, size=500, profile="default")
    return out


def rows(world: Path, path: str) -> Iterator[dict[str, str]]:
    with (world / path).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def contents(world: Path) -> dict[str, bytes]:
    return {str(file.relative_to(world)): file.read_bytes() for file in world.rglob("*") if file.is_file()}


def test_the_same_seed_gives_the_same_bytes(world: Path, tmp_path: Path):
    generate_world(out=tmp_path / "again", seed=7, size=500, profile="default")
    assert contents(tmp_path / "again") == contents(world)


def test_another_seed_gives_other_rows_in_every_file(world: Path, tmp_path: Path):
    generate_world(out=tmp_path / "other", seed=8, size=500, profile="default")
    other = contents(tmp_path / "other")
    assert [path for path, held in contents(world).items() if other[path] == held] == []


@pytest.mark.parametrize(
    "path", ["erp/invoices.csv", "salesforce/Account.csv", "truth/arr.csv", "bank/lines.csv", "fx/rates.csv"]
)
def test_a_small_world_is_the_start_of_a_larger_one(world: Path, tmp_path: Path, path: str):
    generate_world(out=tmp_path / "larger", seed=7, size=1500, profile="default")
    small = [row for row in rows(world, path) if not row.get("id", "").startswith("BLpo_")]
    large = list(rows(tmp_path / "larger", path))
    assert large[: len(small)] == small


def test_every_file_has_its_header_and_as_many_rows_as_the_manifest_says(world: Path):
    manifest = json.loads((world / "world.json").read_text(encoding="utf-8"))
    for path, columns in COLUMNS.items():
        with (world / path).open(encoding="utf-8", newline="") as file:
            header, *body = csv.reader(file)
        assert tuple(header) == columns
        assert {len(row) for row in body} <= {len(columns)}, path
        assert manifest["counts"][path] == len(body)
    assert (manifest["seed"], manifest["as_of"]) == (7, "2026-06-30")


def test_amounts_have_the_decimals_of_their_currency(world: Path):
    for path, columns in COLUMNS.items():
        currency = next((name for name in ("currency", "CurrencyIsoCode") if name in columns), None)
        for row in rows(world, path) if currency else ():
            decimals = 0 if row[currency] in NO_DECIMALS else 2
            shape = re.compile(rf"-?\d+\.\d{{{decimals}}}" if decimals else r"-?\d+")
            assert all(shape.fullmatch(row[column]) for column in AMOUNTS & row.keys() if row[column]), row


def test_dates_are_iso_dates_within_the_two_years_before_as_of_or_soon_after(world: Path):
    for path, columns in COLUMNS.items():
        for column in DATES & set(columns):
            days = [date.fromisoformat(row[column]) for row in rows(world, path)]
            assert date(2024, 6, 1) <= min(days), (path, column)
            assert max(days) <= date(2028, 6, 30), (path, column)


def test_ids_and_invoice_numbers_are_unique(world: Path):
    for path, columns in COLUMNS.items():
        for column in {"id", "Id", "number"} & set(columns):
            held = [row[column] for row in rows(world, path)]
            assert len(set(held)) == len(held), (path, column)


def test_every_reference_to_another_file_is_to_a_row_that_exists(world: Path):
    customers = {row["id"] for row in rows(world, "erp/customers.csv")}
    accounts = {row["Id"] for row in rows(world, "salesforce/Account.csv")}
    orders = {row["id"] for row in rows(world, "erp/orders.csv")}
    deals = {row["Id"] for row in rows(world, "salesforce/Opportunity.csv")}
    payments = {row["id"] for row in rows(world, "payments/payments.csv")}
    assert {row["customer_id"] for row in rows(world, "erp/invoices.csv")} <= customers
    assert {row["customer_id"] for row in rows(world, "payments/payments.csv")} <= customers | {""}
    assert {row["order_id"] for row in rows(world, "erp/invoices.csv")} <= orders
    assert {row["opportunity_id"] for row in rows(world, "erp/orders.csv")} <= deals | {""}
    assert {row["AccountId"] for row in rows(world, "salesforce/Opportunity.csv")} <= accounts
    assert {row["payment_id"] for row in rows(world, "payments/payout_items.csv")} <= payments | {""}
    assert {row["payment_id"] for row in rows(world, "payments/attempts.csv")} <= payments


def test_mail_addresses_and_sites_are_of_a_domain_that_nobody_can_own(world: Path):
    assert all(row["Email"].endswith(".example") for row in rows(world, "salesforce/Contact.csv"))
    assert all(row["Website"].endswith(".example") for row in rows(world, "salesforce/Account.csv"))


def test_a_generated_world_is_replaced(tmp_path: Path):
    for seed in (1, 2):
        generate_world(out=tmp_path / "world", seed=seed, size=20, profile="clean")
    assert json.loads((tmp_path / "world/world.json").read_text(encoding="utf-8"))["seed"] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["world"]


def test_a_folder_that_is_not_a_generated_world_is_left_alone(tmp_path: Path):
    (tmp_path / "letters.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is not a generated world"):
        generate_world(out=tmp_path, seed=1, size=20, profile="clean")
    assert contents(tmp_path) == {"letters.txt": b"mine"}


def test_an_interrupted_run_leaves_nothing(tmp_path: Path):
    def interrupt(_step: str, _done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_world(out=tmp_path / "world", seed=1, size=20, profile="clean", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path):
    no_process = 2**22 + 1  # beyond the largest process id
    for left in ("new", "old"):
        (tmp_path / f".world.{no_process}.{left}").mkdir()
    generate_world(out=tmp_path / "world", seed=1, size=20, profile="clean")
    assert [file.name for file in tmp_path.iterdir()] == ["world"]


def test_progress_ends_with_everything_done(tmp_path: Path):
    told: list[tuple[str, int, int]] = []
    generate_world(
        out=tmp_path / "world", seed=1, size=20, profile="clean", progress=lambda *step: told.append(step)
    )
    assert told[-1] == ("customers", 20, 20)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"size": 0}, "size must be"),
        ({"seed": -1}, "seed must be"),
        ({"profile": "nice"}, "no profile 'nice'"),
    ],
)
def test_arguments_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, object], reason: str):
    arguments: dict[str, object] = {"seed": 1, "size": 20, "profile": "clean"} | wrong
    with pytest.raises(ValueError, match=reason):
        generate_world(out=tmp_path / "world", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("as_of", [date(2024, 2, 29), date(2025, 3, 30), date(2026, 1, 1)])
def test_any_day_can_be_as_of(tmp_path: Path, as_of: date):
    generate_world(out=tmp_path / "world", seed=3, size=300, profile="clean", as_of=as_of)
    issued = [date.fromisoformat(row["issue_date"]) for row in rows(tmp_path / "world", "erp/invoices.csv")]
    assert max(issued) <= as_of
    paid = [date.fromisoformat(row["paid_on"]) for row in rows(tmp_path / "world", "payments/payments.csv")]
    assert max(paid) <= as_of
