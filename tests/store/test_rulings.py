"""What the database itself refuses about matches by hand and unmatching, whoever asks and however."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.store.test_break_lives import (
    BREAK,
    DOLLAR,
    Connection,
    approval,
    event,
    insert,
    opened,
    proposal,
    refused,
)

BY_HAND: dict[str, Any] = {"kind": "manual_match", "checkers_needed": 1}
FACTS = {"amount_minor": 500 * DOLLAR, "amount_sgd_minor": 500 * DOLLAR}
NOW = {"proposal_before": 1, "proposal_after": 1}


def pairing(db: Connection, **values: object) -> None:
    facts = {
        "break_id": BREAK,
        "proposal_no": 1,
        "kind": "manual_match",
        "item_type": "payment",
        "item_id": "P",
        "currency": "SGD",
        "break_minor": 500 * DOLLAR,
        "invoice_ids": ["1", "2"],
        "amounts_minor": [300 * DOLLAR, 200 * DOLLAR],
    }
    insert(db, "pairings", **facts | values)


def ruling(db: Connection, **values: object) -> None:
    facts = {
        "ruling_no": 1,
        "break_id": BREAK,
        "proposal_no": 1,
        "kind": "manual_match",
        "item_type": "payment",
        "item_id": "P",
        "approved_in": 3,
    }
    insert(db, "rulings", **facts | values)


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    """SGD 500.00 that somebody proposed to match by hand."""
    with psycopg.connect(database_url) as connection:
        opened(connection, **FACTS)
        proposal(connection, **BY_HAND, **FACTS)
        event(connection, 2, "proposed", "OPEN>PROPOSED", proposal_after=1, **BY_HAND, **FACTS)
        yield connection
        connection.rollback()


def test_what_is_paired_is_what_the_proposal_is_about(db: Connection) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "no_more_than_the_break_is_about": {"amounts_minor": [300 * DOLLAR, 200 * DOLLAR + 1]},
        "every_invoice_once_with_its_amount": {"invoice_ids": ["1", "1"]},
        "only_these_say_what_they_pair": {"kind": "write_off"},
        "a_credit_note_is_for_one_invoice": {"item_type": "credit_note"},
        "payouts_are_matched_whole": {"item_type": "payout", "amounts_minor": [300 * DOLLAR, 100 * DOLLAR]},
        "one_payout_is_named_as_the_item": {
            "item_type": "bank_line",
            "invoice_ids": ["1"],
            "amounts_minor": [500 * DOLLAR],
        },
        "parted_whole": {"kind": "unmatch", "amounts_minor": [300 * DOLLAR, 100 * DOLLAR]},
    }
    for name, facts in wrong.items():
        with refused(db, errors.CheckViolation, name):
            pairing(db, **facts)
    for facts in (
        {"amounts_minor": [500 * DOLLAR, 0]},
        {"amounts_minor": [1]},
        {"invoice_ids": [], "amounts_minor": []},
    ):
        with refused(db, errors.CheckViolation, "every_invoice_once_with_its_amount"):
            pairing(db, **facts)
    for facts in ({"break_minor": 900 * DOLLAR}, {"currency": "USD"}, {"kind": "withdraw"}):
        with refused(db, errors.ForeignKeyViolation, "about_what_is_proposed"):
            pairing(db, **facts)
    pairing(db)
    with refused(db, errors.RaiseException, "recon.pairings is history: UPDATE is refused"):
        db.execute("UPDATE recon.pairings SET item_id = 'Q'")


def test_only_what_was_approved_becomes_a_ruling_and_it_ends_once(db: Connection) -> None:
    pairing(db)
    with refused(db, errors.ForeignKeyViolation, "was_approved"):
        ruling(db, approved_in=2)
    approval(db)
    event(db, 3, "approved", "PROPOSED>APPROVED", actor="ben", approval=1, **NOW, **BY_HAND, **FACTS)
    with refused(db, errors.ForeignKeyViolation, "says_what_it_pairs"):
        ruling(db, item_id="Q")
    ruling(db)
    for change in (
        "item_id = 'Q'",
        "approved_in = 2",
        "ended_no = 2, ended_why = 'parted', ended_at = now(), ruling_no = 9",
    ):
        with refused(db, errors.RaiseException, "recon.rulings is history: UPDATE is refused"):
            db.execute(f"UPDATE recon.rulings SET {change}".encode())
    with refused(db, errors.CheckViolation, "ends_with_a_reason"):
        db.execute("UPDATE recon.rulings SET ended_no = 2")
    with refused(db, errors.CheckViolation, "ends_after_it_began"):
        db.execute("UPDATE recon.rulings SET ended_no = 1, ended_why = 'parted', ended_at = now()")
    db.execute("UPDATE recon.rulings SET ended_no = 2, ended_why = 'parted', ended_at = now()")
    for change in ("UPDATE recon.rulings SET ended_no = 3", "DELETE FROM recon.rulings"):
        with refused(db, errors.RaiseException, "recon.rulings is history"):
            db.execute(change.encode())
    with refused(db, errors.RaiseException, "recon.rulings is history: TRUNCATE is refused"):
        db.execute("TRUNCATE recon.rulings")


def test_an_item_is_matched_by_hand_once_at_a_time(db: Connection) -> None:
    pairing(db)
    approval(db)
    event(db, 3, "approved", "PROPOSED>APPROVED", actor="ben", approval=1, **NOW, **BY_HAND, **FACTS)
    ruling(db)
    event(db, 4, "rejected", "APPROVED>ASSIGNED", actor="ben", proposal_before=1, **BY_HAND, **FACTS)
    proposal(db, proposal_no=2, based_on=4, **BY_HAND, **FACTS)
    event(db, 5, "proposed", "ASSIGNED>PROPOSED", proposal_after=2, **BY_HAND, **FACTS)
    pairing(db, proposal_no=2)
    approval(db, proposal_no=2)
    again = {"proposal_before": 2, "proposal_after": 2} | BY_HAND | FACTS
    event(db, 6, "approved", "PROPOSED>APPROVED", actor="ben", approval=1, **again)
    with refused(db, errors.UniqueViolation, "an_item_is_matched_by_hand_once"):
        ruling(db, ruling_no=2, proposal_no=2, approved_in=6)


def test_a_person_opens_the_break_of_a_questioned_match_and_of_nothing_else(db: Connection) -> None:
    with refused(db, errors.CheckViolation, "only_matches_are_questioned"):
        event(db, 3, "questioned", "ASSIGNED>OPEN", **FACTS)
    with refused(db, errors.ForeignKeyViolation, "the_step_is_allowed"):
        event(db, 3, "questioned", "PROPOSED>OPEN", code="CA21", **FACTS)
