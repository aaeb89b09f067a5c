"""Who is thought dead goes on after its successor is done: what it writes then is refused, or changes nothing.

A worker freezes either just before a transaction begins, alive and with what it read long ago, or just before one
commits, with all its locks: there Postgres ends it, for it says nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier, Event
from types import MappingProxyType
from typing import Any, Literal

import psycopg
import pytest

from include.domain.delivery import Message, Outcome, Pace, key_of
from include.flows.check_completeness import check_completeness
from include.flows.deliver_outbox import deliver_outbox
from include.flows.guard_writer import TOO_LATE, Fenced, InCalls
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes, read_cursor, rewind
from include.flows.put_message import put_message
from include.flows.reconcile import reconcile
from include.flows.seal_audit import seal_audit
from include.flows.sweep_rows import sweep_rows
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Cursor, Page, RawRecord, Retryable, Row, SourceTotals, Stop
from include.signing import signer_of
from include.store.postgres import PostgresStore, PostgresTransaction
from tests.checks import assert_checks_hold
from tests.flows.conftest import Draw, load
from tests.flows.peers import Peer
from tests.store.waiting import somebody_waits

DAY = date(2026, 3, 31)
SAYS_NOTHING_MS = 300
WAIT_S = 90
When = Literal["before it begins", "before it commits", "once it saw the day"]
VOLATILE = ["computed_at", "moved_at", "checked_at"]
"""Columns of when something was last computed, the same again."""

TABLES = """
    SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND table_schema IN ('raw', 'canonical', 'recon', 'delivery', 'ops', 'audit')
    ORDER BY 1
"""


class Freezing(PostgresStore):
    """A store whose owner freezes once, at one of its transactions, counted from 1, until `thaw` is set."""

    def __init__(self, url: str, *, at: int, when: When) -> None:
        super().__init__(url)
        self._at, self._when, self._count = at, when, 0
        self.frozen, self.thaw = Event(), Event()

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        self._count += 1
        now = self._count == self._at
        if now and self._when == "before it begins":
            self._freeze()
        with super().transaction() as tx:
            if now and self._when == "once it saw the day":
                watched = Watched(tx._connection)
                watched.after = {"take_snapshot": self._freeze}
                tx = watched  # noqa: PLW2901 - the same one
            yield tx
            if now and self._when == "before it commits":
                tx._connection.execute(
                    f"SET idle_in_transaction_session_timeout = {SAYS_NOTHING_MS}".encode()
                )
                self._freeze()
                tx._connection.execute(b"SELECT")

    def _freeze(self) -> None:
        self.frozen.set()
        assert self.thaw.wait(WAIT_S)


class Watched(PostgresTransaction):
    """One that does something of a test's after a query."""

    after: Mapping[str, Callable[[], None]] = MappingProxyType({})

    def rows(self, name: str, **params: Any) -> list[Row]:
        found = super().rows(name, **params)
        self.after.get(name, lambda: None)()
        return found


class Written(dict[str, str]):
    """A hash of every table's rows, but for when they were last computed."""

    @classmethod
    def of(cls, url: str) -> "Written":
        with psycopg.connect(url) as connection:
            tables = [name for (name,) in connection.execute(TABLES).fetchall()]
            hashed = " UNION ALL ".join(
                f"SELECT '{name}', md5(coalesce(string_agg(line, '' ORDER BY line), '')) FROM ("
                f"SELECT (to_jsonb(one) - %(volatile)s::text[])::text AS line FROM {name} AS one) AS lines"
                for name in tables
            )
            return cls(connection.execute(hashed.encode(), {"volatile": VOLATILE}).fetchall())

    def differs_in(self, other: "Written") -> list[str]:
        return sorted(name for name in self if self[name] != other[name])


def outlive(
    url: str, act: Callable[[PostgresStore], Any], successor: Callable[[], Any], *, at: int, when: When
) -> tuple[Any, list[str]]:
    """What the frozen worker comes to once its successor is done, and the tables it still changed."""
    store = Freezing(url, at=at, when=when)
    with ThreadPoolExecutor(1) as thread:
        predecessor = thread.submit(act, store)
        try:
            assert store.frozen.wait(WAIT_S), predecessor.exception(timeout=1)
            successor()
            before = Written.of(url)
        finally:
            store.thaw.set()
        try:
            came: Any = predecessor.result(WAIT_S)
        except Stop as stop:
            came = stop
    return came, before.differs_in(Written.of(url))


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url
        assert_checks_hold(url)


