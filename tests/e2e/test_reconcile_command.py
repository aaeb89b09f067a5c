"""`tieout reconcile` as a person runs it: a world in, result files and plain words out."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from include.cli.main import main
from include.local.home import PROJECT
from include.twin.generate import generate_world

pytestmark = pytest.mark.usefixtures("server_urls")  # started by a command, it would wait for the disk

WORLDS = PROJECT.parent / "shared" / "worlds"
FILES = {"matches.csv", "breaks.csv", "control_totals.csv", "aging.csv", "arr.csv", "certificate.json"}
HEADER = "id,number,customer_id,issue_date,due_date,currency,gross"
ROW = "1,INV-1,C1,2026-01-01,2026-01-31,SGD,100.00"


Done = subprocess.CompletedProcess[str]


def tieout(*arguments: str | Path) -> Done:
    command = [sys.executable, "-W", "error", "-m", "include.cli", *map(str, arguments)]
    home = {"TIEOUT_HOME": str(PROJECT / "var" / "test")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=PROJECT, env=os.environ | home, check=False
    )


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The same in this process, which has loaded everything already."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["tieout", *map(str, arguments)])
        monkeypatch.setenv("TIEOUT_HOME", str(PROJECT / "var" / "test"))
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(list(sys.argv), int(ended.value.code or 0), told.out, told.err)

    return run


def told(world: Path, out: Path, as_of: str = "2026-03-31") -> tuple[str | Path, ...]:
    return ("reconcile", "--world", world, "--as-of", as_of, "--out", out)


def reconcile(world: Path, out: Path, as_of: str = "2026-03-31") -> Done:
    return tieout(*told(world, out, as_of))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def world_of(folder: Path, invoices: bytes) -> Path:
    (folder / "erp").mkdir(parents=True)
    (folder / "erp" / "invoices.csv").write_bytes(invoices)
    return folder


def real_world(name: str) -> Path:
    if not (WORLDS / name).is_dir():
        pytest.skip(f"the public world {name} is not on this machine (looked in {WORLDS})")
    return WORLDS / name


BAD_ROWS = {
    "a malformed date": (b"2,INV-2,C1,2026-13-01,2026-01-31,SGD,1.00", "column issue_date: not a date"),
    "grouped thousands": (
        b'3,INV-2,C1,2026-01-01,2026-01-31,SGD,"1,000.00"',
        "column gross: not a decimal number",
    ),
    "NaN": (b"4,INV-2,C1,2026-01-01,2026-01-31,SGD,NaN", "column gross: not a decimal number"),
    "a negative invoice": (b"5,INV-2,C1,2026-01-01,2026-01-31,SGD,-1.00", "column gross: negative"),
    "a duplicate id": (
        b"1,INV-2,C1,2026-01-01,2026-01-31,SGD,1.00",
        "column id: a duplicate, first stated in",
    ),
    "an unknown currency": (
        b"6,INV-2,C1,2026-01-01,2026-01-31,XXQ,1.00",
        "column currency: not an active ISO 4217",
    ),
    "a 10 MB field": (
        b"7," + b"x" * 10_000_000 + b",C1,2026-01-01,2026-01-31,SGD,1.00",
        "column number: longer than",
    ),
    "invalid UTF-8": (
        b"8,INV-\xff,C1,2026-01-01,2026-01-31,SGD,1.00",
        "column number: byte 0xff at position 7",
    ),
    "a quote never closed": (
        b'9,"INV-2,C1,2026-01-01,2026-01-31,SGD,1.00',
        "column number: a quote is opened",
    ),
    "too few cells": (b"10,INV-2", "2 cells where the header has 7"),
    "a NUL": (b"11,INV-\0,C1,2026-01-01,2026-01-31,SGD,1.00", "column number: holds a NUL"),
}


def test_every_kind_of_bad_row_is_named_quarantined_and_counted_while_the_rest_is_reconciled(
    tmp_path: Path,
) -> None:
    bad = [line for line, _ in BAD_ROWS.values()]
    content = b"\n".join(
        [f"{HEADER},colour".encode(), ROW.encode() + b",red", *(line + b",red" for line in bad), b""]
    )
    content = content.replace(b"10,INV-2,red", b"10,INV-2")
    content += b"99,INV-99,C1,2026-01-01,2026-01-31,SGD,9.00,red\n"
    done = reconcile(world_of(tmp_path / "world", content), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert any("erp/invoices.csv, line 1: unknown column 'colour'" in line for line in said)
    assert any("no such file, read as empty: salesforce/Account.csv" in line for line in said)
    for number, (kind, (_, reason)) in enumerate(BAD_ROWS.items(), start=3):
        expected = reason.replace("header has 7", "header has 8")
        assert any(f"erp/invoices.csv, line {number}: {expected}" in line for line in said), kind
    assert len(done.stderr) < 10_000
    totals = rows(tmp_path / "out" / "control_totals.csv")
    assert sum(int(total["quarantined"]) for total in totals) == len(BAD_ROWS)
    assert {total["proven"] for total in totals} == {"true"}
    assert {row["invoice_id"] for row in rows(tmp_path / "out" / "aging.csv")} == {"1", "99"}
    assert sum(row["code"] == "DQ01" for row in rows(tmp_path / "out" / "breaks.csv")) == len(BAD_ROWS)


@pytest.mark.parametrize(
    "invoices",
    [
        None,
        b"",
        b"\n\n",
        f"{HEADER}\n".encode(),
        b"id\n1\n",
        f"{HEADER}\n1,,,,,,\n".encode(),
        b"\xff\xfe\x00",
    ],
)
def test_a_world_with_nothing_usable_ends_with_code_2_and_a_sentence(
    tmp_path: Path, here: Callable[..., Done], invoices: bytes | None
) -> None:
    world = tmp_path / "world"
    world.mkdir() if invoices is None else world_of(world, invoices)
    done = here(*told(world, tmp_path / "out"))
    assert done.returncode == 2, done.stderr
    assert "holds no row that can be used" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_world_that_is_no_folder_ends_with_code_2_and_one_sentence(tmp_path: Path) -> None:
    done = reconcile(tmp_path / "absent", tmp_path / "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_the_same_world_gives_the_same_bytes(tmp_path: Path) -> None:
    generate_world(out=tmp_path / "world", seed=11, size=300, profile="hostile")
    for name in ("one", "two"):
        assert reconcile(tmp_path / "world", tmp_path / name, "2026-06-30").returncode == 0
    assert {path.name for path in (tmp_path / "one").iterdir()} == FILES
    assert all(
        (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in FILES
    )


@pytest.mark.parametrize("profile", ["clean", "default", "hostile"])
def test_nothing_is_posted_that_the_truth_does_not_hold(
    tmp_path: Path, here: Callable[..., Done], profile: str
) -> None:
    world = generate_world(out=tmp_path / "world", seed=12, size=2_000, profile=profile).path
    done = here(*told(world, tmp_path / "out", "2026-06-30"))
    assert done.returncode == 0, done.stderr
    truth = {
        (row["side_a_id"], row["side_b_id"])
        for row in rows(world / "truth" / "links.csv")
        if row["recon"] == "R3"
    }
    posted = {
        (row["side_a_id"], row["side_b_id"])
        for row in rows(tmp_path / "out" / "matches.csv")
        if row["recon"] == "R3" and row["state"] == "posted"
    }
    assert posted <= truth
    assert len(posted) > len(truth) // 4


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2012-12-31", {"": (99, "5725.06"), "current": (86, "4936.32"), "1-30": (13, "788.74")}),
        ("2013-03-31", {"": (94, "5903.74"), "current": (85, "5222.37"), "1-30": (9, "681.37")}),
        ("2013-06-30", {"": (84, "5119.85"), "current": (72, "4284.29"), "1-30": (12, "835.56")}),
    ],
)
def test_ibm_ages_to_the_cent_but_for_the_payments_held_by_name(
    tmp_path: Path, here: Callable[..., Done], as_of: str, expected: dict[str, tuple[int, str]]
) -> None:
    world = real_world("ibm_ar")
    done = here(*told(world, tmp_path / "out", as_of))
    assert done.returncode == 0, done.stderr
    held = {row["key"]: Decimal(row["amount"]) for row in rows(tmp_path / "out" / "breaks.csv")}
    paid = {row["side_b_id"] for row in rows(world / "truth" / "links.csv") if row["side_a_id"] in held}
    aging = rows(tmp_path / "out" / "aging.csv")
    owed = [row for row in aging if row["invoice_id"] not in paid]
    for bucket, (count, amount) in expected.items():
        found = [row for row in owed if bucket in {"", row["bucket"]}]
        assert (len(found), total(found)) == (count, Decimal(amount))
    assert total(aging) - total(owed) == sum(held.values())


def total(found: list[dict[str, str]]) -> Decimal:
    return sum((Decimal(row["open_amount"]) for row in found), Decimal(0))


def test_the_real_pipeline_of_opportunities_is_read_whole(tmp_path: Path, here: Callable[..., Done]) -> None:
    done = here(*told(real_world("crm_maven"), tmp_path / "out", "2017-12-31"))
    assert done.returncode == 0, done.stderr
    counted = {row["side"]: int(row["loaded_count"]) for row in rows(tmp_path / "out" / "control_totals.csv")}
    assert counted == {"account": 85, "opportunity": 8800}


def test_every_command_explains_itself_with_an_example(here: Callable[..., Done]) -> None:
    commands = (
        "demo",
        "up",
        "down",
        "migrate",
        "reconcile",
        "world generate",
        "world serve",
        "certificate verify",
    )
    for command in commands:
        done = here(*command.split(), "--help")
        assert (done.returncode, "Example:" in done.stdout) == (0, True), command
