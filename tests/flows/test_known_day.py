"""What a day knew stays known: later facts change later days, and a day published anew says what it said when."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from include.flows.known_day import known_day
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live

DAY = date(2026, 3, 31)
OWED = "1 INV-1 C1 2026-03-01 2026-03-31 SGD 10.00"
CASH = "P1 C1 INV-1 SGD 10.00 2026-03-10"


def learn_and_publish(store: PostgresStore, world: Path, day: date) -> datetime:
    source = Live(world)
    for entity in source.entities:
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)
    reconcile(store, as_of=day, policy=load_policy())
    publish_run(store, as_of=day)
    return datetime.now(UTC)


def known(store: PostgresStore, day: date, at: datetime) -> list[tuple[str, str, str | None, int]]:
    found = known_day(store, as_of=day, known_at=at)
    assert found is not None
    return [
        (item["state"], item["invoice_id"], item["payment_id"], item["amount_minor"]) for item in found.items
    ]


def test_a_day_as_known_on_it_and_its_successor_as_known_with_late_cash(
    draw: Draw, store: PostgresStore
) -> None:
    before = datetime.now(UTC)
    first = learn_and_publish(store, draw(invoices=OWED, folder="first"), DAY)
    later = learn_and_publish(store, draw(invoices=OWED, payments=CASH, folder="later"), DAY + timedelta(1))
    assert known_day(store, as_of=DAY, known_at=before) is None
    assert known(store, DAY, first) == known(store, DAY, later) == [("open", "1", None, 1000)]
    assert known_day(store, as_of=DAY + timedelta(1), known_at=first) is None
    assert known(store, DAY + timedelta(1), later) == [("matched", "1", "P1", 1000)]


def test_a_day_published_anew_by_other_rules_still_says_what_it_said_then(
    draw: Draw, store: PostgresStore
) -> None:
    then = learn_and_publish(store, draw(invoices=f"{OWED} frozen"), DAY)
    rules = load_policy()
    taught = {**rules.statuses, "invoices": {**rules.statuses["invoices"], "VOID": ("frozen",)}}
    reconcile(store, as_of=DAY, policy=rules.model_copy(update={"statuses": taught, "sha256": "wiser"}))
    publish_run(store, as_of=DAY)
    assert known(store, DAY, then) == [("open", "1", None, 1000)]
    assert known(store, DAY, datetime.now(UTC)) == []
