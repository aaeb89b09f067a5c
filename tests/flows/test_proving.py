"""The proofs of a run: they hold for what is right, and each fails for what it is there to find."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

import include.flows.reconcile as reconciling
from include.domain.proofs import RunProof
from include.flows.land_records import land_records
from include.flows.prove_run import proofs_of, prove_run
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.snapshot import Seen
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Fatal
from include.store.postgres import PostgresStore
from include.twin.generate import generate_world
from tests.flows.conftest import Draw, Live, load
from tests.report.held import told

EVE, DAY = date(2026, 3, 30), date(2026, 3, 31)

INVOICES = """
    1 INV-1 C1 2026-03-01 2026-03-31 SGD 10.00
    2 INV-2 C1 2026-03-01 2026-03-31 SGD 20.00
    3 INV-3 C2 2026-03-01 2026-03-31 SGD 40.00 void
    4 INV-4 C2 2026-03-01 2026-03-31 USD 80.00
"""
PAYMENTS = """
    P1 C1 INV-1 SGD 10.00 2026-03-10
    P4 C2 INV-4 USD 30.00 2026-03-10
    P5 C9 -     SGD 7.00  2026-03-10
"""


def proofs(store: PostgresStore, day: date = DAY) -> dict[tuple[str, str, str], RunProof]:
    run = reconcile(store, as_of=day, policy=load_policy())
    with store.transaction() as tx:
        found = proofs_of(tx, Seen(run.run_id, 0, day))
    assert run.proven == all(proof.holds for proof in found)
    return {(proof.proof, proof.side, proof.currency or ""): proof for proof in found}


def restated(store: PostgresStore, day: date = DAY) -> set[tuple[str, str, int, int, str]]:
    run = reconcile(store, as_of=day, policy=load_policy())
    with store.transaction() as tx:
        rows = tx.rows("run_restatements", run_id=run.run_id)
    return {(r["side"], r["item_id"], r["was_minor"], r["now_minor"], r["why"]) for r in rows}


def test_every_proof_is_recorded_for_every_side_and_currency(draw: Draw, store: PostgresStore) -> None:
    load(store, draw(invoices=INVOICES, payments=PAYMENTS))
    found = proofs(store)
    assert all(proof.holds for proof in found.values())
    figures = {key: (int(proof.expected), int(proof.found)) for key, proof in found.items()}
    assert figures == {
        ("loaded", "invoice", ""): (4, 4),
        ("loaded", "payment", ""): (3, 3),
        ("loaded", "invoice", "SGD"): (7000, 7000),
        ("loaded", "invoice", "USD"): (8000, 8000),
        ("loaded", "payment", "SGD"): (1700, 1700),
        ("loaded", "payment", "USD"): (3000, 3000),
        ("decided", "invoice", "SGD"): (7000, 7000),
        ("decided", "invoice", "USD"): (8000, 8000),
        ("decided", "payment", "SGD"): (1700, 1700),
        ("decided", "payment", "USD"): (3000, 3000),
        ("settled", "invoice", "SGD"): (1000, 1000),
        ("settled", "invoice", "USD"): (3000, 3000),
        ("settled", "payment", "SGD"): (1000, 1000),
        ("settled", "payment", "USD"): (3000, 3000),
        ("sub_ledger", "invoice", "SGD"): (2000, 2000),
        ("sub_ledger", "invoice", "USD"): (5000, 5000),
        ("sub_ledger", "customer", "SGD"): (2000, 2000),
        ("sub_ledger", "customer", "USD"): (5000, 5000),
        ("one_state", "invoice", "SGD"): (3, 3),
        ("one_state", "invoice", "USD"): (1, 1),
        ("one_state", "payment", "SGD"): (2, 2),
        ("one_state", "payment", "USD"): (1, 1),
    }


def change(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a statement change the results after they were stored, before they are proven."""

    def spoil(statement: str) -> None:
        def prove(tx: Any, *args: Any, **kwargs: Any) -> Any:
            tx._connection.execute(statement.encode())
            return prove_run(tx, *args, **kwargs)

        monkeypatch.setattr(reconciling, "prove_run", prove)

    return spoil


@dataclass(frozen=True)
class Wrong:
    """A statement that spoils a stored result, the proofs it must fail, and what one of them says."""

    statement: str
    fails: set[str]
    says: str