class Shop:
    """A live system with invoices as `rows` now says them: id -> amount. Each test has one of its own."""

    states_once = False
    entities = ("invoices",)

    def __init__(self, system: str, **rows: str) -> None:
        self.system, self.rows_now, self.turn = system, rows, 0

    def now(self, **rows: str) -> "Shop":
        """The same system, as it is a little later."""
        later = Shop(self.system, **{**self.rows_now, **rows})
        later.turn = self.turn + 1
        return later

    def _record(self, native_id: str) -> RawRecord:
        gross, own = self.rows_now[native_id], f"{self.system}/{native_id}"
        return RawRecord(native_id=own, version=gross, payload={"id": own, "gross": gross}, place=own)

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:  # noqa: ARG002 - the protocol's
        records = [self._record(one) for one in self.rows_now]
        return Page(records=records, next_cursor={"turn": str(self.turn)}, has_more=False)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:  # noqa: ARG002
        return SourceTotals(keys=[(f"{self.system}/{one}", gross) for one, gross in self.rows_now.items()])

    def listing(self, entity: str, *, until: Cursor) -> Iterable[RawRecord]:  # noqa: ARG002
        return [self._record(one) for one in self.rows_now]

    def rows(self, entity: str, native_ids: Sequence[str]) -> Sequence[RawRecord]:  # noqa: ARG002
        ours = [one.removeprefix(f"{self.system}/") for one in native_ids]
        return [self._record(one) for one in ours if one in self.rows_now]

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002
        return field

    def complete_until(self, cursor: Cursor) -> None: ...

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Mapping[str, str | None]:  # noqa: ARG002
        told = {"number": f"INV-{payload['id']}", "customer_id": "C1", "currency": "SGD", "status": "open"}
        dates = {"issue_date": "2026-01-01", "due_date": "2026-01-31"}
        return {"id": payload["id"], "gross": payload["gross"], **told, **dates}


def read(shop: Shop, store: PostgresStore) -> None:
    pull_changes(shop, store, entity="invoices")
    land_records(shop, store, entity="invoices")


def amounts(url: str, system: str) -> dict[str, int]:
    query = (
        "SELECT split_part(native_id, '/', 2), gross_minor FROM canonical.invoices "
        "WHERE superseded_in IS NULL AND split_part(native_id, '/', 1) = %s"
    )
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query, (system,)).fetchall())


PULL_COMMITS = 3
"""A pull of one page: the clock, the cursor, the page."""


@pytest.mark.parametrize("when", ["before it begins", "before it commits"])
def test_a_page_of_who_was_thought_dead_is_refused(url: str, when: When) -> None:
    shop = Shop(f"pull {when}", A="10.00")
    came, changed = outlive(
        url,
        lambda store: pull_changes(shop, store, entity="invoices"),
        lambda: read(shop.now(A="20.00"), PostgresStore(url)),
        at=PULL_COMMITS,
        when=when,
    )
    assert isinstance(came, Retryable)
    assert changed == []
    assert amounts(url, shop.system) == {"A": 2000}


def test_a_page_asked_for_earlier_replaces_nothing_though_the_cursor_was_put_back_meanwhile(url: str) -> None:
    shop = Shop("rewound", A="10.00", B="1.00")

    def successor() -> None:
        read(shop.now(A="20.00"), PostgresStore(url))
        rewind(PostgresStore(url), system=shop.system, entity="invoices")

    outlive(url, lambda store: read(shop, store), successor, at=PULL_COMMITS, when="before it begins")
    assert amounts(url, shop.system) == {"A": 2000, "B": 100}


def test_a_row_seen_after_what_was_asked_for_later_is_read_again_and_not_passed_over(
    store: PostgresStore, database_url: str
) -> None:
    shop = Shop("stood still", A="10.00")
    read(shop, store)
    seen = shop.now(A="20.00")
    latest = seen.now(A="30.00")

    class StandsStill(Shop):
        """Asked for a page, and answered only when a sweep that was asked later is over."""

        def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
            sweep_rows(seen, PostgresStore(database_url), entity=entity)
            return latest.fetch_page(entity, cursor)

    with pytest.raises(Retryable, match="1 rows of the page were asked for again while it came"):
        pull_changes(StandsStill(shop.system, A="30.00"), store, entity="invoices")
    assert read_cursor(store, system=shop.system, entity="invoices") == {"turn": "0"}
    read(latest, store)
    assert amounts(database_url, shop.system) == {"A": 3000}


