"""The sixteen matching cases, from files to results: as drawn, shuffled, and with either side the larger one."""

import csv
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from include.domain.explanations import could_be_chance
from tests.flows.conftest import Results, TieOut

CASES = {case["id"]: case for case in json.loads((Path(__file__).parent / "match_golden.json").read_text())}

INVOICES = "id number customer_id issue_date due_date currency net gross status"
PAYMENTS = "id customer_id reference currency amount paid_on status"
CREDITS = "id number customer_id invoice_id issue_date currency gross"
CUSTOMERS = "id name country"
RATES = "date from to rate source"


@dataclass(frozen=True)
class Golden:
    """A case drawn as files (`-` = empty, `_` = a space), and what must come out: pairs with rule and amounts,
    and breaks.
    """

    invoices: str
    payments: str
    posted: set[tuple[str, str, str, str, str]]  # rule, payment, invoice, amount, residual
    breaks: set[tuple[str, str, str]]  # code, key, amount
    credits: str = ""
    customers: str = ""
    rates: str = ""
    suggested: set[tuple[str, str]] = field(default_factory=set)
    open: dict[str, str] = field(default_factory=dict)


GOLDEN = {
    "M01": Golden(
        "1 INV-2025-00123 C1 2025-03-01 2025-03-31 SGD - 10900.00",
        "P C1 INV-2025-00123 SGD 10900.00 2025-03-20",
        {("P1", "P", "1", "10900.00", "0.00")},
        set(),
    ),
    "M02": Golden(
        "1 INV-2025-00123 C1 2025-03-01 2025-03-31 SGD - 10900.00",
        "P C1 Pymt_inv_2025/123_thank_you SGD 10900.00 2025-03-20",
        {("P2", "P", "1", "10900.00", "0.00")},
        set(),
    ),
    "M03": Golden(
        "1 A1 C1 2025-03-01 2025-03-31 SGD - 13884.99\n2 A2 C1 2025-03-02 2025-04-01 SGD - 22366.04",
        "P C1 - SGD 36251.03 2025-03-20",
        {("P5", "P", "1", "13884.99", "0.00"), ("P5", "P", "2", "22366.04", "0.00")},
        set(),
    ),
    "M04": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 10900.00",
        "P C1 INV-1001 SGD 10880.00 2025-03-20",
        {("P3", "P", "1", "10880.00", "20.00")},
        {("CA07", "P", "20.00")},
    ),
    "M05": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 THB 100000.00 107000.00",
        "P C1 INV-1001 THB 104000.00 2025-03-20",
        {("P3", "P", "1", "104000.00", "3000.00")},
        {("CA08", "P", "3000.00")},
        customers="C1 Siam_Demo TH",
    ),
    "M06": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 INR 100000.00 118000.00",
        "P C1 INV-1001 INR 108000.00 2025-03-20",
        {("P3", "P", "1", "108000.00", "10000.00")},
        {("CA08", "P", "10000.00")},
        customers="C1 Demo IN",
    ),
    "M08": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 IDR - 1500000.00",
        "P C1 INV-1001 IDR 15000.00 2025-03-20",
        set(),
        {("CA20", "P", "-1485000.00")},
        open={"1": "1500000.00"},
    ),
    "M09": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 USD - 1000.00",
        "P C1 INV-1001 SGD 1345.10 2025-03-31",
        {("P3", "P", "1", "1000.00", "0.00")},
        {("CA09", "P", "2.61")},
        rates="2025-03-31 USD SGD 1.342487 ECB",
    ),
    "M10": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 5000.00",
        "P C1 INV-1001 SGD 5500.00 2025-03-20",
        {("P9", "P", "1", "5000.00", "0.00")},
        {("CA04", "P", "500.00")},
    ),
    "M11": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 5000.00\n2 INV-1002 C1 2025-03-02 2025-04-01 SGD - 5000.00",
        "P C1 INV-1001 SGD 5000.00 2025-03-20\nQ C1 INV-1001 SGD 5000.00 2025-03-22",
        {("P1", "P", "1", "5000.00", "0.00")},
        {("CA05", "Q", "5000.00")},
        open={"2": "5000.00"},
    ),
    "M12": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 10900.00",
        "P C1 INV-1001 SGD 9810.00 2025-03-20",
        {("P6", "P", "1", "9810.00", "1090.00")},
        set(),
        credits="N CN-1 C1 1 2025-03-05 SGD 1090.00",
    ),
    "M13": Golden(
        "1 INV-1001 C1 2025-03-01 2025-03-31 SGD - 10000.00",
        "P C1 INV-1001 SGD 4000.00 2025-03-20\nQ C1 INV-1001 SGD 6000.00 2025-03-25",
        {("P9", "P", "1", "4000.00", "0.00"), ("P9", "Q", "1", "6000.00", "0.00")},
        set(),
    ),
    "M14": Golden(
        "A INV-A1 C1 2025-02-01 2025-03-01 SGD - 990.00\nB INV-B1 C1 2025-03-01 2025-04-01 SGD - 990.00",
        "P C1 - SGD 990.00 2025-03-20",
        set(),
        {("CA16", "P", "990.00")},
        suggested={("P", "A"), ("P", "B")},
        open={"A": "990.00", "B": "990.00"},
    ),
    "M15": Golden(
        "\n".join(f"{n} INV-{n} C1 2025-03-01 2025-03-31 SGD - {n}00.00" for n in (1, 2, 3)),
        "P C1 - SGD 300.00 2025-03-20",
        set(),
        {("CA16", "P", "300.00")},
        suggested={("P", "1"), ("P", "2"), ("P", "3")},
        open={"1": "100.00", "2": "200.00", "3": "300.00"},
    ),
}

