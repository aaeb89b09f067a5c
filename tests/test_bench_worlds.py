"""Worlds made from worlds: controls in which nothing is right, the same rows in another order, a day cut off."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from include.twin.generate import generate_world
from tests.bench import worlds
from tests.bench.naive import RULES, Invoice, Payment
from tests.bench.truth import rows


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = tmp_path_factory.mktemp("worlds") / "whole"
    generate_world(out=whole, seed=5, size=400, profile="default")
    return worlds.cash_only(whole)


def customers(world: Path) -> dict[str, str]:
    return {row["id"]: row["customer_id"] for row in rows(world / "payments/payments.csv")}


@pytest.mark.parametrize("references", [True, False])
def test_no_payment_stays_in_its_family(world: Path, *, references: bool) -> None:
    family = {row["id"]: row["parent_id"] or row["id"] for row in rows(world / "erp/customers.csv")}
    before, made = customers(world), worlds.with_strangers_paying(world, references=references)
    after = customers(made)
    known = [payment for payment, payer in before.items() if payer]
    assert all(family[before[payment]] != family[after[payment]] for payment in known)
    assert sorted(before.values()) == sorted(after.values())
    assert not (made / "truth").exists()
    assert any(row["reference"] for row in rows(made / "payments/payments.csv")) is references


def test_another_order_holds_the_same_rows(world: Path) -> None:
    shuffled = worlds.in_another_order(world, seed=5)
    before, after = (list(rows(one / "erp/invoices.csv")) for one in (world, shuffled))
    assert before != after
    assert sorted(before, key=lambda row: row["id"]) == sorted(after, key=lambda row: row["id"])


def test_history_and_newest_rows_are_the_world_up_to_its_last_day(world: Path, tmp_path: Path) -> None:
    cut = worlds.before_and_after(world, day_rows=60)
    last = worlds.day_of(world).isoformat()
    grown = worlds.grown(cut.history, cut.newest, tmp_path / "grown")
    for name, column in worlds.DATED.items():
        seen = {tuple(row.values()) for row in rows(world / name) if row[column][:10] <= last}
        assert {tuple(row.values()) for row in rows(grown / name)} == seen
    assert all(row["paid_on"] > cut.eve.isoformat() for row in rows(cut.newest / "payments/payments.csv"))
    assert not list(rows(cut.empty / "erp/invoices.csv"))
    assert list(rows(cut.empty / "erp/customers.csv"))


def test_what_is_exported_each_day_grows_by_whole_days_until_it_is_the_world(
    world: Path, tmp_path: Path
) -> None:
    exports = worlds.daily_exports(world, tmp_path, days=4)
    assert len(exports) == 4
    known = []
    for day, export in exports.items():
        paid = {row["id"]: row["paid_on"] for row in rows(export / "payments/payments.csv")}
        assert max(paid.values()) <= day.isoformat()
        known.append(set(paid))
    assert all(before < after for before, after in pairwise(known))
    last = worlds.day_of(world).isoformat()
    assert known[-1] == {row["id"] for row in rows(world / "payments/payments.csv") if row["paid_on"] <= last}


def test_naive_rules_use_each_invoice_and_each_payment_once() -> None:
    day = date(2026, 6, 1)
    invoices = [Invoice(f"i{n}", f"INV-{n}", "c1", day, day, "SGD", 100) for n in range(3)]
    payments = [Payment(f"p{n}", "c1", "INV-2", "SGD", 100, day) for n in range(5)]
    for name, rule in RULES.items():
        pairs = list(rule(payments, invoices))
        assert len({payment.id for payment, _ in pairs}) == len({invoice.id for _, invoice in pairs}) == 3, (
            name
        )