def test_a_page_that_says_what_was_asked_for_later_is_kept(store: PostgresStore, database_url: str) -> None:
    shop = Shop("stood still", A="10.00")
    read(shop, store)
    seen = shop.now(A="20.00")

    class StandsStill(Shop):
        """As above, and nothing changed meanwhile."""

        def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
            sweep_rows(seen, PostgresStore(database_url), entity=entity)
            return seen.now(B="5.00").fetch_page(entity, cursor)

    pull_changes(StandsStill(shop.system), store, entity="invoices")
    assert read_cursor(store, system=shop.system, entity="invoices") == {"turn": "2"}
    land_records(shop, store, entity="invoices")
    assert amounts(database_url, shop.system) == {"A": 2000, "B": 500}


def test_a_sweep_replaces_nothing_that_was_read_after_it_asked(
    store: PostgresStore,  # noqa: ARG001 - a database of its own: a sweep is of all that is held
    database_url: str,
) -> None:
    url = database_url
    shop = Shop("swept", A="10.00", B="10.00")
    read(shop, PostgresStore(url))
    seen = shop.now(A="20.00", C="5.00")  # A changed without a stamp; C was missed

    def sweep(store: PostgresStore) -> object:
        found = sweep_rows(seen, store, entity="invoices")
        land_records(seen, PostgresStore(url), entity="invoices")
        return found

    came, _ = outlive(
        url, sweep, lambda: read(seen.now(A="30.00"), PostgresStore(url)), at=4, when="before it begins"
    )
    assert (came.repaired, came.refreshed) == (1, 1)
    assert amounts(url, shop.system) == {"A": 3000, "B": 1000, "C": 500}


@pytest.mark.parametrize("whole", [False, True])
def test_a_proof_that_began_before_a_gap_was_found_does_not_hide_it(url: str, whole: bool) -> None:  # noqa: FBT001
    shop = Shop(f"proven {whole}", A="10.00")
    pull_changes(shop, PostgresStore(url), entity="invoices")
    came, changed = outlive(
        url,
        lambda store: check_completeness(shop, store, entity="invoices", whole=whole),
        lambda: check_completeness(shop.now(B="20.00"), PostgresStore(url), entity="invoices"),
        at=4 + (not whole),
        when="before it begins",
    )
    assert isinstance(came, Retryable)
    assert changed == []


@pytest.mark.parametrize("when", ["before it begins", "before it commits"])
def test_what_another_landed_is_not_landed_again(url: str, when: When) -> None:
    shop = Shop(f"landed {when}", A="10.00")
    pull_changes(shop, PostgresStore(url), entity="invoices")
    _, changed = outlive(
        url,
        lambda store: land_records(shop, store, entity="invoices"),
        lambda: land_records(shop, PostgresStore(url), entity="invoices"),
        at=2,
        when=when,
    )
    assert changed == []
    assert amounts(url, shop.system) == {"A": 1000}


def test_a_seal_of_who_was_thought_dead_is_taken_back_and_the_chain_goes_on(url: str) -> None:
    sign = signer_of("1" * 64)
    _, changed = outlive(
        url,
        lambda store: seal_audit(store, sign=sign),
        lambda: seal_audit(PostgresStore(url), sign=sign),
        at=1,
        when="before it commits",
    )
    assert changed == []


# --- a day


INVOICES = "1 INV-1 C1 2026-01-01 2026-01-31 SGD 10.00\n2 INV-2 C1 2026-01-01 2026-01-31 SGD 20.00"
PAYMENT = "P1 C1 INV-1 SGD 10.00 2026-02-01"