STRANGERS = {
    "more_invoices": "\n".join(f"S{n} STR-{n}00 C9 2025-03-01 2025-03-31 SGD - {n}1.00" for n in range(1, 9)),
    "more_payments": "\n".join(f"S{n} C9 - SGD {n}1.00 2025-03-20" for n in range(1, 9)),
}


FILES = {
    "erp/invoices.csv": (INVOICES, "invoices"),
    "payments/payments.csv": (PAYMENTS, "payments"),
    "erp/credit_notes.csv": (CREDITS, "credits"),
    "erp/customers.csv": (CUSTOMERS, "customers"),
    "fx/rates.csv": (RATES, "rates"),
}
LARGER = {"more_invoices": "erp/invoices.csv", "more_payments": "payments/payments.csv"}


def rows_of(text: str) -> list[list[str]]:
    return [["" if c == "-" else c.replace("_", " ") for c in line.split()] for line in text.splitlines()]


def write(folder: Path, cases: dict[str, Golden], variant: str = "as drawn") -> Path:
    """All cases in one world, each with ids and customers of its own."""
    for name, (header, part) in FILES.items():
        columns = header.split()
        rows = [
            [
                f"{case}-{cell}" if cell and column in {"id", "customer_id", "invoice_id"} else cell
                for column, cell in zip(columns, row, strict=False)
            ]
            for case, golden in cases.items()
            for row in rows_of(getattr(golden, part))
        ]
        if LARGER.get(variant) == name:
            rows += rows_of(STRANGERS[variant])
        if variant == "shuffled":
            rows.sort(key=lambda row: row[::-1], reverse=True)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            padded = ([*row, *[""] * len(columns)][: len(columns)] for row in rows)
            csv.writer(file).writerows([columns, *padded])
    return folder


def outcome(found: Results, case: str) -> Golden:
    """What came out for one case, with the ids it was drawn with."""

    def own(rows: list[dict[str, str]], *columns: str) -> set[tuple[str, ...]]:
        prefix = f"{case}-"
        keys = {"side_a_id", "side_b_id", "key", "invoice_id"} & set(columns)
        return {
            tuple(row[column].removeprefix(prefix) for column in columns)
            for row in rows
            if all(row[key].startswith(prefix) for key in keys)
        }

    states = {
        state: [row for row in found.matches if row["state"] == state] for state in ("posted", "suggested")
    }
    return Golden(
        "",
        "",
        own(states["posted"], "rule", "side_a_id", "side_b_id", "amount", "residual"),  # type: ignore[arg-type]
        own([row for row in found.breaks if row["recon"] == "R3"], "code", "key", "amount"),  # type: ignore[arg-type]
        suggested=own(states["suggested"], "side_a_id", "side_b_id"),  # type: ignore[arg-type]
        open=dict(own(found.aging, "invoice_id", "open_amount")),  # type: ignore[arg-type]
    )


def expected(golden: Golden) -> Golden:
    return replace(golden, invoices="", payments="", credits="", customers="", rates="")


@pytest.mark.parametrize("variant", ["as drawn", "shuffled", *STRANGERS])
def test_each_case_comes_out_as_expected(tie_out: TieOut, tmp_path: Path, variant: str) -> None:
    found = tie_out(write(tmp_path / "world", GOLDEN, variant), as_of="2025-04-30")
    for case, golden in GOLDEN.items():
        assert outcome(found, case) == expected(golden), f"{case}: {CASES[case]['expect']}"
    assert all(total["proven"] == "true" for total in found.totals)


def test_after_the_first_part_the_invoice_is_partly_paid(tie_out: TieOut, tmp_path: Path) -> None:
    """M13, as of the day before the second part."""
    found = tie_out(write(tmp_path / "world", {"M13": GOLDEN["M13"]}), as_of="2025-03-24")
    got = outcome(found, "M13")
    assert (got.posted, got.open) == ({("P9", "P", "1", "4000.00", "0.00")}, {"1": "6000.00"})


def test_the_guard_against_accidental_sums_has_the_stated_figures() -> None:
    """M16."""
    case = CASES["M16"]
    expected = Decimal(case["combos"]) / case["range_minor"]
    assert expected == Decimal(case["exact_expected"])
    assert not could_be_chance(case["n"], case["k"], range_minor=case["range_minor"])
    assert could_be_chance(case["n"], case["k"], range_minor=case["range_minor"], window_minor=2_000)


def test_every_case_is_here_or_named() -> None:
    elsewhere = {"M07": "tests/domain/test_payouts.py", "M16": "above"}
    assert set(CASES) == set(GOLDEN) | set(elsewhere)