COPY = "side_a_type, side_a_id, side_b_type, side_b_id, currency"
WRONGS = {
    "a payment is spent twice over": Wrong(
        "UPDATE recon.matches SET amount_minor = 2000, paid_minor = 2000 WHERE side_a_id = 'P1'",
        {"settled R3 payment SGD", "settled R3 invoice SGD", "sub_ledger R3 invoice SGD"},
        "settled does not hold for R3 payment: there is to settle 10.00 SGD, cash, residuals and credit make "
        "20.00 SGD, a difference of 10.00 SGD; 1 item is wrong, first P1",
    ),
    "a residual has no reason": Wrong(
        "UPDATE recon.matches SET amount_minor = 900, residual_minor = 100 WHERE side_a_id = 'P1'",
        {"settled R3 invoice SGD", "settled R3 payment SGD", "sub_ledger R3 invoice SGD"},
        "a difference of -1.00 SGD; 1 item is wrong, first 1",
    ),
    "a payment is spent in another currency than its own": Wrong(
        "UPDATE recon.matches SET paid_currency = 'USD' WHERE side_a_id = 'P1'",
        {"settled R3 payment USD", "one_state R3 payment USD"},
        "one state does not hold for R3 payment: there are 2 rows, in exactly one state are 1 rows",
    ),
    "an open invoice is left out": Wrong(
        "DELETE FROM recon.open_invoices WHERE invoice_id = '2'",
        {"sub_ledger R3 invoice SGD", "sub_ledger R3 customer SGD", "one_state R3 invoice SGD"},
        "sub ledger does not hold for R3 invoice: gross less settled and credited is 23.00 SGD, open are 3.00 SGD",
    ),
    "an invoice is open for a cent more": Wrong(
        "UPDATE recon.open_invoices SET open_minor = open_minor + 1 WHERE invoice_id = '4'",
        {"sub_ledger R3 invoice USD", "sub_ledger R3 customer USD", "settled R3 invoice USD"},
        "a difference of 0.01 USD",
    ),
    "two differences cancel out": Wrong(
        "UPDATE recon.open_invoices SET open_minor = open_minor + CASE invoice_id WHEN '2' THEN 1 ELSE -1 END "
        "WHERE currency = 'SGD'",
        {"sub_ledger R3 invoice SGD", "sub_ledger R3 customer SGD", "one_state R3 invoice SGD"},
        "a difference of 0.00 SGD; 2 items are wrong, first 2",
    ),
    "a void invoice is open": Wrong(
        "INSERT INTO recon.open_invoices SELECT run_id, '3', 'C2', 'SGD', 4000, '2026-03-31', 0, 'current' "
        "FROM recon.runs",
        {"sub_ledger R3 invoice SGD", "sub_ledger R3 customer SGD", "one_state R3 invoice SGD"},
        "a difference of 40.00 SGD; 1 item is wrong, first 3",
    ),
    "a control total does not tie": Wrong(
        "UPDATE recon.control_totals SET matched_minor = matched_minor - 5 WHERE side = 'payment' "
        "AND currency = 'USD'",
        {"decided R3 payment USD"},
        "decided does not hold for R3 payment: loaded are 30.00 USD, matched, open and excluded are 29.95 USD",
    ),
    "a payment is in two matches": Wrong(
        f"INSERT INTO recon.matches SELECT run_id, 'R3-again', recon, rule, {COPY}, 0, 0, '', state, "
        "paid_currency, 0 FROM recon.matches WHERE side_a_id = 'P4'",
        {"one_state R3 payment USD"},
        "1 item is wrong, first P4",
    ),
    "a payment is posted and suggested": Wrong(
        f"INSERT INTO recon.matches SELECT run_id, 'R3-maybe', recon, rule, {COPY}, 1000, 0, '', 'suggested' "
        "FROM recon.matches WHERE side_a_id = 'P1'",
        {"one_state R3 payment SGD"},
        "1 item is wrong, first P1",
    ),
}


@pytest.mark.parametrize("wrong", WRONGS.values(), ids=WRONGS)
def test_a_wrong_result_fails_its_proof_and_stays_unpublished(
    draw: Draw, database_url: str, spoilt: Callable[[str], None], wrong: Wrong
) -> None:
    store = PostgresStore(database_url)
    load(store, draw(invoices=f"{INVOICES}\n5 INV-5 C3 2026-03-01 2026-03-31 SGD 3.00", payments=PAYMENTS))
    spoilt(wrong.statement)
    found = proofs(store)
    assert {proof.key for proof in found.values() if not proof.holds} == wrong.fails
    with pytest.raises(Fatal, match="is not published: DQ06") as refused:
        publish_run(store, as_of=DAY)
    with store.transaction() as tx:
        run = tx.rows("latest_run_of", as_of=DAY)[0]
        evidence = [row["evidence"] for row in tx.rows("blocking_breaks", run_id=run["run_id"])]
    assert run["state"] == "refused"
    assert any(wrong.says in said and said in str(refused.value) for said in evidence)


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("UPDATE canonical.invoices SET gross_minor = 1001 WHERE id = '1'", "loaded R3 invoice SGD"),
        ("DELETE FROM canonical.invoices WHERE id = '2'", "loaded R3 invoice"),
    ],
)
def test_money_or_a_row_lost_between_source_and_table_fails_its_proof(
    draw: Draw, database_url: str, statement: str, wrong: str
) -> None:
    store = PostgresStore(database_url)
    load(store, draw(invoices=INVOICES, payments=PAYMENTS))
    change(database_url, statement)
    assert wrong in {proof.key for proof in proofs(store).values() if not proof.holds}