@pytest.mark.parametrize("when", ["before it begins", "before it commits"])
def test_a_day_has_one_published_run_whoever_comes_late(
    draw: Draw, store: PostgresStore, database_url: str, when: When
) -> None:
    load(store, draw(invoices=INVOICES))
    later = draw(invoices=INVOICES, payments=PAYMENT, folder="later")

    def tie_out(one: PostgresStore) -> object:
        return reconcile(one, as_of=DAY, policy=load_policy())

    def successor() -> None:
        load(store, later)
        tie_out(store)
        publish_run(store, as_of=DAY)

    came, changed = outlive(database_url, tie_out, successor, at=1, when=when)
    assert isinstance(came, Retryable) == (when == "before it commits")
    assert changed == []
    _, changed = outlive(
        database_url,
        lambda one: publish_run(one, as_of=DAY),
        lambda: publish_run(store, as_of=DAY),
        at=1,
        when=when,
    )
    assert changed == []
    with psycopg.connect(database_url) as connection:
        runs = connection.execute("SELECT count(*) FROM recon.runs WHERE state = 'published'").fetchone()
    assert runs == (1,)


def published(url: str) -> dict[date, list[str]]:
    """Certificates of the published runs, by day."""
    query = (
        "SELECT as_of, array_agg(certificate ->> 'certificate_sha256') FROM recon.runs "
        "WHERE state = 'published' GROUP BY as_of"
    )
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query).fetchall())


def test_of_two_who_tie_out_a_day_at_once_the_second_sees_what_the_first_left(
    draw: Draw, store: PostgresStore, database_url: str
) -> None:
    load(store, draw(invoices=INVOICES))
    later = draw(invoices=INVOICES, payments=PAYMENT, folder="later")

    def tie_out(one: PostgresStore) -> str:
        certificate = reconcile(one, as_of=DAY, policy=load_policy()).certificate_sha256
        publish_run(one, as_of=DAY)
        return certificate

    first = Freezing(database_url, at=1, when="once it saw the day")
    with ThreadPoolExecutor(2) as threads:
        earlier = threads.submit(tie_out, first)
        assert first.frozen.wait(WAIT_S)
        load(store, later)
        second = threads.submit(tie_out, PostgresStore(database_url))
        somebody_waits(database_url)
        first.thaw.set()
        assert earlier.result(WAIT_S) != second.result(WAIT_S)
    assert published(database_url) == {DAY: [second.result()]}


def test_whatever_is_done_by_several_at_once_comes_to_what_one_comes_to(
    draw: Draw, store: PostgresStore, database_url: str, server_urls: DatabaseUrls
) -> None:
    world, policy, before = draw(invoices=INVOICES, payments=PAYMENT), load_policy(), DAY - timedelta(days=1)

    def do_all(one: PostgresStore, *days: date) -> None:
        load(one, world)
        for day in days:
            reconcile(one, as_of=day, policy=policy)
            publish_run(one, as_of=day)

    with scratch_database(server_urls, strategy="FILE_COPY") as alone:
        do_all(PostgresStore(alone), before, DAY)
        undisturbed = published(alone)
        rows = counted(alone)
    together = Barrier(3, timeout=WAIT_S)

    def again_until_done(*days: date) -> None:
        together.wait()
        while True:
            with suppress(Retryable):
                return do_all(PostgresStore(database_url), *days)

    with ThreadPoolExecutor(3) as threads:
        for worker in [threads.submit(again_until_done, before) for _ in range(3)]:
            worker.result(WAIT_S)
    with ThreadPoolExecutor(3) as threads:  # the live day, twice, and a backfill of the one before
        for worker in [threads.submit(again_until_done, *days) for days in ((DAY,), (before,), (DAY,))]:
            worker.result(WAIT_S)
    assert published(database_url) == undisturbed
    assert counted(database_url) == rows
    do_all(store, before, DAY)
    assert published(database_url) == undisturbed


COUNTED = """
    SELECT (SELECT count(*) FROM raw.records), (SELECT count(*) FROM canonical.invoices),
        (SELECT count(*) FROM canonical.payments), (SELECT count(*) FROM recon.runs),
        (SELECT count(*) FROM recon.matches), (SELECT count(*) FROM recon.break_lives),
        (SELECT count(*) FROM recon.break_events)
"""


def counted(url: str) -> list[tuple[int, ...]]:
    """How many rows were kept, are current, are of runs, and how many lives and their changes there are."""
    with psycopg.connect(url) as connection:
        return connection.execute(COUNTED).fetchall()


# --- effects


