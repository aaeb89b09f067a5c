"""What is true is raised once, told to each channel as it changes, and never with anybody's name in it."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.cli import main as cli
from include.connectors.slack.client import body_of
from include.domain.alert_words import Words
from include.domain.alerts import Bulletin, Channel
from include.flows.act_on_break import By
from include.flows.gather_facts import moment, money
from include.flows.raise_alerts import raise_alerts
from include.flows.resolve_break import assign, resolve
from include.flows.tell_alerts import UNCERTAIN_MAX, Mute, tell_alerts
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import Policy, load_policy
from include.ports import Away, Fatal, Partly, Rejected, Retryable, Stop, Throttled, Uncertain
from include.store.postgres import PostgresStore
from include.store.queries import SQL, query
from tests.flows.conftest import Draw
from tests.flows.lives import Days


def due_at_another_time(policy: Policy) -> Policy:
    """Days are due half a day from now: nothing becomes due while a test goes on, whenever it does."""
    due = (datetime.now(policy.calendars.entity.zone) + timedelta(hours=12)).time()
    alerts = policy.alerts.model_copy(update={"day_due": due.replace(second=0, microsecond=0)})
    return policy.model_copy(update={"alerts": alerts})


POLICY = due_at_another_time(load_policy())
WORDS = Words(money, moment, "https://airflow.example")
WRITTEN = (
    *("ops.alerts", "ops.alert_channels", "ops.beats", "ops.api_budgets", "ops.hearing", "ops.task_ends"),
    "ops.task_failures",
    "ops.day_runs",
    *("ops.shapes", "ops.sweeps", "ops.proofs", "ops.cursors", "delivery.lanes", "canonical.quarantine"),
)
SECRET = ("Jane", "Doe", "DE89", "jane@", "+65")

TRACES: dict[str, str] = dict(
    part.split("\n", 1)
    for part in (Path(__file__).parent / "traces.sql").read_text(encoding="utf-8").split("-- trace: ")[1:]
)
"""Kind and what it is about -> the statements that leave its trace."""
WELL, WORKED = TRACES.pop("all is well"), TRACES.pop("every watched flow has worked")


@dataclass
class Told:
    """A channel that keeps what it is told; what stands in `stops` it raises first, one a call."""

    channel: Channel = "slack"
    stops: list[Stop | BaseException] = field(default_factory=list)
    heard: list[Bulletin] = field(default_factory=list)

    def tell(self, bulletin: Bulletin) -> None:
        stop = self.stops.pop(0) if self.stops else None
        if stop is None or isinstance(stop, Uncertain):
            self.heard.append(bulletin)
        if stop is not None:
            raise stop

    @property
    def said(self) -> list[list[str]]:
        return [[entry.what for entry in bulletin.entries] for bulletin in self.heard]


@dataclass
class Watch:
    """A platform on which nothing is wrong, a clock that only the test moves, and who looks."""

    store: PostgresStore
    url: str
    now: datetime

    def run(self, statements: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statements.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def look(self, *heralds: Told, minutes: int = 0, connected: Collection[str] = ()) -> dict[str, str]:
        self.now += timedelta(minutes=minutes)
        raise_alerts(self.store, POLICY, connected=connected, now=self.now)
        return tell_alerts(self.store, heralds, POLICY, WORDS, now=self.now)

    def all_is_well(self) -> None:
        """Every flow has just worked, and the day before is published: of that nothing is to be told."""
        self.run(WELL)

    @property
    def alerts(self) -> set[str]:
        return {f"{kind} {about}" for kind, about in self.rows("SELECT kind, about FROM ops.alerts")}


@pytest.fixture(scope="module")
def shared_url(server_urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url


@pytest.fixture
def fresh(shared_url: str) -> Iterator[Watch]:
    """Traces are written by hand here, so that of all checks only that of alerts can hold."""
    made = Watch(PostgresStore(shared_url), shared_url, datetime.now(UTC).replace(microsecond=0))
    made.run(
        f"TRUNCATE {', '.join(WRITTEN)} CASCADE; ALTER SEQUENCE ops.bulletins_bulletin_id_seq RESTART;"
        "UPDATE recon.runs SET state = 'computed'"
    )
    yield made
    check_alerts(made)


@pytest.fixture
def apart(database_url: str) -> Watch:
    """What is written there stays, as nobody can take it away."""
    return Watch(PostgresStore(database_url), database_url, datetime.now(UTC).replace(microsecond=0))


def check_alerts(watch: Watch) -> None:
    check = (SQL / "checks" / "alerts_are_told_as_they_are.sql").read_text()
    assert watch.rows(check) == []


@pytest.fixture
def watch(fresh: Watch) -> Watch:
    fresh.all_is_well()
    return fresh


def trouble(watch: Watch) -> None:
    watch.run(TRACES["api_budget_low salesforce"])


def mended(watch: Watch) -> None:
    watch.run("DELETE FROM ops.api_budgets")


def test_where_all_is_well_nothing_is_told_and_a_beat_is_left(watch: Watch) -> None:
    slack = Told()
    assert watch.look(slack) == {"slack": "nothing to say"}
    assert watch.alerts == set()
    assert watch.rows("SELECT flow, beat_at FROM ops.beats") == [("watch", watch.now)]
    assert watch.rows("SELECT rules_sha256 FROM recon.limits_in_force") == [(POLICY.sha256,)]


def test_every_fact_is_found_by_its_trace_and_told_without_anybodys_name(
    database_url: str, draw: Draw
) -> None:
    watch = Watch(PostgresStore(database_url), database_url, datetime.now(UTC))
    days = Days(watch.store, database_url, draw)
    reference = "Jane_Doe_DE89370400440532013000"
    days.load(payments=f"P C1 {reference} SGD 60000.00 2026-03-01\nQ C1 {reference} USD 7000.00 2026-03-01")
    days.publish("2026-03-31")
    with psycopg.connect(
        database_url, options=r"-c tieout.actor=sweep_sources -c tieout.dag_run=by\ hand"
    ) as task:
        task.execute("".join(TRACES.values()).encode())
    watch.run(WORKED)
    watch.run("INSERT INTO ops.day_runs VALUES ('2026-03-31', 'scheduled__1')")
    slack = Told()
    watch.look(slack)
    assert [one for one in watch.alerts if one.startswith("flow_late")] == []
    watch.now += timedelta(days=4)
    watch.run("UPDATE ops.api_budgets SET noted_at = noted_at + interval '4 days'")
    watch.look(slack)
    unmended = watch.rows("SELECT kind FROM ops.alerts WHERE NOT mended")
    assert unmended == [("key_conflict",)], "history stays, and nobody says that it is mended"
    late = {f"flow_late {flow}" for flow in POLICY.alerts.flows}
    found = {"day_unpublished tie_out", "breaks_late CA01", "breaks_large CA01"}
    assert watch.alerts == TRACES.keys() | late | found
    large = next(one for one in slack.heard[0].entries if "or more" in one.what)
    named = "open breaks CA01 (unapplied cash) are each worth an unknown sum, or SGD 50,000.00 or more"
    assert large.what == f"2 {named}", "nobody knows what USD are worth"
    assert (large.facts["money"], large.facts["run"]) == (
        "SGD 60,000.00, USD 7,000.00",
        "tie_out scheduled__1",
    )
    left = {
        *("source_unproven", "fields_vanished", "rows_repaired", "quarantine_growing"),
        "api_budget_low",
        "token_lost",
    }
    runs = watch.rows(
        "SELECT DISTINCT kind FROM ops.alerts WHERE (dag_id, dag_run) = ('sweep_sources', 'by hand')"
    )
    assert {kind for (kind,) in runs} == left
    amounts = dict(watch.rows("SELECT kind, amounts FROM ops.alerts WHERE amounts <> '{}'"))
    mail, both = {"SGD": 60000_00, "USD": 7000_00}, {"SGD": 1200}
    assert amounts == {
        "breaks_late": mail,
        "breaks_large": mail,
        "mail_failed": mail,
        "messages_parked": {"SGD": 60000_00},
        "messages_uncertain": {"USD": 7000_00},
        "key_conflict": {"SGD": 60000_00},
        "source_unproven": {"SGD": 149_50},
        "quarantine_growing": both,
        "run_refused": {"SGD": 250},
        "quality_blocks": mail,
    }
    waiting = next(
        one for one in slack.heard[0].entries if "wait and do not" in one.what or "waits and" in one.what
    )
    assert waiting.facts["money"] == "no amount known"
    assert f"break {days.break_id('P').hex[:8]}" in large.links
    everything = f"{slack.heard} {[body_of(one) for one in slack.heard]}" + str(
        watch.rows(
            "SELECT to_jsonb(alerts) FROM ops.alerts UNION ALL SELECT to_jsonb(bulletins) FROM ops.bulletins"
        )
    )
    assert [word for word in SECRET if word in everything] == []
    check_alerts(watch)


def test_a_fact_is_told_once_again_when_it_is_worse_and_when_it_is_over(watch: Watch) -> None:
    slack = Told()
    trouble(watch)
    watch.look(slack)
    assert watch.look(slack, minutes=5) == {"slack": "nothing to say"}
    mended(watch)
    watch.look(slack, minutes=6)
    assert len(slack.heard) == 1  # one look that found nothing may be a look that failed
    watch.look(slack, minutes=6)
    what = "80 of 100 API calls salesforce allows a day are used"
    assert slack.said == [[what], [f"Over: {what}"]]
    trouble(watch)
    watch.look(slack, minutes=5)
    assert slack.said[2] == [what]
    assert len(watch.rows("SELECT FROM ops.alerts")) == 2


def test_what_lasts_is_told_again_after_its_time(watch: Watch) -> None:
    slack = Told()
    watch.run("INSERT INTO ops.task_failures VALUES ('d', 't', 'r', -1, ops.clock(), ops.clock(), 'Away')")
    watch.look(slack)
    watch.look(slack, minutes=60 * 23)
    assert len(slack.heard) == 1
    watch.look(slack, minutes=60)
    assert slack.said[1] == ["Still: The dag d failed: t (Away)"]


WORTH = """
WITH b AS (INSERT INTO ops.batches DEFAULT VALUES RETURNING batch), deal AS (
    INSERT INTO canonical.opportunities (native_id, version, place, row_hash, recorded_in, id, stage, currency,
        amount_minor)
    SELECT '006A', '1', '', '', batch, '006A', '', 'SGD', 90000 FROM b
)
INSERT INTO canonical.invoices (native_id, version, place, row_hash, recorded_in, id, number, customer_id, issue_date,
    due_date, currency, gross_minor, number_key)
