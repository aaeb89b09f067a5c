"""Two paths side by side for two days of a small generated world: what differs, and that comparing changes nothing."""

import csv
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from include.connectors.legacy.client import LegacyFolder
from include.flows.compare_parity import Compared, compare_parity
from include.flows.judge_parity import judge_parity
from include.flows.reconcile import reconcile
from include.flows.show_parity import show_parity
from include.flows.tell_answers import TheirTable, tell_answers
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Fatal, NothingUsable, ToldRow
from include.store.postgres import PostgresStore
from include.twin.generate import generate_world
from tests.bench.parity import score, tie_out
from tests.checks import assert_checks_hold

DAY = date(2026, 6, 30)
DAYS = (DAY - timedelta(days=1), DAY)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("parity") / "world"
    return generate_world(out=out, seed=11, size=300, profile="clean", legacy_days=2).path


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls, world: Path) -> Iterator[str]:
    """One database for all: two days tied out and compared; every check holds at the end."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        with PostgresStore(url).keeping() as store:
            tie_out(store, world, days=DAYS)
            for day in DAYS:
                compared(store, world, day)
        yield url
        assert_checks_hold(url)


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with PostgresStore(url).keeping() as store:
        yield store


def compared(store: PostgresStore, world: Path, day: date = DAY) -> Compared:
    return compare_parity(store, day=day, policy=load_policy(), theirs=LegacyFolder(world / "legacy"))


def asked(url: str, statement: str, *params: object) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(statement.encode(), params).fetchall()


def test_every_injected_difference_is_found_in_its_class_and_no_other(url: str, world: Path):
    found = score(url, world)
    assert (found["recall"], found["false"]) == (1, 0)
    assert found["f1"] >= 0.95
    assert found["injected"] > 60


def test_comparing_again_gives_the_same_verdict_and_changes_nothing(
    url: str, store: PostgresStore, world: Path
):
    def state() -> list[dict[str, Any]]:
        return asked(
            url,
            "SELECT (SELECT count(*) FROM parity.answers) AS answers, (SELECT count(*) FROM parity.days) AS days, "
            "(SELECT count(*) FROM parity.differences) AS differences, "
            "(SELECT count(*) FROM delivery.outbox) AS effects",
        )

    before = state()
    [kept] = asked(url, "SELECT verdict_sha256 FROM parity.days WHERE day = %s AND edition = 1", DAY)
    again = compared(store, world)
    assert (again.unchanged, again.edition, again.verdict_sha256) == (True, 1, kept["verdict_sha256"])
    assert state() == before
    assert before[0]["effects"] == 0, "ours computes and writes no effect"
    assert compared(store, world, DAYS[0]).unchanged, (
        "an earlier day is as it was, though a later one is known"
    )
    assert asked(url, "SELECT same FROM parity.reruns WHERE day = %s", DAY)[-1]["same"]


class Meanwhile:
    """An old path that somebody else compares another day of, while this one is still being told."""

    name = "legacy"

    def __init__(self, theirs: LegacyFolder, then: Callable[[], None]) -> None:
        self._theirs, self._then = theirs, then

    def answers(self, day: date) -> Iterator[ToldRow]:
        yield from self._theirs.answers(day)
        self._then()


def test_several_days_may_be_compared_at_once(
    url: str, store: PostgresStore, world: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of a backfill, say. Neither waits for the other: in one thread, waiting would be for ever."""
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=10s")
    beside: list[Compared] = []
    with PostgresStore(url).keeping() as other:
        theirs = Meanwhile(LegacyFolder(world / "legacy"), lambda: beside.append(compared(other, world, DAY)))
        first = compare_parity(store, day=DAYS[0], policy=load_policy(), theirs=theirs)
    assert (first.unchanged, first.day) == (True, DAYS[0])
    assert [(one.unchanged, one.day) for one in beside] == [(True, DAY)]