PACE = Pace(
    lease=timedelta(seconds=1),
    first_wait=timedelta(seconds=1),
    longest_wait=timedelta(seconds=1),
    attempts_max=5,
    keys_live=timedelta(hours=23),
    doubt=timedelta(0),
)


def say(store: PostgresStore, text: str, *, at: str) -> None:
    with store.transaction() as tx:
        put_message(
            tx,
            Message(
                key=key_of("status", at, text),
                kind="invoice_status",
                target=at,
                subject=f"invoices/{at}",
                body={"text": text},
                newest_only=True,
            ),
        )


def deliver_all(store: PostgresStore, peer: Peer) -> None:
    """Until nothing waits: also what somebody else has had for longer than its lease."""
    waiting = "SELECT count(*) FROM delivery.outbox WHERE target = %s AND state IN ('queued', 'called', 'uncertain')"
    with psycopg.connect(store.url, autocommit=True) as connection:
        while connection.execute(waiting, (peer.system,)).fetchone() != (0,):
            deliver_outbox(store, InCalls(Fenced(peer, store), at_once=200), pace=PACE)


def test_who_has_had_a_message_for_longer_than_its_lease_says_nothing_old(url: str) -> None:
    store, peer = PostgresStore(url), Peer(system="a mirror")
    say(store, "open", at=peer.system)

    def successor() -> None:
        deliver_all(store, peer)
        say(store, "paid", at=peer.system)
        deliver_all(store, peer)

    told: list[Mapping[str, Outcome]] = []

    class Listening(Fenced):
        def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
            told.append(super().send(messages))
            return told[-1]

    came, _ = outlive(
        url,
        lambda frozen: deliver_outbox(frozen, InCalls(Listening(peer, frozen), at_once=200), pace=PACE),
        successor,
        at=2,  # it has the message, and is about to ask whether it still does
        when="before it begins",
    )
    assert came == {"late": 1}
    assert [outcome.detail for outcomes in told for outcome in outcomes.values()] == [TOO_LATE]
    assert [effect.body["text"] for effect in peer.effects] == ["open", "paid"]


def test_a_call_that_left_in_time_and_arrives_long_after_is_known_to_be_older(url: str) -> None:
    store, peer = PostgresStore(url), Peer(system="a slow mirror")

    def hang(_: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        deliver_all(store, peer)
        say(store, "paid", at=peer.system)
        deliver_all(store, peer)
        return peer.do(messages)

    say(store, "open", at=peer.system)
    peer.faults = [hang]
    came = deliver_outbox(store, InCalls(Fenced(peer, store), at_once=200), pace=PACE, rounds=1)
    assert came == {"late": 1}
    assert [effect.body["text"] for effect in peer.effects] == ["open", "paid", "open"]
    retaken, newer, late = (effect.turn or 0 for effect in peer.effects)
    assert 0 < late < retaken <= newer


@pytest.mark.parametrize("when", ["before it begins", "before it commits"])
def test_what_came_of_a_call_is_written_down_by_who_has_the_message(url: str, when: When) -> None:
    store, peer = PostgresStore(url), Peer(system=f"a target {when}")
    say(store, "open", at=peer.system)
    _, changed = outlive(
        url,
        lambda frozen: deliver_outbox(frozen, peer, pace=PACE, rounds=1),
        lambda: deliver_all(store, peer),
        at=2,
        when=when,
    )
    # That it came late is kept with its attempts, and nowhere else.
    assert changed == (["delivery.attempts"] if when == "before it begins" else [])
    assert len(peer.effects) == 1


def test_a_message_is_held_by_its_last_taker_until_its_lease_is_over(url: str) -> None:
    store, target = PostgresStore(url), "a third"
    say(store, "open", at=target)
    held: list[bool] = []

    class Asking(Peer):
        def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
            [message] = messages
            for asked in (message, replace(message, fence=99)):
                held.extend(Fenced(self, store)._holding([asked]).values())
            with psycopg.connect(url) as connection:  # as once its time is up
                connection.execute(
                    "UPDATE delivery.outbox SET leased_until = ops.clock() WHERE target = %s", (target,)
                )
            held.extend(Fenced(self, store)._holding([message]).values())
            return super().send(messages)

    deliver_outbox(store, Asking(system=target), pace=replace(PACE, lease=timedelta(minutes=5)), rounds=1)
    assert held == [True, False, False]