def test_a_row_in_quarantine_is_part_of_what_the_source_holds(draw: Draw, store: PostgresStore) -> None:
    bad = "8 INV-8 C1 2026-13-01 2026-03-31 SGD 5.00\n9 INV-9 C1 2026-03-01 2026-03-31 USD five"
    load(store, draw(invoices=f"{INVOICES}\n{bad}", payments=PAYMENTS))
    found = proofs(store)
    assert int(found["loaded", "invoice", "SGD"].found) == 7500
    assert ("loaded", "invoice", "USD") not in found  # what the row is for could not be read
    assert int(found["loaded", "invoice", ""].found) == 6


def learn(store: PostgresStore, world: Path) -> None:
    """The systems now say what these files say."""
    source = Live(world)
    for entity in source.entities:
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)


def close(store: PostgresStore, world: Path, day: date) -> None:
    learn(store, world)
    reconcile(store, as_of=day, policy=load_policy())
    publish_run(store, as_of=day)


OWED = "1 INV-1 C1 2026-03-01 2026-03-31 SGD 10.00"
CASH = "P1 C1 INV-1 SGD 10.00 2026-03-10 succeeded"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("", ""), ("", ""), set()),
        ((OWED, ""), (OWED, ""), set()),
        ((OWED, CASH), (OWED, CASH), set()),
        ((OWED, ""), (OWED, CASH.replace("03-10", "03-31")), set()),
        ((OWED, ""), (OWED + "\n2 INV-2 C1 2026-03-31 2026-04-30 SGD 5.00", ""), set()),
        (("", CASH), (OWED.replace("03-01", "03-31"), CASH), set()),
        ((OWED, ""), (OWED, CASH), {("invoice", "1", 1000, 0, "late")}),
        (("", ""), (OWED, ""), {("invoice", "1", 0, 1000, "late")}),
        ((OWED, ""), (OWED.replace("10.00", "12.00"), ""), {("invoice", "1", 1000, 1200, "corrected")}),
        ((OWED, ""), (OWED + " void", ""), {("invoice", "1", 1000, 0, "withdrawn")}),
        (("", CASH), ("", CASH.replace("succeeded", "failed")), {("payment", "P1", 1000, 0, "withdrawn")}),
        (
            (OWED, CASH),
            (OWED, CASH.replace("succeeded", "failed")),
            {("invoice", "1", 0, 1000, "unmatched")},
        ),
        (
            (OWED, CASH),
            (OWED, CASH.replace("INV-1", "INV-7")),
            {("invoice", "1", 0, 1000, "unmatched"), ("payment", "P1", 0, 1000, "unmatched")},
        ),
    ],
)
def test_what_changed_since_the_day_before_is_restated_with_its_reason(
    draw: Draw,
    store: PostgresStore,
    before: tuple[str, str],
    after: tuple[str, str],
    expected: set[tuple[str, str, int, int, str]],
) -> None:
    close(store, draw(invoices=before[0], payments=before[1], folder="before"), EVE)
    learn(store, draw(invoices=after[0], payments=after[1], folder="after"))
    assert restated(store) == expected
    assert all(proof.holds for proof in proofs(store).values())


def test_a_closing_that_nobody_can_explain_keeps_the_next_day_unpublished(
    draw: Draw, database_url: str
) -> None:
    store = PostgresStore(database_url)
    world = draw(invoices=INVOICES, payments=PAYMENTS)
    close(store, world, EVE)
    change(
        database_url, "UPDATE recon.open_invoices SET open_minor = open_minor + 300 WHERE invoice_id = '2'"
    )
    found = proofs(store)
    assert {proof.key for proof in found.values() if not proof.holds} == {"carried R3 invoice SGD"}
    assert restated(store) == {("invoice", "2", 2300, 2000, "unexplained")}
    with pytest.raises(
        Fatal, match=r"carried does not hold for R3 invoice.*a difference of -3\.00 SGD.*first 2"
    ):
        publish_run(store, as_of=DAY)


@pytest.mark.parametrize("profile", ["default", "hostile"])
def test_a_generated_world_is_proven_day_after_day(
    tmp_path: Path, server_urls: DatabaseUrls, profile: str
) -> None:
    world = generate_world(out=tmp_path, seed=5, size=400, profile=profile).path
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        store = PostgresStore(url)
        load(store, world)
        for day in (date(2026, 5, 31), date(2026, 6, 15), date(2026, 6, 30)):
            found = proofs(store, day)
            assert [str(proof) for proof in found.values() if not proof.holds] == []
            of_payments = told(store, publish_run(store, as_of=day).run_id)
            assert of_payments.held_minor == of_payments.open_minor
            assert of_payments.held
        assert {proof for proof, _, _ in found} == {
            "loaded",
            "decided",
            "settled",
            "carried",
            "sub_ledger",
            "one_state",
        }