def test_rows_that_cannot_be_read_are_put_aside_and_other_answers_make_another_edition(
    url: str, store: PostgresStore, world: Path, tmp_path: Path
):
    legacy = tmp_path / "legacy"
    shutil.copytree(world / "legacy", legacy)
    with (legacy / "orders.csv").open() as file:
        lines = file.read().splitlines()
    rows = [place for place, line in enumerate(lines) if line.startswith(str(DAYS[0]))]
    lines[rows[0]] = lines[rows[0]].replace("2026-06-29,", "29 June,", 1)
    lines[rows[1]] = ",".join(
        ["xx" if place == 5 else cell for place, cell in enumerate(lines[rows[1]].split(","))]
    )
    (legacy / "orders.csv").write_text("\n".join(lines))
    first = asked(url, "SELECT * FROM parity.days WHERE day = %s", DAYS[0])[0]

    other = compare_parity(store, day=DAYS[0], policy=load_policy(), theirs=LegacyFolder(legacy))

    assert (other.edition, other.quarantined, other.unchanged) == (2, 2, False)
    assert other.theirs == first["theirs_count"] - 2, "nothing that was read is lost"
    assert asked(url, "SELECT * FROM parity.days WHERE day = %s AND edition = 1", DAYS[0]) == [first]
    bad = asked(url, "SELECT place, column_name, reason FROM parity.quarantine ORDER BY column_name")
    assert [one["column_name"] for one in bad] == ["amount", "row"]
    assert bad[0]["place"] == f"orders.csv, line {rows[1] + 1}"
    assert "'29 June' is no day" in bad[1]["reason"]
    causes = asked(
        url, "SELECT cause FROM parity.differences WHERE edition = 2 AND kind = 'orders' AND field = 'key'"
    )
    assert Counter(one["cause"] for one in causes)["unreadable"] == 2


@pytest.mark.parametrize(
    ("file", "header", "lacking"),
    [
        ("invoices.csv", "day,number,issue_date,due_date,currency,net,tax,Gross,created_at", "gross"),
        ("arr.csv", "date,subscription_id,currency,arr", "day"),
        ("arr.csv", "day,subscription_id,currency,currency", "currency, arr"),
        ("arr.csv", "day;subscription_id;currency;arr", "day, subscription_id, currency, arr"),
        ("matches.csv", "", "day, payment_id"),
    ],
)
def test_a_file_whose_columns_are_called_otherwise_is_refused_by_name(
    tmp_path: Path, file: str, header: str, lacking: str
):
    (tmp_path / file).write_text(f"{header}\n")
    with pytest.raises(NothingUsable, match=f"{file} must have the columns .*it has not {lacking}"):
        list(LegacyFolder(tmp_path).answers(DAY))


def test_a_day_that_stands_in_two_files_is_refused_and_not_doubled(tmp_path: Path):
    (tmp_path / "2026-06-30").mkdir()
    (tmp_path / "arr.csv").write_text("day,subscription_id,currency,arr\n2026-06-29,S1,SGD,1\n")
    (tmp_path / "2026-06-30" / "arr.csv").write_text("subscription_id,currency,arr\nS1,SGD,1\n")
    assert len(list(LegacyFolder(tmp_path).answers(DAY))) == 1
    (tmp_path / "arr.csv").write_text("day,subscription_id,currency,arr\n2026-06-30,S1,SGD,1\n")
    with pytest.raises(NothingUsable, match="both have rows of 2026-06-30"):
        list(LegacyFolder(tmp_path).answers(DAY))


def test_a_row_of_another_day_in_the_folder_of_a_day_is_put_aside(tmp_path: Path):
    folder = tmp_path / "legacy" / str(DAY)
    folder.mkdir(parents=True)
    (folder / "arr.csv").write_text(
        "day,subscription_id,currency,arr\n,S1,SGD,1.00\n2026-06-30,S2,SGD,1.00\n2026-06-29,S3,SGD,1.00\n"
    )
    told = list(LegacyFolder(tmp_path / "legacy").answers(DAY))
    assert [row.damage for row in told] == ["", "", "it says 2026-06-29, in the folder of 2026-06-30"]


