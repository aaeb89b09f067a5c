"""What the database itself refuses about breaks, whoever asks and however: each constraint is attacked by plain SQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql

from include.domain.break_life import STEPS
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database

RUN = UUID(int=1)
BREAK = UUID(int=2)
CENT, DOLLAR = 1, 100
RULES = {
    "rules_sha256": "rules",
    "manual_match_sgd_minor": 100 * DOLLAR,
    "two_checkers_sgd_minor": 50_000 * DOLLAR,
}
FACTS: dict[str, Any] = {"code": "CA01", "currency": "SGD", "amount_minor": 5_000, "amount_sgd_minor": 5_000}

Connection = psycopg.Connection[Any]


def insert(db: Connection, table: str, **values: object) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})")
    db.execute(statement.format(sql.Identifier("recon", table), columns, places), list(values.values()))


def event(db: Connection, version: int, action: str, path: str, **values: object) -> None:
    before, _, after = path.partition(">")
    facts = {
        "break_id": BREAK,
        "version": version,
        "action": action,
        "actor": "ann",
        "reason": "because",
        "from_state": before,
        "to_state": after,
        "assignee": "ann",
        "severity": "S3",
    }
    insert(db, "break_events", **facts | FACTS | values)


def proposal(db: Connection, **values: object) -> None:
    facts = {
        "break_id": BREAK,
        "proposal_no": 1,
        "based_on": 1,
        "kind": "write_off",
        "reason": "too small to chase",
        "maker": "ann",
        "checkers_needed": 1,
    }
    insert(db, "break_proposals", **facts | RULES | FACTS | values)


def approval(db: Connection, **values: object) -> None:
    facts = {
        "break_id": BREAK,
        "proposal_no": 1,
        "ordinal": 1,
        "checker": "ben",
        "maker_id": "ann",
        "checkers_needed": 1,
        "reason": "agreed",
    }
    insert(db, "break_approvals", **facts | values)


def opened(db: Connection, **facts: object) -> None:
    """A run that was published, its rules, and one open break."""
    insert(
        db,
        "runs",
        run_id=RUN,
        as_of="2026-03-31",
        batch_through=0,
        proof_through=0,
        rules_sha256="rules",
        code_sha256="code",
        state="published",
        certificate="{}",
    )
    insert(db, "control_limits", **RULES)
    event(db, 1, "opened", "NEW>OPEN", actor="run", run_id=RUN, assignee=None, **facts)
    insert(
        db,
        "break_lives",
        break_id=BREAK,
        recon="R3",
        family="cash",
        key="P",
        severity="S3",
        owner="AR",
        since_on="2026-03-01",
        first_seen_run=RUN,
        first_seen_on="2026-03-31",
        last_seen_run=RUN,
        last_seen_on="2026-03-31",
        state="OPEN",
        version=1,
        **FACTS | facts,
    )


@contextmanager
def refused(db: Connection, kind: type[Exception], says: str) -> Iterator[None]:
    """What happens inside is refused, and the rest of the test goes on."""
    with pytest.raises(kind, match=says), db.transaction():
        yield


@pytest.fixture(scope="module")
def database_url(server_urls: DatabaseUrls) -> Iterator[str]:
    """One database for all: whatever a test does in it is taken back."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url) as connection:
        opened(connection)
        yield connection
        connection.rollback()


@pytest.fixture
def large(database_url: str) -> Iterator[Connection]:
    """The same with SGD 50,000.01, proposed as a write-off."""
    facts = {"amount_minor": 50_000 * DOLLAR + CENT, "amount_sgd_minor": 50_000 * DOLLAR + CENT}
    with psycopg.connect(database_url) as connection:
        opened(connection, **facts)
        proposal(connection, checkers_needed=2, **facts)
        event(
            connection,
            2,
            "proposed",
            "OPEN>PROPOSED",
            proposal_after=1,
            kind="write_off",
            checkers_needed=2,
            **facts,
        )
        yield connection
        connection.rollback()


def proposed(db: Connection) -> None:
    proposal(db)
    event(db, 2, "proposed", "OPEN>PROPOSED", proposal_after=1, kind="write_off", checkers_needed=1)


