"""Of looks at one object and pages that state it the one that is as of later counts, in whatever order they come."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
import pytest

from include.flows.drain_inbox import Looked, keep_look
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.sweep_rows import Sweep, sweep_rows
from include.flows.write_rows import ENTITIES, typed
from include.ports import Cursor, Page, RawRecord, Row, SourceTotals
from include.store.postgres import PostgresStore

GONE, NOTHING, GARBAGE = "gone", "nothing", "a lot"


class Till:
    """A payments platform with one payment: `amount`, or it is gone, or there never was one."""

    system, entities, states_once = "payments", ("payments",), False

    def __init__(self) -> None:
        self.amount, self.turn = NOTHING, 0

    def _records(self) -> list[RawRecord]:
        if self.amount == NOTHING:
            return []
        payload = {"id": "P", "amount": self.amount}
        gone = self.amount == GONE
        return [RawRecord(native_id="P", version=self.amount, payload=payload, place="P", gone=gone)]

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:  # noqa: ARG002 - the protocol's
        self.turn += 1
        return Page(records=self._records(), next_cursor={"turn": str(self.turn)}, has_more=False)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        raise NotImplementedError

    def listing(self, entity: str, *, until: Cursor) -> Iterable[RawRecord]:  # noqa: ARG002
        return [record for record in self._records() if not record.gone]

    def rows(self, entity: str, native_ids: Sequence[str]) -> Sequence[RawRecord]:  # noqa: ARG002
        return [record for record in self._records() if record.native_id in native_ids]

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002
        return field

    def complete_until(self, cursor: Cursor) -> None: ...

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Mapping[str, str | None]:  # noqa: ARG002
        return {"currency": "SGD", "paid_on": "2026-03-01", "status": "succeeded", **payload}


class Scene:
    def __init__(self, store: PostgresStore, url: str) -> None:
        self.store, self.url, self.till = store, url, Till()

    def page(self, amount: str) -> None:
        self.pull(amount)
        land_records(self.till, self.store, entity="payments")

    def pull(self, amount: str) -> None:
        self.till.amount = amount
        pull_changes(self.till, self.store, entity="payments")

    def begin_look(self) -> Row:
        with self.store.transaction() as tx:
            return tx.rows("next_look")[0]

    def look(self, amount: str, began: Row | None = None) -> bool:
        row = self.till.translate("payments", {"id": "P", "amount": amount})
        facts = {} if amount == GONE else typed(ENTITIES["payments"], row)
        seen = Looked(source="payments", entity="payments", native_id="P", facts=facts)
        began = began or self.begin_look()
        with self.store.transaction() as tx:
            return keep_look(tx, began, seen)

    def sweep(self, amount: str) -> Sweep:
        self.till.amount = amount
        # One payment is all there is, and it may vanish.
        swept = sweep_rows(self.till, self.store, entity="payments", gone_max=1)
        land_records(self.till, self.store, entity="payments")
        return swept

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def counts(self) -> str:
        found = self.asked("SELECT amount_minor / 100 FROM delivery.payments")
        assert len(found) <= 1
        return f"{found[0][0]}" if found else GONE


@pytest.fixture
def scene(store: PostgresStore, database_url: str) -> Scene:
    return Scene(store, database_url)


@pytest.mark.parametrize(
    "story",
    [
        "page 10, look 20 = 20",
        "page 10, look 20, page 10 = 10",
        "page 10, look 20, page 10, page 10, look 20 = 20",
        "page 10, look 20, page 10, look 20, page 10 = 10",
        "page 10, page 20, look 10, page 20 = 20",
        "look 20, page 10 = 10",
        "pull 10, look 20, page 10 = 10",
        "pull 10, look 20, page 20, look 10 = 10",
        "page 10, look gone = gone",
        "page 10, look gone, page 10 = 10",
        "page 10, look gone, page 20 = 20",
        "page 10, look 20, page gone = gone",
        "look 20, page gone = gone",
        "page 10, page gone, look 20 = 20",
        "page 10, page gone, look 20, page gone = gone",
        "page gone, look 10, page 10, look gone = gone",
        "page 10, look 20, page a_lot = 20",
        "page 10, look 20, page a_lot, page 10 = 10",
        "page 10, look 20, sweep 10 = 10",
        "page 10, look gone, sweep 10 = 10",
        "page nothing, look 20, sweep nothing = gone",
        "page 10, look 20, sweep 20 = 20",
    ],
)
def test_what_is_as_of_later_counts(scene: Scene, story: str) -> None:
    steps, expected = story.split(" = ")
    for step in steps.split(", "):
        what, amount = step.split()
        getattr(scene, what)(amount.replace("_", " "))
    assert scene.counts() == expected


def test_a_look_that_began_before_a_page_was_asked_for_is_not_kept_after_it(scene: Scene) -> None:
    scene.page("10")
    began = scene.begin_look()
    scene.page("30")
    assert not scene.look("20", began)
    assert scene.counts() == "30"


def test_nor_does_a_page_count_against_it_that_nobody_can_read(scene: Scene) -> None:
    scene.page("10")
    began = scene.begin_look()
    scene.page(GARBAGE)
    assert scene.look("20", began)
    assert scene.counts() == "20"


def test_what_went_back_is_a_version_of_its_own_so_that_whoever_follows_versions_hears_of_it(
    scene: Scene,
) -> None:
    scene.page("10")
    scene.look("20")
    scene.page("10")
    assert scene.asked(
        "SELECT amount_minor, superseded_in IS NULL FROM canonical.payments ORDER BY recorded_in"
    ) == [
        (1000, False),
        (1000, True),
    ]


def test_what_a_look_saw_as_it_had_landed_is_no_version_and_said_anew_only_once(scene: Scene) -> None:
    scene.page("10")
    scene.look("10")
    for _ in range(3):
        scene.page("10")
    assert scene.asked("SELECT count(*) FROM canonical.payments") == [(1,)]
    assert scene.asked("SELECT count(*) FROM raw.records") == [(2,)]


def test_an_unreadable_row_said_anew_after_a_look_stays_unread_and_is_not_kept_again(scene: Scene) -> None:
    scene.page(GARBAGE)
    for _ in range(2):
        scene.look("20")
        scene.page(GARBAGE)
    assert scene.counts() == "20"
    assert scene.asked("SELECT count(*) FROM raw.records") == [(1,)]
    assert scene.asked("SELECT released_in FROM canonical.quarantine") == [(None,)]


def test_a_sweep_asks_once_for_what_a_look_saw_otherwise_and_repairs_nothing(scene: Scene) -> None:
    scene.page("10")
    scene.look("20")
    assert scene.sweep("10") == Sweep(listed=1, gone=0, repaired=0, refreshed=0)
    before = scene.asked("SELECT max(seq) FROM raw.records")
    assert scene.sweep("10") == Sweep(listed=1, gone=0, repaired=0, refreshed=0)
    assert scene.asked("SELECT max(seq) FROM raw.records") == before