def test_a_table_of_theirs_gives_the_answers_of_their_files(url: str, store: PostgresStore):
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE VIEW public.told AS SELECT day, kind, key, amount_minor, tax_minor, currency, on_date, due_date, "
            "coalesce(word, ltrim(status, '?')) AS word, text, at FROM parity.answers_theirs "
            "LEFT JOIN (VALUES ('IN_FULFILMENT', 'Active'), ('COMPLETED', 'Closed'), ('PAID', 'Settled'), "
            "('PARTIALLY_PAID', 'Part paid'), ('OPEN', 'Outstanding')) AS words (status, word) "
            "USING (status) WHERE day = '2026-06-30' AND edition = 1"
        )
        connection.execute(
            "CREATE VIEW public.told_backwards AS SELECT day, kind, key, amount_minor, tax_minor, currency, on_date, "
            "due_date, word, at, CASE WHEN kind = 'matches' THEN (SELECT string_agg(upper(one), '  ' ORDER BY n DESC) "
            "FROM regexp_split_to_table(text || ' ' || text, ' ') WITH ORDINALITY AS words (one, n)) ELSE text END "
            "AS text FROM public.told ORDER BY key DESC"
        )
        connection.execute(
            "CREATE VIEW public.small AS SELECT day, kind, key, amount_minor, tax_minor, lower(currency) AS currency, "
            "on_date, due_date, word, text, at FROM public.told WHERE kind = 'arr' ORDER BY key LIMIT 1"
        )
        connection.execute(
            "CREATE VIEW public.endless AS SELECT day, kind, repeat(key, CASE n WHEN 1 THEN 900 ELSE 1 END) AS key, "
            "amount_minor, tax_minor, currency, on_date, CASE n WHEN 2 THEN 'infinity' ELSE due_date END AS due_date, "
            "word, text, CASE n WHEN 3 THEN '-infinity' ELSE at END AS at FROM (SELECT *, row_number() OVER (ORDER BY "
            "key) AS n FROM public.told WHERE kind = 'invoices') AS rows WHERE n < 5"
        )
    for name in ("public.told", "public.told_backwards"):
        again = compare_parity(store, day=DAY, policy=load_policy(), theirs=TheirTable(name))
        assert again.unchanged
    with pytest.raises(NothingUsable, match=f"public.told holds no answer of {DAYS[0]}"):
        compare_parity(store, day=DAYS[0], policy=load_policy(), theirs=TheirTable("public.told"))
    with store.transaction() as tx:
        tell_answers(tx, TheirTable("public.small"), day=DAY, parity=load_policy().parity)
        assert [row["column_name"] for row in tx.rows("bad_rows")] == ["currency"], "sgd is no currency"
    with store.transaction() as tx:
        tell_answers(tx, TheirTable("public.endless"), day=DAY, parity=load_policy().parity)
        assert sorted(row["column_name"] for row in tx.rows("bad_rows")) == ["date", "date", "key"]


def test_a_table_that_is_not_there_or_whose_columns_would_be_rounded_or_shifted_is_refused(
    url: str, store: PostgresStore
):
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE public.odd AS SELECT day, kind, key, amount_minor::float, tax_minor, currency, on_date, "
            "due_date, text, at::timestamp FROM parity.answers_theirs WHERE edition = 1"
        )
        connection.execute(
            "CREATE TABLE public.undated AS SELECT day, kind, key, amount_minor, tax_minor, currency, on_date, "
            "due_date, ''::text AS word, text, at FROM parity.answers_theirs WHERE day = '2026-06-30' AND edition = 1"
        )
        connection.execute("UPDATE public.undated SET day = NULL WHERE kind = 'arr'")

    def told(name: str) -> str:
        with pytest.raises(NothingUsable) as refused, store.transaction() as tx:
            tell_answers(tx, TheirTable(name), day=DAY, parity=load_policy().parity)
        return str(refused.value)

    assert told("public.nowhere") == "there is no table or view public.nowhere in our database"
    assert told("public.odd") == (
        "public.odd has not the columns of parity.answers: amount_minor is double precision, and must be bigint; "
        "at is timestamp without time zone, and must be timestamp with time zone; word is not there, and must be text"
    )
    with store.transaction() as tx:
        tell_answers(tx, TheirTable("public.undated"), day=DAY, parity=load_policy().parity)
        bad = tx.rows("bad_rows")
    assert {(row["kind"], row["column_name"]) for row in bad} == {("arr", "day")}, (
        "as of a file, on every day"
    )


def test_a_day_that_was_not_tied_out_or_not_told_of_is_not_compared(
    store: PostgresStore, world: Path, tmp_path: Path
):
    with pytest.raises(Fatal, match="no run of 2026-05-01"):
        compared(store, world, date(2026, 5, 1))
    tomorrow = DAY + timedelta(days=1)
    reconcile(store, as_of=tomorrow, policy=load_policy())
    with pytest.raises(Fatal, match="no run of 2026-07-01 is published"):
        compared(store, world, tomorrow)
    (tmp_path / "legacy").mkdir()
    with pytest.raises(NothingUsable, match="no answer of 2026-06-30"):
        compared(store, tmp_path)
    with pytest.raises(NothingUsable, match="not a folder"):
        compared(store, tmp_path / "nowhere")


def test_what_was_compared_is_never_rewritten(url: str):
    for table in (
        "days",
        "answers",
        "answers_ours",
        "answers_theirs",
        "differences",
        "totals",
        "quarantine",
        "reruns",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="is history"):
            asked(url, f"DELETE FROM parity.{table}")


def test_the_truth_names_what_is_in_the_files(world: Path):
    with (world / "truth" / "parity.csv").open() as file:
        truth = list(csv.DictReader(file))
    assert {row["day"] for row in truth} == {str(day) for day in DAYS}