PENDING = {"proposal_before": 1, "proposal_after": 1, "kind": "write_off", "checkers_needed": 1}


def test_the_way_through_is_open_to_two_people(db: Connection) -> None:
    proposed(db)
    approval(db)
    event(db, 3, "approved", "PROPOSED>APPROVED", actor="ben", approval=1, **PENDING)
    event(db, 4, "accepted", "APPROVED>ACCEPTED", **PENDING | {"proposal_after": 0})
    db.execute(
        "UPDATE recon.break_lives SET state = 'ACCEPTED', version = 4, accepted_in = 4, assignee = 'ann'"
    )
    db.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("checker", ["ann", "Ann", "ANN ", " ann", "ann\t", "\nann"])
def test_a_maker_cannot_be_checker_under_any_spelling(db: Connection, checker: str) -> None:
    proposed(db)
    with pytest.raises(errors.CheckViolation, match="maker_is_not_checker"):
        approval(db, checker=checker)


@pytest.mark.parametrize("maker", ["Ann", " ann "])
def test_a_maker_by_another_spelling_is_the_same_maker(db: Connection, maker: str) -> None:
    proposal(db, maker=maker)
    with pytest.raises(errors.CheckViolation, match="maker_is_not_checker"):
        approval(db, checker="ann")


LAX = {"manual_match_sgd_minor": 10**15, "two_checkers_sgd_minor": 10**15}


def test_a_proposal_is_judged_by_limits_in_force_and_not_by_others_that_were_ever_kept(
    database_url: str,
) -> None:
    with psycopg.connect(database_url) as connection:
        insert(connection, "control_limits", rules_sha256="lax", **LAX)
        opened(connection)
        lax = {"rules_sha256": "lax", "kind": "manual_match", "checkers_needed": 0, **LAX}
        with refused(connection, errors.CheckViolation, "the limits of the rules lax are not in force"):
            proposal(connection, **lax)
        insert(connection, "control_limits", rules_sha256="new", **LAX)
        for named in ("lax", "new"):  # the last of a policy no run has worked by yet
            insert(connection, "limits_named", rules_sha256=named)
        proposal(connection, **lax | {"rules_sha256": "new"})
        with refused(connection, errors.CheckViolation, "the limits of the rules lax are not in force"):
            proposal(connection, proposal_no=2, **lax)
        connection.rollback()


def test_the_desk_may_neither_write_nor_name_the_limits_it_is_judged_by(db: Connection) -> None:
    db.execute("SET ROLE tieout_console")
    with refused(db, errors.InsufficientPrivilege, "control_limits"):
        insert(db, "control_limits", rules_sha256="x", **LAX)
    with refused(db, errors.InsufficientPrivilege, "limits_named"):
        insert(db, "limits_named", rules_sha256="rules")
    db.execute("RESET ROLE")


@pytest.mark.parametrize("kind", ["unmatch", "withdraw"])
def test_what_a_run_carries_out_nobody_calls_done_and_a_withdrawal_has_done_its_work(
    db: Connection, kind: str
) -> None:
    pending = PENDING | {"kind": kind}
    proposal(db, kind=kind)
    event(db, 2, "proposed", "OPEN>PROPOSED", proposal_after=1, kind=kind, checkers_needed=1)
    about = {"item_type": "payout", "item_id": "P", "currency": FACTS["currency"], "match_id": None}
    worth = abs(int(str(FACTS["amount_minor"])))
    joined = {"break_minor": FACTS["amount_minor"], "invoice_ids": ["B1"], "amounts_minor": [worth]}
    insert(db, "pairings", break_id=BREAK, proposal_no=1, kind=kind, **about, **joined)
    approval(db)
    event(db, 3, "approved", "PROPOSED>APPROVED", actor="ben", approval=1, **pending)
    over = pending | {"proposal_after": 0}
    if kind == "withdraw":
        event(db, 4, "resolved", "APPROVED>RESOLVED", **over)
    else:
        with refused(db, errors.CheckViolation, "the next reconciliation carries out what was approved"):
            event(db, 4, "resolved", "APPROVED>RESOLVED", **over)


