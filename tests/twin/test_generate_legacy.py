"""The old path beside a clean world: its answers day by day, and the truth about where they differ."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from include.twin.generate import generate_world
from include.twin.generate.files import COLUMNS, LEGACY_COLUMNS
from include.twin.generate.legacy import CHANGES, CLASSES

DAYS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("generated") / "world")


def made(out: Path, **changes: object) -> Path:
    asked = {"seed": 8, "size": 400, "profile": "clean", "legacy_days": DAYS} | changes
    return generate_world(out=out, **asked).path  # type: ignore[arg-type]


def rows(world: Path, path: str) -> list[dict[str, str]]:
    with (world / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_gives_the_same_answers(world: Path, tmp_path: Path):
    again = made(tmp_path / "again")
    for path in LEGACY_COLUMNS:
        assert (again / path).read_bytes() == (world / path).read_bytes()


def test_a_day_says_the_same_however_many_days_were_asked_for(world: Path, tmp_path: Path):
    shorter = made(tmp_path / "shorter", legacy_days=1)
    last = [row for row in rows(world, "legacy/statuses.csv") if row["day"] == "2026-06-30"]
    assert rows(shorter, "legacy/statuses.csv") == last


def test_the_world_itself_is_the_one_without_an_old_path(world: Path, tmp_path: Path):
    alone = made(tmp_path / "alone", legacy_days=0)
    assert not (alone / "legacy").exists()
    assert all((alone / path).read_bytes() == (world / path).read_bytes() for path in COLUMNS)


def test_every_row_of_the_truth_has_the_class_of_its_error(world: Path):
    truth = rows(world, "truth/parity.csv")
    assert {(row["error"], row["class"]) for row in truth} <= set(CLASSES.items())
    assert len({row["error"] for row in truth}) >= 6


def test_an_item_may_have_two_errors_in_fields_apart(world: Path):
    errors: dict[tuple[str, ...], set[str]] = {}
    for row in rows(world, "truth/parity.csv"):
        errors.setdefault((row["day"], row["kind"], row["key"]), set()).add(row["error"])
    both = [sorted(found) for found in errors.values() if len(found) > 1]
    assert both
    assert all(len(found) == 2 and not CHANGES[found[0]] & CHANGES[found[1]] for found in both)


def test_a_doubled_order_stands_twice_on_its_days_and_once_in_the_truth(world: Path):
    doubled = {
        (row["day"], row["key"])
        for row in rows(world, "truth/parity.csv")
        if row["kind"] == "invoices" and row["error"] == "duplicate"
    }
    times = Counter((row["day"], row["number"]) for row in rows(world, "legacy/invoices.csv"))
    assert {key for key, many in times.items() if many > 1} == doubled


def test_only_a_clean_world_has_an_old_path(tmp_path: Path):
    with pytest.raises(ValueError, match="clean"):
        made(tmp_path / "world", profile="default")