class Changed(LegacyFolder):
    """The old path with errors that nobody taught us: column of a kind -> what becomes of one settled row's value."""

    def __init__(self, folder: Path, changes: dict[tuple[str, str], Callable[[str], str]]) -> None:
        super().__init__(folder)
        self.left, self.touched = dict(changes), set[tuple[str, str]]()

    def answers(self, day: date) -> Iterator[ToldRow]:
        for row in super().answers(day):
            for (kind, column), change in list(self.left.items()):
                value = row.cells.get(column, "")
                ripe = (kind, row.cells["key"]) not in self.touched and row.cells.get(
                    "on_date", ""
                ) < "2026-05"
                if row.kind == kind and ripe and change(value) != value:
                    del self.left[kind, column]
                    self.touched.add((kind, row.cells["key"]))
                    row = replace(row, cells={**row.cells, column: change(value)})  # noqa: PLW2901
                    break
            yield row


def test_an_error_that_nobody_taught_us_is_unexplained_and_never_excused(
    url: str, store: PostgresStore, world: Path
):
    clean = {(one["kind"], one["key"]) for one in asked(url, "SELECT kind, key FROM parity.differences")}
    changes: dict[tuple[str, str], Callable[[str], str]] = {
        ("invoices", "amount"): lambda text: f"{Decimal(text) + 7}",
        ("invoices", "due_date"): lambda text: str(date.fromisoformat(text) + timedelta(days=9)),
        ("statuses", "status"): lambda text: text.replace("Settled", "Part paid"),
        ("statuses", "on_date"): lambda text: text and str(date.fromisoformat(text) - timedelta(days=3)),
        ("matches", "texts"): lambda _: "INV-2019-99999",
        ("arr", "amount"): lambda text: f"{Decimal(text) * 7 / 5:.0f}.00" if "." in text else text,
    }
    theirs = Changed(world / "legacy", changes)
    compare_parity(store, day=DAY, policy=load_policy(), theirs=theirs)
    assert theirs.left == {}, "every error was made"
    found = asked(
        url,
        "SELECT kind, key, field, class, cause FROM parity.differences WHERE day = %s AND edition = 2",
        DAY,
    )
    alien = [one for one in found if (one["kind"], one["key"]) in theirs.touched - clean]
    assert len(alien) >= len(changes) - 1
    assert {(one["class"], one["cause"]) for one in alien} == {("logic", "")}, alien


def test_a_late_fact_restates_a_day_is_listed_with_it_and_changes_no_verdict(
    server_urls: DatabaseUrls, tmp_path: Path
):
    """An invoice that a payment settled turns out to have been settled a day before it came."""
    (tmp_path / "erp").mkdir()
    (tmp_path / "payments").mkdir()
    head = "id,number,customer_id,issue_date,due_date,currency,net,tax,gross,status\n"
    (tmp_path / "erp/invoices.csv").write_text(
        f"{head}I1,INV-1,C1,2026-06-01,2026-07-01,SGD,100.00,0.00,100.00,posted\n"
    )
    payments = tmp_path / "payments/payments.csv"
    payments.write_text("id,customer_id,reference,currency,amount,paid_on,status\n")
    legacy = tmp_path / "legacy"
    legacy.mkdir()
    (legacy / "statuses.csv").write_text(f"day,invoice_number,status,paid_on\n{DAYS[0]},INV-1,Outstanding,\n")
    (legacy / "invoices.csv").write_text(
        "day,number,issue_date,due_date,currency,tax,gross\n"
        "20260629,INV-1,2026-06-01,2026-07-01,SGD,0.00,100.00\n"
        f"{DAYS[0]},INV-2,2026-06-30,2026-07-30,SGD,0.00,50.00\n"
    )
    with scratch_database(server_urls, strategy="FILE_COPY") as url, PostgresStore(url).keeping() as store:
        tie_out(store, tmp_path, days=DAYS[:1])
        first = compared(store, tmp_path, DAYS[0])
        assert (first.theirs, first.by_class) == (3, {"timing": 1}), "a day is a day in any form of ISO 8601"
        (tmp_path / "erp/orders.csv").write_text(
            "id,number,customer_id,order_date,currency,amount,status\n"
            f"O1,SO-1,C1,{DAYS[0]},SGD,7.00,confirmed\nO2,SO-2,C1,{DAYS[1]},SGD,8.00,confirmed\n"
        )
        with (tmp_path / "erp/invoices.csv").open("a") as file:
            file.write("I2,INV-2,C1,2026-06-30,2026-07-30,SGD,50.00,0.00,50.00,posted\n")
        with payments.open("a") as file:
            file.write(f"P1,C1,INV-1,SGD,100.00,{DAYS[0]},succeeded\n")
        tie_out(store, tmp_path, days=DAYS[1:])

        again = compared(store, tmp_path, DAYS[0])
        assert (again.unchanged, again.verdict_sha256) == (True, first.verdict_sha256)
        assert asked(url, "SELECT cause, evidence ->> 'dated' AS dated FROM parity.differences") == [
            {"cause": "ahead", "dated": "2026-06-30"}
        ]
        assert asked(url, "SELECT edition, same FROM parity.reruns") == [{"edition": 1, "same": True}]
        late, order = show_parity(store, day=DAYS[0], only={}, limit=9).restated
        assert (order["item_id"], order["was_minor"], order["now_minor"], order["why"]) == (
            "O1",
            0,
            700,
            "late",
        )
        assert (late["item_id"], late["was_minor"], late["now_minor"], late["why"]) == (
            "I1",
            10_000,
            0,
            "late",
        )
        assert_checks_hold(url)