def test_an_approval_cannot_name_another_maker_than_the_proposals(db: Connection) -> None:
    proposed(db)
    with pytest.raises(errors.ForeignKeyViolation, match="maker_is_the_proposals"):
        approval(db, checker="ann", maker_id="zoe")


@pytest.mark.parametrize(
    "name", ["\u0430nn", "ann\u200b", "", " ", "run", "Policy", "ann ben", "ann;", "ÀNN"]
)
def test_names_that_only_look_like_people_are_refused(db: Connection, name: str) -> None:
    with refused(db, errors.CheckViolation, "maker_is_a_person"):
        proposal(db, maker=name)
    proposed(db)
    with pytest.raises(errors.CheckViolation, match="checker_is_a_person"):
        approval(db, checker=name)


def test_one_checker_cannot_approve_twice(large: Connection) -> None:
    approval(large, checkers_needed=2)
    with pytest.raises(errors.UniqueViolation, match="a_checker_approves_once"):
        approval(large, ordinal=2, checker="BEN ", checkers_needed=2)


def test_the_second_approval_needs_the_first(large: Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="in_order"):
        approval(large, ordinal=2, checkers_needed=2)


def test_one_approval_is_not_enough_above_fifty_thousand(large: Connection) -> None:
    approval(large, checkers_needed=2)
    facts = {"amount_minor": 50_000 * DOLLAR + CENT, "amount_sgd_minor": 50_000 * DOLLAR + CENT}
    with pytest.raises(errors.CheckViolation, match="the_last_approval_approves"):
        event(
            large,
            3,
            "approved",
            "PROPOSED>APPROVED",
            actor="ben",
            approval=1,
            **PENDING | facts | {"checkers_needed": 2},
        )


def test_needing_fewer_checkers_than_the_proposal_says_does_not_help(large: Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="maker_is_the_proposals"):
        approval(large, checkers_needed=1)


def test_no_more_approvals_than_needed(db: Connection) -> None:
    proposed(db)
    approval(db)
    with pytest.raises(errors.CheckViolation, match="no_more_than_needed"):
        approval(db, ordinal=2, checker="cho")


@pytest.mark.parametrize(
    ("kind", "minor", "sgd", "needed"),
    [
        ("write_off", 1, 1, 1),
        ("accept", 1, 1, 1),
        ("unmatch", 1, 1, 1),
        ("merge", None, None, 1),
        ("config_change", None, None, 1),
        ("manual_match", 100 * DOLLAR, 100 * DOLLAR, 0),
        ("manual_match", 100 * DOLLAR + 1, 100 * DOLLAR + 1, 1),
        ("manual_match", -100 * DOLLAR - 1, -100 * DOLLAR - 1, 1),
        ("manual_match", None, None, 1),
        ("manual_match", 1, None, 2),
        ("write_off", 50_000 * DOLLAR, 50_000 * DOLLAR, 1),
        ("write_off", 50_000 * DOLLAR + 1, 50_000 * DOLLAR + 1, 2),
        ("write_off", -50_000 * DOLLAR - 1, -50_000 * DOLLAR - 1, 2),
        ("write_off", 1, None, 2),
        ("unmatch", 60_000 * DOLLAR, 60_000 * DOLLAR, 2),
        ("correct", 60_000 * DOLLAR, 60_000 * DOLLAR, 0),
    ],
)
def test_how_many_must_check_is_a_check_on_the_row(
    database_url: str, kind: str, minor: int | None, sgd: int | None, needed: int
) -> None:
    facts = {"currency": "SGD" if minor else None, "amount_minor": minor, "amount_sgd_minor": sgd}
    with psycopg.connect(database_url) as db:
        opened(db, **facts)
        for wrong in {0, 1, 2} - {needed}:
            with (
                db.transaction(),
                pytest.raises(errors.CheckViolation, match="as_many_checkers_as_policy_asks"),
                db.transaction(),
            ):
                proposal(db, kind=kind, checkers_needed=wrong, **facts)
        proposal(db, kind=kind, checkers_needed=needed, **facts)
        db.rollback()


def test_a_proposal_cannot_name_smaller_amounts_than_the_break_has(large: Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="amounts_are_the_breaks"):
        proposal(large, proposal_no=2, based_on=2, amount_minor=1, amount_sgd_minor=1)


