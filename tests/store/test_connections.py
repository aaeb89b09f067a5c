"""Connections that are kept: opened once, shared by threads, replaced when they broke, clean after a failure."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep
from traceback import format_exception

import psycopg
import pytest

from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Fatal, Retryable
from include.store import postgres
from include.store.postgres import As, PostgresStore

SOMEBODY = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url


@pytest.fixture
def kept(url: str) -> Iterator[PostgresStore]:
    with PostgresStore(url).keeping(most=2) as store:
        yield store


def connections(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [pid for (pid,) in connection.execute(SOMEBODY).fetchall()]


def break_all(url: str) -> None:
    pids = connections(url)
    with psycopg.connect(url) as connection:
        for pid in pids:
            connection.execute("SELECT pg_terminate_backend(%s, 30000)", (pid,))


def use(store: PostgresStore) -> None:
    with store.transaction() as tx:
        tx.rows("newest_batch")


def test_transactions_one_after_the_other_share_one_connection(kept: PostgresStore, url: str) -> None:
    use(kept)
    first = connections(url)
    use(kept)
    assert connections(url) == first
    assert len(first) == 1


def test_whoever_connects_says_which_run_it_is_whatever_airflow_calls_it(url: str) -> None:
    for run in ("scheduled__2026-07-01T00:00:00+00:00", "by hand\\, twice -c role=none", ""):
        sweeping = PostgresStore(url, who=As(program="sweep_money", run=run))
        with sweeping.transaction() as tx:
            tx.run("record_sweep", system="erp", entity="e", listed=0, gone=0, repaired=0, refreshed=0)
        with psycopg.connect(url) as connection:
            left = connection.execute("SELECT dag_id, dag_run FROM ops.sweeps ORDER BY sweep_id DESC LIMIT 1")
            assert left.fetchone() == ("sweep_money" if run else "", run)


def test_threads_have_a_connection_each_and_no_more_than_there_may_be(kept: PostgresStore, url: str) -> None:
    together = Barrier(2, timeout=30)

    def meet() -> None:
        with kept.transaction() as tx:
            tx.rows("newest_batch")
            together.wait()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(meet) for _ in range(4)]:
            future.result()
    assert len(connections(url)) == 2


def test_a_connection_that_broke_is_replaced_before_anybody_notices(kept: PostgresStore, url: str) -> None:
    use(kept)
    break_all(url)
    use(kept)


def test_one_that_breaks_in_the_middle_is_worth_another_try(kept: PostgresStore, url: str) -> None:
    def broken() -> None:
        with kept.transaction() as tx:
            tx.rows("newest_batch")
            break_all(url)
            tx.rows("newest_batch")

    with pytest.raises(Retryable):
        broken()
    use(kept)


def test_what_failed_is_rolled_back_and_the_connection_is_as_new(kept: PostgresStore, url: str) -> None:
    def failing() -> None:
        with kept.transaction() as tx:
            tx.rows("lock_object", source="", entity="", native_id="held for ever")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    with psycopg.connect(url) as connection:
        held = (
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        )
        assert connection.execute(held).fetchone() == (0,)


def test_statements_one_by_one_each_stay_and_transactions_after_them_are_whole_again(
    kept: PostgresStore, url: str
) -> None:
    def swept(system: str) -> dict[str, object]:
        return {"system": system, "entity": "e", "listed": 0, "gone": 0, "repaired": 0, "refreshed": 0}

    def one_by_one() -> None:
        with kept.one_by_one() as tx:
            tx.run("record_sweep", **swept("one by one"))
            raise ZeroDivisionError

    def whole() -> None:
        with kept.transaction() as tx:
            tx.run("record_sweep", **swept("whole"))
            raise ZeroDivisionError

    for failing in (one_by_one, whole):
        with pytest.raises(ZeroDivisionError):
            failing()
    with psycopg.connect(url) as connection:
        told = "SELECT system FROM ops.sweeps WHERE system IN ('one by one', 'whole')"
        assert connection.execute(told).fetchall() == [("one by one",)]
    assert len(connections(url)) == 1


def test_one_at_a_time_is_alone_and_whoever_is_gone_leaves_the_place(url: str) -> None:
    first, second = PostgresStore(url), PostgresStore(url)
    with first.alone("a day") as mine:
        assert mine
        with second.alone("a day") as theirs, second.alone("another day") as another:
            assert (theirs, another) == (False, True)
    with second.alone("a day") as mine:
        assert mine
        break_all(url)  # as when its machine dies
        with first.alone("a day") as theirs:
            assert theirs


def test_a_database_that_is_away_is_worth_another_try_for_who_would_be_alone() -> None:
    with pytest.raises(Retryable), PostgresStore("postgresql://nobody@127.0.0.1:1/none").alone("a day"):
        pass


def test_who_says_nothing_in_a_transaction_is_ended_and_keeps_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "IDLE_MAX_S", 1)

    def silent() -> None:
        with PostgresStore(url).transaction() as tx:
            tx.rows("lock_object", source="", entity="", native_id="held for ever")
            sleep(2.5)
            tx.rows("newest_batch")

    with pytest.raises(Retryable, match="Postgres"):
        silent()
    use(PostgresStore(url))


def test_a_machine_that_died_is_waited_for_a_minute_also_while_an_answer_is_on_its_way(url: str) -> None:
    with PostgresStore(url).transaction() as tx:
        [waits] = tx._connection.execute("SELECT current_setting('tcp_user_timeout') AS most").fetchall()
    assert waits["most"] == "60000"  # ms, as the socket says


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO vault.tokens (system, flow, login_sha256, asked_by) VALUES ('Zuleika', 'x', 'y', NULL)",
        "SELECT 'Zuleika'::date",
        "INSERT INTO ops.console_people (person, may) VALUES ('Zuleika', '{}'), ('Zuleika', '{}')",
    ],
)
def test_what_postgres_refuses_is_said_without_the_row_it_quotes(url: str, statement: str) -> None:
    with pytest.raises(Fatal) as refused, PostgresStore(url).transaction() as tx:
        tx._connection.execute(statement.encode())
    told = "".join(format_exception(refused.value))
    assert "refuses" in told
    assert "Zuleika" not in told.replace(statement, "")
