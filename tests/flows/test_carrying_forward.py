"""A run opens with what the last published day posted; only what is open or new is decided."""

from datetime import date
from pathlib import Path

import pytest

from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live, Results, results

ONE = "1 INV-1 C1 2026-01-01 2026-01-31 SGD 100.00"
FIRST, SECOND = "2026-02-10", "2026-02-11"


def day(store: PostgresStore, world: Path, as_of: str) -> Results:
    """Load a world, reconcile a day and publish it."""
    source = Live(world)
    for entity in source.entities:
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)
    found = results(store, as_of)
    publish_run(store, as_of=date.fromisoformat(as_of))
    return found


def test_a_rival_that_arrives_later_does_not_take_back_what_was_posted(
    draw: Draw, store: PostgresStore
) -> None:
    paid = "P C1 - SGD 100.00 2026-02-01"
    day(store, draw(invoices=ONE, payments=paid), FIRST)
    found = day(store, draw(invoices=ONE, payments=f"{paid}\nQ C1 - SGD 100.00 2026-02-02"), SECOND)
    assert found.posted == {("P4", "P", "1")}
    assert {code for code in found.codes if code[1] == "Q"} == {("CA01", "Q")}


def test_without_the_day_before_the_same_facts_are_held(draw: Draw, store: PostgresStore) -> None:
    """What the test above would give if nothing were carried."""
    rows = "P C1 - SGD 100.00 2026-02-01\nQ C1 - SGD 100.00 2026-02-02"
    assert day(store, draw(invoices=ONE, payments=rows), SECOND).posted == set()


@pytest.mark.parametrize(
    ("invoices", "payments"),
    [
        (ONE.replace("100.00", "90.00"), "P C1 - SGD 100.00 2026-02-01"),
        (f"{ONE} void", "P C1 - SGD 100.00 2026-02-01"),
        (ONE.replace("C1", "C2"), "P C1 - SGD 100.00 2026-02-01"),
        (ONE, "P C1 - SGD 100.00 2026-02-01 failed"),
        (ONE, "P C1 - SGD 80.00 2026-02-01"),
        (ONE, "P C1 - USD 100.00 2026-02-01"),
        (ONE, "P C1 - SGD 100.00 2026-02-01\nN C1 back_P SGD -100.00 2026-02-11"),
    ],
)
def test_a_corrected_fact_takes_back_what_was_posted_and_is_restated(
    draw: Draw, store: PostgresStore, invoices: str, payments: str
) -> None:
    assert day(store, draw(invoices=ONE, payments="P C1 - SGD 100.00 2026-02-01"), FIRST).posted
    found = day(store, draw(invoices=invoices, payments=payments), SECOND)
    assert found.posted == set()
    with store.transaction() as tx:
        assert tx.rows("run_restatements", run_id=found.run.run_id)


def test_a_difference_of_exchange_is_there_every_day(draw: Draw, store: PostgresStore) -> None:
    world = draw(
        invoices="1 INV-1 C1 2026-01-01 2026-01-31 USD 100.00",
        payments="P C1 INV-1 SGD 135.40 2026-02-01",
        rates="2026-02-01 USD SGD 1.350000 ecb",
    )
    found = [day(store, world, one) for one in (FIRST, SECOND)]
    assert [one.posted for one in found] == [{("P3", "P", "1")}] * 2
    assert [("CA09", "P") in one.codes for one in found] == [True, True]
    assert {match["residual_reason"] for one in found for match in one.matches} == {"CA09"}


def test_the_day_before_stays_as_it_was(draw: Draw, store: PostgresStore) -> None:
    before = day(store, draw(invoices=ONE, payments="P C1 - SGD 100.00 2026-02-01"), FIRST)
    day(store, draw(invoices=f"{ONE} void", payments="P C1 - SGD 100.00 2026-02-01"), SECOND)
    assert results(store, FIRST) == before


def test_a_published_day_opens_with_what_it_opened_with(draw: Draw, store: PostgresStore) -> None:
    """Also after a day between was published."""
    world = draw(invoices=ONE, payments="P C1 - SGD 100.00 2026-02-01")
    day(store, world, "2026-02-01")
    later = day(store, world, SECOND)
    day(store, world, FIRST)
    assert results(store, SECOND) == later


def test_the_certificate_says_what_the_run_opened_with(draw: Draw, store: PostgresStore) -> None:
    world = draw(invoices=ONE, payments="P C1 - SGD 100.00 2026-02-01")
    first, second = day(store, world, FIRST), day(store, world, SECOND)
    with store.transaction() as tx:
        [row] = tx.rows("run_by_id", run_id=second.run.run_id)
    assert row["certificate"]["inputs"]["opening"] == {"count": 1, "sha256": first.run.certificate_sha256}


def test_what_arrives_after_its_day_was_published_is_said(draw: Draw, store: PostgresStore) -> None:
    paid = "P C1 - SGD 100.00 2026-02-01"
    assert not {code for code, _ in day(store, draw(invoices=ONE, payments=paid), FIRST).codes} & {"DQ04"}
    rows = f"{paid}\nQ C1 - SGD 70.00 2026-02-09\nR C1 - SGD 60.00 {SECOND}"
    found = day(store, draw(invoices=ONE, payments=rows), SECOND)
    [late] = [one for one in found.breaks if one["code"] == "DQ04"]
    assert (late["key"], late["severity"]) == ("payments", "S4")
    assert (
        late["evidence"]
        == f"1 of the payments of 2026-02-09 to {FIRST} arrived after {FIRST} was published: Q"
    )


def test_what_came_day_by_day_gives_what_it_gives_at_once(draw: Draw, store: PostgresStore) -> None:
    """A part, then the whole again; and a payment given back after another has come."""
    invoices = f"{ONE}\n2 INV-2 C2 2026-01-01 2026-01-31 SGD 80.00"
    rows = [
        "A C1 INV-1 SGD 40.00 2026-02-09",
        "P C2 INV-2 SGD 80.00 2026-02-09",
        "B C1 INV-1 SGD 100.00 2026-02-11",
        "Q C2 INV-2 SGD 80.00 2026-02-11",
    ]
    day(store, draw(invoices=invoices, payments="\n".join(rows[:2])), FIRST)
    refunds = "R P SGD 80.00 2026-02-11"
    found = day(store, draw(invoices=invoices, payments="\n".join(rows), refunds=refunds), SECOND)
    assert found.posted == {("P9", "A", "1"), ("P9", "B", "1"), ("P1", "Q", "2")}
    assert {one for one in found.codes if one[0].startswith("CA")} == {("CA04", "B")}