def test_a_proposal_cannot_bring_limits_of_its_own(db: Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="limits_are_those_of_the_rules"):
        proposal(
            db,
            kind="manual_match",
            checkers_needed=0,
            manual_match_sgd_minor=10**9,
            two_checkers_sgd_minor=10**9,
        )


def test_a_proposal_about_an_older_version_cannot_be_proposed_now(db: Connection) -> None:
    event(
        db,
        2,
        "changed",
        "OPEN>OPEN",
        actor="run",
        run_id=RUN,
        amount_minor=9_000_000,
        amount_sgd_minor=9_000_000,
    )
    proposal(db)
    with pytest.raises(
        errors.ForeignKeyViolation, match=r"proposed_by_its_maker_about_this|amounts_are_the_runs"
    ):
        event(
            db,
            3,
            "proposed",
            "OPEN>PROPOSED",
            proposal_after=1,
            kind="write_off",
            checkers_needed=1,
            amount_minor=9_000_000,
            amount_sgd_minor=9_000_000,
        )


def test_nobody_proposes_in_another_name(db: Connection) -> None:
    proposal(db)
    with pytest.raises(errors.ForeignKeyViolation, match="proposed_by_its_maker_about_this"):
        event(
            db,
            2,
            "proposed",
            "OPEN>PROPOSED",
            actor="ben",
            proposal_after=1,
            kind="write_off",
            checkers_needed=1,
        )


def test_approved_without_an_approval_is_refused(db: Connection) -> None:
    proposed(db)
    with pytest.raises(errors.CheckViolation, match="an_approval_is_somebodys"):
        event(db, 3, "approved", "PROPOSED>APPROVED", actor="ben", **PENDING)


def test_approved_by_somebody_whose_approval_is_not_there_is_refused(db: Connection) -> None:
    proposed(db)
    approval(db)
    with pytest.raises(errors.ForeignKeyViolation, match="approved_by_its_checker"):
        event(db, 3, "approved", "PROPOSED>APPROVED", actor="ann", approval=1, **PENDING)


def test_a_proposal_is_not_approved_by_proposing_it(db: Connection) -> None:
    proposal(db)
    with pytest.raises(errors.CheckViolation, match="proposed_is_approved_only_where_nobody_checks"):
        event(db, 2, "proposed", "OPEN>APPROVED", proposal_after=1, kind="write_off", checkers_needed=1)


def test_an_approved_match_cannot_be_passed_off_as_a_write_off(db: Connection) -> None:
    proposal(db, kind="manual_match", checkers_needed=0)
    pending = {"proposal_after": 1, "kind": "manual_match", "checkers_needed": 0}
    event(db, 2, "proposed", "OPEN>APPROVED", **pending)
    with (
        db.transaction(),
        pytest.raises(errors.CheckViolation, match="only_write_offs_and_acceptances_stand"),
        db.transaction(),
    ):
        event(
            db,
            3,
            "accepted",
            "APPROVED>ACCEPTED",
            **pending | {"proposal_before": 1, "proposal_after": 0},
        )
    with pytest.raises(errors.ForeignKeyViolation, match="the_proposal_exists"):
        event(db, 3, "accepted", "APPROVED>ACCEPTED", proposal_before=1, kind="write_off", checkers_needed=0)


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("accepted OPEN>ACCEPTED", {}),
        ("resolved OPEN>RESOLVED", {}),
        ("written_off OPEN>ACCEPTED", {}),
        ("vanished OPEN>RESOLVED", {}),
        ("assigned OPEN>ASSIGNED", {"actor": "run", "run_id": RUN}),
        ("written_off OPEN>ACCEPTED", {"actor": "run", "run_id": RUN}),
        ("reopened OPEN>OPEN", {"actor": "run", "run_id": RUN}),
    ],
)
def test_a_step_that_is_not_allowed_is_refused(db: Connection, step: str, values: dict[str, object]) -> None:
    action, path = step.split()
    with pytest.raises(
        errors.IntegrityError, match=r"the_step_is_allowed|only_write_offs_and_acceptances_stand"
    ):
        event(db, 2, action, path, **values)


