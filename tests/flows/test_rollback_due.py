"""When going back is due: only what began after cutover counts, and each trigger is told by itself."""

from datetime import UTC, datetime, timedelta

import psycopg

from include.flows.gather_facts import gather_facts
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.switch_writer import back
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live
from tests.flows.lives import Days
from tests.flows.test_signing_parity import RUN, compared
from tests.flows.test_switching_writers import ANN, AT_ONCE, House

DEAL = "X Won true true 1200.00 SGD 2026-01-05 O C1A 5 - 12 Gold 100"


def due(store: PostgresStore, *, hours: int = 5) -> dict[str, tuple[int, dict[str, int]]]:
    now = datetime.now(UTC) + timedelta(hours=hours)
    with store.transaction() as tx:
        facts = gather_facts(tx, load_policy(), now=now)
    return {one.about: (one.count, dict(one.amounts)) for one in facts if one.kind == "rollback_due"}


def test_a_difference_in_money_and_a_duplicate_call_for_going_back_as_long_as_ours_writes_by_a_switch(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    house, days = House(store), Days(store, database_url, draw)
    days.load(payments="P C1 none SGD 60000.00 2026-03-01")
    days.publish("2026-03-31")
    assert due(store) == {}, "nothing was cut over"
    house.back("orders")
    house.go("orders")
    assert due(store) == {}, "what was there before is not cutover's"
    twice = ("O SO-1", "P SO-2")
    source = Live(
        draw(
            opportunities=DEAL,
            orders="\n".join(f"{name} C1 2026-01-05 SGD 1200.00 confirmed X" for name in twice),
            payments="P C1 none SGD 60000.00 2026-03-01\nQ C1 none SGD 70000.00 2026-04-01",
        )
    )
    for entity in ("opportunities", "orders", "payments"):
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)
    days.publish("2026-04-01")
    found = due(store)
    assert found["duplicate_invoice"][0] == 1
    assert found["money_difference"][1]["SGD"] >= 70_000_00
    with store.transaction() as tx:
        facts = gather_facts(tx, load_policy(), now=datetime.now(UTC) + timedelta(hours=5))
    [doubled] = [one for one in facts if one.about == "duplicate_invoice"]
    assert list(doubled.ids) == [str(days.break_id("P"))]
    assert "money_difference" not in due(store, hours=3), "four hours are theirs who explain"
    back(store, ["orders"], ANN, trigger="duplicate_invoice", patience=AT_ONCE)
    assert due(store) == {}


def test_keys_call_for_going_back_by_the_same_count_as_parity_and_only_of_days_since_cutover(
    store: PostgresStore, database_url: str
) -> None:
    """The old path stops writing at cutover: that its rows lack is its error, and excused as it is in parity."""
    house = House(store)
    house.back("orders")
    house.go("orders")
    day = datetime.now(UTC).date()
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state) "
            "VALUES (%s, %s, 0, 0, 'r', 'c', 'computed')",
            (RUN, day),
        )
        compared(connection, day - timedelta(days=9))
    assert due(store) == {}, "days before cutover are parity's"
    with psycopg.connect(database_url) as connection:  # at four in the morning of the day in Singapore
        connection.execute("ALTER TABLE ops.writers DISABLE TRIGGER USER")
        at = datetime(day.year, day.month, day.day, 20, tzinfo=UTC) - timedelta(days=1)
        connection.execute("UPDATE ops.writers SET since = %s WHERE flow = 'orders'", (at,))
        connection.execute("ALTER TABLE ops.writers ENABLE TRIGGER USER")
    lone = (
        "INSERT INTO parity.differences "
        "VALUES (%s, %s, 'orders', %s, 1, 'key', 'there', NULL, 'SGD', 1, NULL, %s, %s, %s)"
    )
    with psycopg.connect(database_url) as connection:
        compared(connection, day - timedelta(days=1), differences=6)
        for number in range(5):
            connection.execute(lone, (day - timedelta(days=1), 1, f"O-{number}", "logic", "", "{}"))
    assert due(store) == {}, "the day before it, though it was that day still in Greenwich"
    missed = ("legacy_error", "missed", '{"since": "x"}')
    for edition, why in ((1, missed), (2, ("logic", "", "{}"))):
        with psycopg.connect(database_url) as connection:
            compared(connection, day, edition=edition, differences=6, excused=["legacy_error", "timing"])
            for number in range(5):
                connection.execute(lone, (day, edition, f"O-{number}", *why))
        found = {name: count for name, (count, _) in due(store).items()}
        assert found == ({} if why is missed else {"coverage": 5})