def test_an_invoice_cancelled_or_credited_is_late_on_its_day_and_never_another_rule(
    server_urls: DatabaseUrls, tmp_path: Path
):
    """I1 is cancelled today and I2 was credited last week; the old path still has both as outstanding."""
    day = datetime.now(load_policy().calendars.entity.zone).date()
    old = day - timedelta(days=60)
    for folder in ("erp", "payments", "legacy"):
        (tmp_path / folder).mkdir()
    head = "id,number,customer_id,issue_date,due_date,currency,net,tax,gross,status\n"
    rows = "".join(f"I{n},INV-{n},C1,{old},{old},SGD,100.00,0.00,100.00,posted\n" for n in (1, 2))
    (tmp_path / "erp/invoices.csv").write_text(head + rows)
    (tmp_path / "payments/payments.csv").write_text(
        "id,customer_id,reference,currency,amount,paid_on,status\n"
    )
    (tmp_path / "erp/credit_notes.csv").write_text(
        "id,number,customer_id,invoice_id,issue_date,currency,gross\n"
        f"N1,CN-1,C1,I2,{day - timedelta(days=7)},SGD,-100.00\n"
    )
    (tmp_path / "legacy/statuses.csv").write_text(
        "day,invoice_number,status,paid_on\n" + "".join(f"{day},INV-{n},Outstanding,\n" for n in (1, 2))
    )
    with scratch_database(server_urls, strategy="FILE_COPY") as url, PostgresStore(url).keeping() as store:
        tie_out(store, tmp_path, days=[day - timedelta(days=1)])
        restate(url, "INV-1", status="cancelled")
        tie_out(store, tmp_path, days=[day])
        compared(store, tmp_path, day)
        found = asked(
            url,
            "SELECT key, ours, theirs, class, cause FROM parity.differences WHERE kind = 'statuses' ORDER BY key",
        )
    assert [tuple(one.values()) for one in found] == [
        ("INV-1", "VOID", "OPEN", "timing", "not_yet"),
        ("INV-2", "PAID", "OPEN", "logic", ""),
    ]


def restate(url: str, number: str, *, status: str) -> None:
    """An invoice as the next landing finds it."""
    with psycopg.connect(url) as connection:
        [batch] = connection.execute("INSERT INTO ops.batches DEFAULT VALUES RETURNING batch").fetchone() or [
            0
        ]
        connection.execute(
            "CREATE TEMP TABLE again AS SELECT * FROM canonical.invoices WHERE number = %s AND superseded_in IS NULL",
            (number,),
        )
        connection.execute("UPDATE again SET status = %s, version = '2', recorded_in = %s", (status, batch))
        connection.execute(
            "UPDATE canonical.invoices SET superseded_in = %s WHERE number = %s AND superseded_in IS NULL",
            (batch, number),
        )
        connection.execute("INSERT INTO canonical.invoices SELECT * FROM again")


def test_an_export_that_was_cut_off_is_in_the_way_though_each_row_it_lacks_is_explained(
    store: PostgresStore, world: Path, tmp_path: Path
):
    legacy = tmp_path / "legacy"
    shutil.copytree(world / "legacy", legacy)
    lines = (legacy / "orders.csv").read_text().splitlines()
    (legacy / "orders.csv").write_text("\n".join(lines[: len(lines) * 3 // 4]))
    cut_off = compare_parity(store, day=DAY, policy=load_policy(), theirs=LegacyFolder(legacy))
    assert (cut_off.unexplained, cut_off.by_class["legacy_error"] > 20) == (0, True)
    obstacles = judge_parity(store, last=DAY, policy=load_policy()).obstacles
    assert [one for one in obstacles if one.startswith(f"{DAY}: keys in both is ")]