def test_history_cannot_leave_out_a_step(db: Connection) -> None:
    for version, path in ((2, "ASSIGNED>RESOLVED"), (3, "ASSIGNED>RESOLVED")):
        # Which of the two Postgres looks at first, it decides by the numbers it gave their triggers.
        with refused(db, errors.ForeignKeyViolation, "follows_the_row_before|amounts_are_the_runs"):
            event(db, version, "resolved", path)
    with pytest.raises(errors.UniqueViolation):
        event(db, 1, "opened", "NEW>OPEN", actor="run", run_id=RUN)


def test_a_person_cannot_change_what_a_run_found(db: Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="amounts_are_the_runs"):
        event(db, 2, "commented", "OPEN>OPEN", amount_minor=1)


def test_not_even_a_run_changes_amounts_under_a_proposal(db: Connection) -> None:
    proposed(db)
    with pytest.raises(errors.ForeignKeyViolation, match="amounts_are_the_runs"):
        event(db, 3, "changed", "PROPOSED>PROPOSED", actor="run", run_id=RUN, **PENDING | {"amount_minor": 1})


def test_policy_names_its_rules_and_runs_are_named(db: Connection) -> None:
    for values, says in (
        ({"actor": "policy", "run_id": RUN}, "rules_are_named"),
        ({"actor": "run"}, "runs_are_named"),
    ):
        with db.transaction(), pytest.raises(errors.CheckViolation, match=says), db.transaction():
            event(db, 2, "written_off", "OPEN>ACCEPTED", **values)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'RESOLVED'",
        "state = 'ACCEPTED', accepted_in = 1",
        "state = 'APPROVED', assignee = 'ann', proposal_no = 1",
        "version = 2",
        "amount_minor = 1",
        "amount_sgd_minor = NULL",
        "code = 'CA10'",
    ],
)
def test_a_life_is_what_its_history_led_to(db: Connection, change: str) -> None:
    with pytest.raises(
        errors.ForeignKeyViolation, match=r"its_history_leads_here|its_amounts_are_its_historys"
    ):
        db.execute(f"UPDATE recon.break_lives SET {change}".encode())


@pytest.mark.parametrize(
    "table",
    [
        *("break_events", "break_proposals", "break_approvals", "control_limits", "limits_named"),
        *("break_steps", "write_offs"),
    ],
)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET {} = {}"])
def test_history_is_append_only(db: Connection, table: str, statement: str) -> None:
    column = {"break_steps": "action"}.get(table, "rules_sha256" if "limits" in table else "break_id")
    db.execute("SET CONSTRAINTS ALL IMMEDIATE")
    names = (sql.Identifier("recon", table), sql.Identifier(column), sql.Identifier(column))
    with pytest.raises(errors.RaiseException, match=r"is history: (DELETE|TRUNCATE|UPDATE) is refused"):
        db.execute(sql.SQL(statement).format(*names))


def test_a_life_with_history_cannot_be_deleted(db: Connection) -> None:
    db.execute("DELETE FROM recon.break_lives")
    with pytest.raises(errors.ForeignKeyViolation):
        db.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_policy_cannot_write_off_more_than_a_customers_month(db: Connection) -> None:
    event(db, 2, "written_off", "OPEN>ACCEPTED", actor="policy", run_id=RUN, rules_sha256="rules")
    written = {"break_id": BREAK, "version": 2, "customer_id": "C1", "month": "2026-03-01", "counts": True}
    with pytest.raises(errors.CheckViolation, match="within_the_customers_month"):
        insert(
            db, "write_offs", **written, amount_sgd_minor=5_000, before_sgd_minor=5_001, cap_sgd_minor=10_000
        )


def test_policy_writes_nothing_off_without_saying_whose_month_it_was(db: Connection) -> None:
    event(db, 2, "written_off", "OPEN>ACCEPTED", actor="policy", run_id=RUN, rules_sha256="rules")
    with pytest.raises(errors.ForeignKeyViolation, match="policy_says_whose_month"):
        db.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_allows_the_steps_the_program_knows_and_no_others(database_url: str) -> None:
    with psycopg.connect(database_url) as db:
        rows = db.execute("SELECT action, actor_kind, from_state, to_state FROM recon.break_steps").fetchall()
    assert set(rows) == STEPS