SELECT '12', '1', '', '', batch, '12', '12', 'C', current_date, current_date, 'SGD', 5000, '12' FROM b;"""
PARKED = """
INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, reason, finished_at)
VALUES (%s, 'task', 'salesforce', %s, %s, 's', false, 'parked', 'REF_MISSING', ops.clock());"""
"""Invoice 12 of SGD 50 and deal 006A of SGD 900."""


@pytest.mark.parametrize(
    ("messages", "worth"),
    [
        ([("tasks/12", {"title": "subscription 12 renews"})], None),
        ([("tasks/12", {"opportunity_id": "006A"})], {"SGD": 900_00}),
        ([("tasks/006A", {"opportunity_id": "006A"}), ("opportunities/006A", {})], {"SGD": 900_00}),
        ([("tasks/12", {"invoice_id": "12"}), ("invoices/12", {}), ("tasks/7", {})], {"SGD": 50_00}),
    ],
    ids=["of none", "of a deal", "of a deal twice", "of an invoice twice"],
)
def test_messages_are_worth_the_records_they_are_about_each_once(
    shared_url: str, messages: list[tuple[str, dict[str, str]]], worth: dict[str, int] | None
) -> None:
    with psycopg.connect(shared_url) as connection:
        connection.execute(WORTH.encode())
        for key, (subject, body) in enumerate(messages):
            connection.execute(PARKED.encode(), (str(key), subject, json.dumps(body)))
        found = connection.execute(query("fact_messages_parked").encode(), {"shown_max": 3}).fetchall()
        connection.rollback()
    named = {row[0]: row for row in found}["REF_MISSING"]
    assert (named[2], named[5]) == (len(messages), worth)


def held_long_ago(watch: Watch) -> None:
    watch.run(
        "INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, reason, "
        "decided_at, finished_at) VALUES ('held', 'task', 'erp', 'tasks/1', '{}', 's', false, 'parked', 'HELD_BACK', "
        "ops.clock() - interval '9 days', ops.clock() - interval '9 days')"
    )


def asked_hours_ago(watch: Watch, asked: int, lapses: int) -> None:
    watch.run(
        "INSERT INTO delivery.replays (messages, actor, reason, asked_at, lapses_at) "
        "SELECT ARRAY[message_id], 'ann', 'go', "
        f"ops.clock() - interval '{asked} hours', ops.clock() - interval '{lapses} hours' "
        "FROM delivery.outbox WHERE key = 'held'"
    )


def test_what_waits_for_a_second_person_is_told_and_not_said_to_be_mended_when_it_lapses(
    apart: Watch,
) -> None:
    held_long_ago(apart)
    asked_hours_ago(apart, 3, -69)
    assert waiting(apart) == []
    asked_hours_ago(apart, 80, 8)
    assert waiting(apart) == [(1, None)], "nobody decided it before it lapsed"
    assert stands(apart).startswith("lapsed at ")
    asked_hours_ago(apart, 5, -67)
    assert waiting(apart) == [(1, None)], "what lapsed was asked for anew since"
    assert stands(apart).startswith("lapses at ")
    apart.now += timedelta(hours=134)
    assert waiting(apart) == [(1, None)], "it lapsed itself, and nobody asked again"
    apart.now += timedelta(hours=6)
    assert waiting(apart) == [(1, False)]


def test_what_a_second_person_refused_is_told_no_more(apart: Watch) -> None:
    held_long_ago(apart)
    asked_hours_ago(apart, 5, -67)
    assert waiting(apart) == [(1, None)]
    apart.run(
        "INSERT INTO delivery.replay_ends (replay_id, asked_by, ended, actor, reason) "
        "SELECT replay_id, 'ann', 'refused', 'ben', 'no' FROM delivery.replays"
    )
    assert waiting(apart) == [(1, True)]


def test_an_event_whose_object_could_not_be_read_is_told_until_it_is_looked_at_again(
    apart: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    apart.all_is_well()
    apart.run(TRACES["hints_dead payments"])
    slack = Told()
    apart.look(slack)
    [[said]] = slack.said
    assert said == "1 event of payments could not be looked at, and nothing followed: payments"
    for answer in (
        "1 object is looked at again",
        "nothing failed to be looked at that is not asked for again",
    ):
        monkeypatch.setenv("TIEOUT_DATABASE_URL", apart.url)
        monkeypatch.setattr("sys.argv", ["tieout", "delivery", "look"])
        with pytest.raises(SystemExit):
            cli.main()
        assert answer in capsys.readouterr().out
    apart.run("UPDATE delivery.inbox SET state = 'done', finished_at = ops.clock() WHERE state = 'new'")
    apart.look(slack, minutes=20)
    assert slack.said[-1] == [f"Over: {said}"]


def waiting(watch: Watch) -> list[tuple[object, ...]]:
    """Of each alert about it how many it counts, and once it is over whether it was mended."""
    watch.look(minutes=13)
    return watch.rows("SELECT count, mended FROM ops.alerts WHERE kind = 'replay_waiting'")


def stands(watch: Watch) -> str:
    """What the alert says of the first of them."""
    [(said,)] = watch.rows("SELECT detail ->> 'stands' FROM ops.alerts WHERE kind = 'replay_waiting'")
    return str(said)


RUN = """
INSERT INTO recon.runs (
    run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state, computed_at
) VALUES (
    gen_random_uuid(), current_date + 100 - {ago}, 0, 0, 'r', 'c', '{state}', ops.clock() + '{at} minutes'
);"""


def test_a_day_that_was_refused_is_told_whatever_other_days_do_until_it_is_published_itself(
    fresh: Watch,
) -> None:
    days = [(5, "published"), (4, "published"), (3, "refused"), (2, "published"), (1, "published")]
    fresh.run("".join(RUN.format(ago=ago, state=state, at=-ago) for ago, state in days))
    fresh.run(RUN.format(ago=5, state="refused", at=0) + RUN.format(ago=5, state="published", at=1))
    fresh.run("INSERT INTO ops.day_runs VALUES (current_date + 100 - 3, 'scheduled__third')")
    fresh.now += timedelta(days=100)
    slack = Told()
    fresh.look(slack)
    named = [
        one.facts.get("run") for one in slack.heard[0].entries if "refused" in one.what or "due" in one.what
    ]
    assert named == ["tie_out scheduled__third"] * 2
    day = fresh.rows("SELECT (current_date + 100 - 3)::text")[0][0]
    assert f"The run of {day} was refused: its task publish says why" in slack.said[0]
    assert fresh.rows("SELECT count, detail ->> 'day' FROM ops.alerts WHERE kind = 'day_unpublished'") == [
        (1, day)
    ]
    fresh.run(RUN.format(ago=3, state="published", at=2))
    fresh.look(slack, minutes=5)
    fresh.look(slack, minutes=15)
    assert {"run_refused tie_out", "day_unpublished tie_out"} <= {
        f"{kind} {about}"
        for kind, about in fresh.rows("SELECT kind, about FROM ops.alerts WHERE over_at IS NOT NULL")
    }


def test_a_day_that_was_refused_for_a_source_is_not_said_to_be_for_no_proof(fresh: Watch) -> None:
    fresh.run(RUN.format(ago=2, state="published", at=-2) + RUN.format(ago=1, state="refused", at=-1))
    fresh.run(
        "INSERT INTO recon.breaks (run_id, break_id, recon, code, key, severity, age_days, owner, action, evidence) "
        "SELECT run_id, gen_random_uuid(), 'all', 'DQ02', key, 'S1', 0, 'Data', 'read it', 'incomplete' "
        "FROM recon.runs CROSS JOIN unnest('{fx/a,fx/b}'::text[]) AS key WHERE state = 'refused'"
    )
    slack = Told()
    fresh.look(slack)
    [said] = [what for what in slack.said[0] if "was refused" in what]
    assert said.endswith("was refused: 2 sources are incomplete (DQ02)")
    [ids] = fresh.rows("SELECT ids FROM ops.alerts WHERE kind = 'run_refused'")
    stopping = fresh.rows("SELECT break_id::text FROM recon.breaks WHERE code = 'DQ02' ORDER BY key")
    assert [(one,) for one in ids[0]] == stopping, "each has a page that says what differs"


@pytest.mark.parametrize(("state", "first"), [("refused", 40), ("published", 20)])
def test_a_day_nobody_published_is_no_longer_watched_once_many_are_newer_and_never_told_as_over(
    fresh: Watch, state: str, first: int
) -> None:
    days = [(first - after, "refused" if after == 1 else "published") for after in range(12)]
    fresh.run("".join(RUN.format(ago=ago, state=is_, at=-ago) for ago, is_ in days[:3]))
    fresh.now += timedelta(days=62)
    slack = Told()
    fresh.look(slack)
    fresh.run("".join(RUN.format(ago=ago, state=is_, at=-ago) for ago, is_ in days[3:]))
    if state == "published":
        fresh.run(RUN.format(ago=first - 1, state=state, at=5))
    fresh.look(slack, minutes=15)
    ends = dict(fresh.rows("SELECT kind, mended FROM ops.alerts WHERE over_at IS NOT NULL"))
    assert ends["run_refused"] is (state == "published")
    said = [what for bulletin in slack.said[1:] for what in bulletin if "was refused" in what]
    head = "Over: " if state == "published" else "No longer watched, and not known to be mended: "
    assert [what.startswith(head) for what in said] == [True]


def test_what_only_grew_old_is_no_recovery(watch: Watch) -> None:
    slack = Told()
    trouble(watch)
    watch.look(slack)
    watch.look(slack, minutes=60 * 25)
    assert slack.said[1] == ["No longer watched, and not known to be mended: " + slack.said[0][0]]
    assert watch.rows("SELECT kind, mended FROM ops.alerts") == [("api_budget_low", False)]


def test_rows_stay_told_as_long_as_they_are_in_quarantine_and_a_repair_until_a_sweep_finds_nothing(
    watch: Watch,
) -> None:
    slack = Told()
    watch.run(TRACES["quarantine_growing payments"] + TRACES["rows_repaired payments"])
    watch.look(slack)
    watch.look(slack, minutes=60 * 24 * 2)
    assert watch.rows("SELECT FROM ops.alerts WHERE over_at IS NOT NULL") == []
    watch.run(
        "UPDATE canonical.quarantine SET released_in = quarantined_in WHERE native_id < 'Jane Doe 2';"
        "INSERT INTO ops.sweeps (system, entity, listed_count, gone_count, repaired_count, refreshed_count) "
        "VALUES ('payments', 'payments', 9, 0, 0, 0)"
    )
    watch.look(slack, minutes=15)
    ended = watch.rows("SELECT kind, mended FROM ops.alerts WHERE over_at IS NOT NULL ORDER BY kind")
    assert ended == [("quarantine_growing", True), ("rows_repaired", True)]


def test_a_repair_that_names_no_run_is_of_the_sweep_that_covers_it(watch: Watch) -> None:
    for system, entity in (("payments", "payments"), ("salesforce", "contacts")):
        repaired = TRACES["rows_repaired payments"].replace(
            "'payments', 'payments'", f"'{system}', '{entity}'"
        )
        watch.run(repaired)
    watch.look(Told())
    dags = watch.rows("SELECT about, dag_id, dag_run FROM ops.alerts ORDER BY about")
    assert dags == [("payments", "sweep_money", ""), ("salesforce", "sweep_sources", "")]


def test_a_kind_that_cannot_be_read_is_told_ends_nothing_and_keeps_nothing_from_the_others(
    watch: Watch,
) -> None:
    slack = Told()
    watch.run(TRACES["fields_vanished salesforce"])
    watch.look(slack)
    trouble(watch)
    watch.run("ALTER TABLE ops.shapes RENAME TO shapes_away")
    watch.look(slack, minutes=15)
    watch.run("ALTER TABLE ops.shapes_away RENAME TO shapes")
    assert slack.said[1] == [
        "Nobody can see whether fields_vanished is so: reading it failed (UndefinedTable)",
        "80 of 100 API calls salesforce allows a day are used",
    ]
    watch.look(slack, minutes=15)
    assert slack.said[2] == [f"Over: {slack.said[1][0]}"]


def test_a_channel_that_cannot_be_used_is_told_of_by_the_other(watch: Watch) -> None:
    mute, mail = Mute("slack", "slack: its connection cannot be used"), Told("mail")
    watch.run(TRACES["fields_vanished salesforce"])
    for _ in range(4):
        watch.now += timedelta(minutes=31)
        raise_alerts(watch.store, POLICY, now=watch.now)
        tell_alerts(watch.store, [mute, mail], POLICY, WORDS, now=watch.now)
    assert mail.said[-1] == ["Alerts do not get out by slack: 3 tries failed in a row"]


def test_much_more_of_what_was_told_is_told_again_as_worse(watch: Watch) -> None:
    slack = Told()
    watch.run(TRACES["quarantine_growing payments"])
    watch.look(slack)
    watch.run("UPDATE canonical.quarantine SET amount_minor = 250")
    watch.look(slack, minutes=15)
    assert len(slack.said) == 1
    watch.look(slack, minutes=50)
    assert slack.said[1][0].startswith("Worse: 12 rows of payments")


def test_many_facts_of_one_look_are_one_message(watch: Watch) -> None:
    slack = Told()
    watch.run("".join(TRACES[one] for one in ("rows_repaired payments", "fields_vanished salesforce")))
    watch.look(slack)
    assert [len(one) for one in slack.said] == [2]
    assert slack.heard[0].subject.startswith(
        "[S1] The source salesforce no longer shows us 1 field of accounts"
    )


def test_of_more_than_one_message_holds_each_beginning_and_each_end_is_told_once(watch: Watch) -> None:
    slack = Told()
    watch.run(
        "INSERT INTO ops.task_failures SELECT 'd' || n, 't', 'r', -1, ops.clock(), ops.clock(), 'Away' "
        "FROM generate_series(10, 34) AS n"
    )
    watch.look(slack)
    watch.look(slack, minutes=5)
    watch.run("TRUNCATE ops.task_failures")
    watch.look(slack, minutes=15)
    watch.look(slack, minutes=5)
    assert watch.look(slack, minutes=5) == {"slack": "nothing to say"}
    each = [f"he dag d{n} failed: t (Away)" for n in range(10, 35)]
    began, more, ended, last = (sorted(one for one in what if "more" not in one) for what in slack.said)
    assert sorted(began + more) == [f"T{one}" for one in each]
    assert sorted(ended + last) == [f"Over: T{one}" for one in each]
    assert [what[-1] for what in slack.said if len(what) > 20] == ["And 5 more, told next"] * 2


def test_a_break_that_comes_late_or_large_beside_others_is_news_however_small_the_growth(
    database_url: str, draw: Draw
) -> None:
    days = Days(PostgresStore(database_url), database_url, draw)
    days.load(
        payments="P C1 - SGD 90000.00 2026-03-01\nQ C1 - SGD 90000.00 2026-03-01\nR C1 - SGD 40.00 2026-03-01"
    )
    days.publish("2026-03-30")
    watch, slack = Watch(days.store, database_url, datetime.now(UTC)), Told()
    watch.look(slack)
    assert worth_more(slack.said) == [
        "2 open breaks CA01 (unapplied cash) are each worth SGD 50,000.00 or more"
    ]
    days.load(
        payments="P C1 - SGD 90000.00 2026-03-01\nQ C1 - SGD 90000.00 2026-03-01\nR C1 - SGD 50000.00 2026-03-01"
    )
    days.publish("2026-03-31")
    watch.look(slack, minutes=61)
    assert worth_more(slack.said)[1:] == [
        "Worse: 3 open breaks CA01 (unapplied cash) are each worth SGD 50,000.00 or more"
    ], "one that was small when it was opened"
    watch.run(
        "UPDATE recon.break_lives SET opened_at = opened_at + interval '3 hours' WHERE key IN ('Q', 'R')"
    )
    watch.look(slack, minutes=4 * 60)
    assign(days.store, days.break_id("P"), By(actor="ann", reason="mended"), to="ann")
    resolve(days.store, days.break_id("P"), By(actor="ann", reason="mended"))
    watch.run("UPDATE recon.break_lives SET opened_at = opened_at + interval '9 hours' WHERE key = 'R'")
    watch.look(slack, minutes=2 * 60 + 5)
    late = [one for said in slack.heard for one in said.entries if "past its" in one.what]
    assert [one.what for one in late] == [
        f"{head}1 open break CA01 (unapplied cash) is past its service level" for head in ("", "Worse: ")
    ], "the second stands in the place of the first"
    assert [one.facts["for"] for one in late] == ["owner's lead"] * 2


def worth_more(said: list[list[str]]) -> list[str]:
    return [what for one in said for what in one if "or more" in what]


@pytest.mark.parametrize(
    "stop", [Away("a"), Rejected("r"), Fatal("f"), Throttled("t", after_s=600)], ids=type
)
def test_what_was_surely_not_taken_is_said_by_a_later_message_if_it_is_still_true(
    watch: Watch, stop: Stop
) -> None:
    slack = Told(stops=[stop])
    trouble(watch)
    assert watch.look(slack) == {"slack": str(stop)}
    wait = 10 if isinstance(stop, Throttled) else 1
    assert watch.look(slack, minutes=wait - 1) == {"slack": "waits"}
    watch.look(slack, minutes=1)
    assert len(slack.heard) == 1
    assert slack.heard[0].key != "alerts/slack/1"


def test_a_channel_that_was_away_for_weeks_hears_the_end_of_what_it_was_told(watch: Watch) -> None:
    slack, mail = Told(), Told("mail")
    watch.run(TRACES["fields_vanished salesforce"])
    watch.look(slack, mail)
    watch.look(mail, minutes=5)
    watch.run("TRUNCATE ops.shapes")
    watch.look(mail, minutes=15)
    watch.look(mail, minutes=60 * 24 * 30)
    watch.look(slack, mail, minutes=5)
    ends = [what for said in slack.said[1:] for what in said if "no longer shows us" in what]
    assert [what[:5] for what in ends] == ["Over:"]
    assert sum("no longer shows us" in what for said in mail.said for what in said) == 2, "mail hears it once"


def test_what_came_and_went_while_a_channel_was_away_is_not_told_by_it(watch: Watch) -> None:
    slack, mail = Told(stops=[Away("a")]), Told("mail")
    watch.run(TRACES["fields_vanished salesforce"])
    watch.look(slack, mail)
    watch.run("TRUNCATE ops.shapes")
    watch.look(slack, mail, minutes=30)
    assert slack.heard == []
    assert [entries[0][:5] for entries in mail.said] == ["The s", "Over:"]


def test_what_may_have_arrived_is_said_again_in_the_same_words_under_the_same_key(watch: Watch) -> None:
    slack = Told(stops=[Uncertain("u")])
    trouble(watch)
    watch.look(slack)
    mended(watch)
    watch.look(slack, minutes=30)
    assert slack.heard[0] == slack.heard[1]
    watch.look(slack, minutes=30)
    assert slack.said[2][0].startswith("Over:")


def test_after_some_tries_without_an_answer_what_is_true_then_is_said(watch: Watch) -> None:
    slack = Told(stops=[Uncertain("u") for _ in range(UNCERTAIN_MAX)])
    trouble(watch)
    for _ in range(UNCERTAIN_MAX + 1):
        watch.look(slack, minutes=40)
    assert [one.key for one in slack.heard].count("alerts/slack/1") == UNCERTAIN_MAX
    assert slack.heard[-1].key == "alerts/slack/2"


def test_who_is_reached_hears_each_thing_once_while_another_mailbox_is_away_for_long(watch: Watch) -> None:
    told: dict[str, list[str]] = {"a": [], "b": []}
    away = {"b"}

    class Two(Told):
        def tell(self, bulletin: Bulletin) -> None:
            reached = set(bulletin.reached)
            for name in told.keys() - reached - away:
                told[name] += [entry.what for entry in bulletin.entries]
                reached.add(name)
            if reached != told.keys():
                raise Partly("b is away", reached=frozenset(reached))

    mail, slack = Two("mail"), Told()
    watch.run(TRACES["fields_vanished salesforce"])
    for _ in range(2 * UNCERTAIN_MAX):
        watch.look(mail, slack, minutes=5)
    assert [what[:5] for what in told["a"]] == ["The s"]
    assert watch.rows("SELECT failures FROM ops.alert_channels WHERE channel = 'mail'") == [(1,)]
    watch.run("TRUNCATE ops.shapes")
    watch.look(mail, slack, minutes=5)
    watch.look(mail, slack, minutes=15)
    assert [what[:5] for what in told["a"]] == ["The s", "Over:"]
    assert told["b"] == []
    away.clear()
    watch.look(mail, slack, minutes=5)
    assert [what[:5] for what in told["b"]] == ["Over:"]
    assert len(told["a"]) == 2


class Killed(BaseException):
    """The process is gone: nothing after this line runs."""


def test_a_message_whose_sender_was_killed_is_sent_again_once_nobody_can_be_sending(
    watch: Watch,
) -> None:
    slack = Told(stops=[Killed()])
    trouble(watch)
    with pytest.raises(Killed):
        watch.look(slack)
    assert watch.look(slack, minutes=1) == {"slack": "waits"}
    watch.look(slack, minutes=1)
    assert [one.key for one in slack.heard] == ["alerts/slack/1"]
    assert watch.rows("SELECT state FROM ops.bulletins") == [("sent",)]


def test_a_channel_that_keeps_failing_is_told_of_by_the_other(watch: Watch) -> None:
    slack, mail = Told(stops=[Retryable("away") for _ in range(9)]), Told("mail")
    watch.run(TRACES["fields_vanished salesforce"])
    for _ in range(4):
        watch.look(slack, mail, minutes=30)
    assert "Alerts do not get out by slack: 3 tries failed in a row" in mail.said[1]
    slack.stops = []
    for _ in range(2):
        watch.look(slack, mail, minutes=30)
    assert mail.said[-1][0].startswith("Over: Alerts do not get out by slack")


def test_who_is_too_slow_says_nothing_once_another_has_the_channel(watch: Watch) -> None:
    trouble(watch)

    class Slow(Told):
        def tell(self, bulletin: Bulletin) -> None:
            watch.run("UPDATE ops.alert_channels SET fence = fence + 1")
            super().tell(bulletin)

    assert watch.look(Slow()) == {"slack": "too late: another had the channel"}
    assert watch.rows("SELECT state FROM ops.bulletins") == [("called",)]


def test_two_who_look_at_once_raise_a_fact_once(watch: Watch) -> None:
    trouble(watch)
    with psycopg.connect(watch.url) as other:
        other.execute("SELECT pg_advisory_xact_lock(7290)")
        assert raise_alerts(watch.store, POLICY, now=watch.now) == {}
    assert raise_alerts(watch.store, POLICY, now=watch.now)["raised"] == 1


def test_a_platform_on_which_nothing_ever_ran_is_late_only_after_it_was_watched_for_a_while(
    fresh: Watch,
) -> None:
    fresh.look(Told())
    assert fresh.alerts == set()
    fresh.look(Told(), minutes=60)
    assert fresh.alerts == {
        f"flow_late {flow}"
        for flow in ("extract_salesforce", "extract_erp", "extract_payments", "fast_lane", "approve_breaks")
    }
    fresh.look(Told(), minutes=60 * 48)
    late = {f"flow_late {flow}" for flow, watched in POLICY.alerts.flows.items() if not watched.optional}
    assert fresh.alerts == late | {"day_unpublished tie_out"}


def test_a_promised_flow_that_never_worked_is_late_once_it_has_a_place_and_its_time_is_over(
    watch: Watch,
) -> None:
    watch.look()
    watch.look(minutes=60)
    assert watch.alerts == set(), "nobody said where to read from, and nothing is promised"
    watch.look(connected=["bank"])
    watch.run("INSERT INTO ops.cursors (system, entity, position) VALUES ('bank', 'bank_lines', '{}')")
    watch.look(minutes=39, connected=["bank"])
    assert watch.alerts == set()
    slack = Told()
    watch.look(slack, minutes=1, connected=["bank"])
    assert slack.said == [["The dag extract_bank has not done its work; last: never"]], (
        "it reads, and proves nothing"
    )
    watch.look(minutes=15)
    assert watch.rows("SELECT mended FROM ops.alerts WHERE over_at IS NOT NULL") == [(True,)]


def test_the_command_line_lists_what_lasts_and_whether_anybody_watches(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tieout(*words: str) -> str:
        monkeypatch.setenv("TIEOUT_DATABASE_URL", watch.url)
        monkeypatch.setattr("sys.argv", ["tieout", "alerts", "list", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    assert "nobody has watched yet" in tieout()
    trouble(watch)
    watch.look(Told(stops=[Away("slack is away")]))
    said = tieout()
    assert "last looked" in said
    assert "slack: 1 failures in a row: slack is away" in said
    assert "80 of 100 API calls" in said.replace("\n", " ")
    mended(watch)
    watch.look(minutes=15)
    assert "nothing lasts" in tieout()
    told = json.loads(tieout("--json", "--over", "5"))
    assert [one["playbook"] for one in told["over"]] == ["api_budget_low"]
    watch.run("UPDATE ops.beats SET beat_at = beat_at - interval '1 day'")
    assert "NOBODY WATCHES" in tieout()
