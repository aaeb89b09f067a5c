"""Money that does not come: tries and tasks after declines, rungs after due dates, and silence where it may come."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.flows.collect_failed import collect_failed
from include.flows.collect_overdue import collect_overdue
from include.flows.deliver_outbox import deliver_outbox
from include.flows.guard_paid import Unpaid
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live, load
from tests.flows.peers import Peer, answer_lost

POLICY = load_policy()
Settle = Callable[..., PostgresStore]

NEXT_DAY = "2026-03-02T09:00"
ONE = "I1 INV-1 C1 2026-02-01 2026-02-27 SGD 100.00 posted"


@pytest.fixture
def books(store: PostgresStore, draw: Draw) -> Settle:
    """Load a world, and publish its run of the end of March."""

    def publish(**files: str) -> PostgresStore:
        known = {
            "customers": "C1 Acme - - - 001A",
            "accounts": "001A Acme - SG",
            "rates": "2026-03-31 SGD USD 0.75",
        }
        load(store, draw(**{"invoices": ONE, **known, **files}))
        reconcile(store, as_of=date(2026, 3, 31), policy=POLICY)
        publish_run(store, as_of=date(2026, 3, 31))
        return store

    return publish


def asked(store: PostgresStore, day: str) -> dict[str, int]:
    return dict(collect_overdue(store, POLICY, today=date.fromisoformat(day)))


def failed(store: PostgresStore, moment: str) -> dict[str, int]:
    return dict(collect_failed(store, POLICY, now=datetime.fromisoformat(moment).replace(tzinfo=UTC)))


def delivered(store: PostgresStore, peer: Peer, moment: str = NEXT_DAY) -> dict[str, int]:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    target = Unpaid(peer, store, POLICY, now=lambda: now)
    return dict(deliver_outbox(store, target, pace=POLICY.delivery.pace))


def bodies(url: str) -> list[dict[str, Any]]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT body FROM delivery.outbox ORDER BY message_id")]


def test_an_overdue_invoice_is_asked_for_once_a_rung(books: Settle) -> None:
    store = books()
    assert asked(store, "2026-03-31") == {"tell the finance manager": 1}
    assert asked(store, "2026-03-31") == {}
    assert asked(store, "2026-04-15") == {"final notice": 1}


def test_a_task_carries_the_proof_that_it_is_due(books: Settle, database_url: str) -> None:
    asked(books(), "2026-03-20")
    [body] = bodies(database_url)
    assert body["open"] == "100.00"
    assert body["account_id"] == "001A"
    assert body["proof"] == "due 2026-02-27, 21 days ago; call the customer from day 14; 100.00 SGD open"


def test_a_suspension_waits_for_an_approval(books: Settle, database_url: str) -> None:
    asked(books(), "2026-04-30")
    assert [body["approval"] for body in bodies(database_url)] == [True]


def test_a_notice_goes_out_before_the_due_date(books: Settle) -> None:
    store = books(invoices="I1 INV-1 C1 2026-03-20 2026-04-07 SGD 100.00 posted")
    assert asked(store, "2026-03-30") == {}
    assert asked(store, "2026-03-31") == {"notice before due": 1}


@pytest.mark.parametrize(
    ("country", "due", "silent", "reminded"),
    [
        ("SG", "2026-03-20", "2026-03-20", "2026-03-21"),  # a Friday
        ("SG", "2026-03-21", "2026-03-23", "2026-03-24"),  # Hari Raya Puasa, a Saturday
        ("-", "2026-02-17", "2026-02-19", "2026-02-20"),  # Chinese New Year, two days
        ("DE", "2026-02-17", "2026-02-17", "2026-02-18"),
        ("DE", "2026-02-15", "2026-02-16", "2026-02-17"),
    ],
)
def test_what_is_due_on_a_day_of_rest_of_its_customer_counts_from_the_next_business_day(
    books: Settle, country: str, due: str, silent: str, reminded: str
) -> None:
    store = books(
        customers=f"C1 Acme - {country} - 001A", invoices=f"I1 INV-1 C1 2026-02-01 {due} SGD 100.00 posted"
    )
    assert "reminder" not in asked(store, silent)
    assert asked(store, reminded) == {"reminder": 1}


def test_the_proof_says_why_days_are_counted_from_another_day(books: Settle, database_url: str) -> None:
    asked(books(invoices="I1 INV-1 C1 2026-02-01 2026-02-28 SGD 100.00 posted"), "2026-03-31")
    [body] = bodies(database_url)
    assert body["proof"].startswith("2026-02-28 is no business day there; due 2026-03-02, 29 days ago; ")


@pytest.mark.parametrize(
    "files",
    [
        {"payments": "P C1 INV-1 SGD 100.00 2026-03-20 succeeded"},
        {"payments": "P C1 - SGD 300.00 2026-03-20 succeeded"},
        {"payments": "P C1 INV-1 SGD 100.00 2026-03-20 processing I1"},
        {"invoices": "I1 INV-1 C1 2026-02-01 2026-02-27 SGD 30.00 posted"},
        {"invoices": "I1 INV-1 C1 2026-02-01 2026-02-27 SGD 100.00 void"},
        {"invoices": f"{ONE} - - - 2026-03-31"},
        {"customers": "C1 Acme - - - 001A - - true"},
        {
            "payments": "P C1 INV-1 SGD 100.00 2026-03-20 succeeded I1",
            "disputes": "D P SGD 100.00 2026-03-21 needs_response",
        },
    ],
    ids=[
        *("paid", "unapplied money covers it", "on its way", "too little", "void"),
        *("promised", "legal hold", "disputed"),
    ],
)
def test_nobody_is_asked_for_what_may_be_paid(books: Settle, files: dict[str, str]) -> None:
    assert asked(books(**files), "2026-03-31") == {}


@pytest.mark.parametrize(
    "named", [{"invoice_id": "I1"}, {"customer_id": "C1"}], ids=["named", "of its customer"]
)
def test_nobody_is_asked_for_what_was_paid_after_the_newest_run(books: Settle, named: dict[str, str]) -> None:
    store = books()
    told_by_an_event(store, "Q", amount_minor=10_000, **named)
    assert asked(store, "2026-03-31") == {}


BOOKS = {"customers": "C1 Acme - - - 001A", "accounts": "001A Acme - SG", "invoices": ONE}


@pytest.mark.parametrize(
    "since",
    [
        {"invoices": ONE.replace("posted", "void")},
        {"invoices": ONE.replace("posted", "paid")},
        {"credit_notes": "N1 CN-1 C1 I1 2026-03-01 SGD 100.00"},
        {"payments": "Q C1 INV-1 USD 80.00 2026-03-01 processing I1"},
    ],
    ids=["void", "paid by bank", "credited", "on its way in another currency"],
)
def test_nobody_is_asked_for_what_was_settled_after_the_newest_run(
    store: PostgresStore, draw: Draw, since: dict[str, str]
) -> None:
    published(store, draw(folder="a", **BOOKS))
    see(store, draw(folder="b", **{"invoices": ONE, **since}))
    assert asked(store, "2026-03-31") == {}


@pytest.mark.parametrize("landed", [False, True], ids=["told by an event", "landed"])
def test_nobody_is_asked_for_a_reissued_invoice_whose_void_one_was_paid(
    store: PostgresStore, draw: Draw, *, landed: bool
) -> None:
    reissued = f"{ONE}\n{ONE.replace('I1 INV-1', 'I0 INV-0').replace('posted', 'void')}"
    published(store, draw(folder="a", **BOOKS | {"invoices": reissued}))
    if landed:
        see(store, draw(folder="b", payments="Q C1 INV-0 SGD 100.00 2026-03-31 succeeded I0"))
    else:
        told_by_an_event(store, "Q", amount_minor=10_000, invoice_id="I0", customer_id="C1")
    assert asked(store, "2026-03-31") == {}


@pytest.mark.parametrize(
    "since", [{"invoices": f"{ONE} - - - 2026-04-02"}, {"customers": "C1 Acme - - - 001A - - true"}]
)
def test_a_reminder_that_waits_does_not_leave_once_it_is_promised_or_held_by_legal(
    store: PostgresStore, draw: Draw, since: dict[str, str]
) -> None:
    published(store, draw(folder="a", **BOOKS))
    assert asked(store, "2026-03-31") == {"tell the finance manager": 1}
    see(store, draw(folder="b", **since))
    assert delivered(store, Peer(system="salesforce"), "2026-04-01T09:00") == {"stale": 1}


@pytest.mark.parametrize("kind", ["dunning", "task"])
def test_a_task_that_waits_does_not_leave_once_the_invoice_is_paid_and_does_when_it_is_owed_again(
    books: Settle, kind: str
) -> None:
    store = books(attempts=attempts("2026-03-01T09:00:00Z", code="stolen_card"))

    def decide() -> dict[str, int]:
        return asked(store, "2026-03-31") if kind == "dunning" else failed(store, "2026-03-31T09:00")

    assert sum(decide().values()) == 1
    told_by_an_event(store, "Q", invoice_id="I1", amount_minor=10_000)
    crm = Peer(system="salesforce")
    assert delivered(store, crm) == {"stale": 1}
    assert decide() == {}
    told_by_an_event(store, "Q", invoice_id="I1", amount_minor=10_000, status="failed")
    decide()
    assert delivered(store, crm) == {"confirmed": 1}
    assert [message.kind for message in crm.effects] == [kind]


def test_a_reminder_asks_for_what_is_left_by_now(store: PostgresStore, draw: Draw, database_url: str) -> None:
    published(store, draw(folder="a", **BOOKS))
    see(store, draw(folder="b", credit_notes="N1 CN-1 C1 I1 2026-03-01 SGD 40.00"))
    asked(store, "2026-03-31")
    [body] = bodies(database_url)
    assert body["open"] == "60.00"
    assert body["proof"].endswith("60.00 SGD open")


def test_money_that_was_known_and_applied_covers_nothing_else(books: Settle) -> None:
    store = books(
        invoices=ONE.replace("100.00", "200.00"), payments="Q C1 INV-1 SGD 100.00 2026-03-20 succeeded I1"
    )
    assert asked(store, "2026-03-31") == {"tell the finance manager": 1}


def test_unapplied_money_covers_the_oldest_debts_and_no_more(books: Settle, database_url: str) -> None:
    store = books(
        invoices="""
            I1 INV-1 C1 2026-01-01 2026-02-01 SGD 100.00 posted
            I2 INV-2 C1 2026-02-01 2026-02-27 SGD 100.00 posted
            I3 INV-3 C1 2026-02-01 2026-03-02 SGD 100.00 posted
        """,
        payments="P C1 - SGD 130.00 2026-03-20 succeeded",
    )
    asked(store, "2026-03-31")
    assert [body["number"] for body in bodies(database_url)] == ["INV-2", "INV-3"]


def test_what_may_have_been_written_already_is_not_asked_for_again(books: Settle) -> None:
    store = books()
    assert asked(store, "2026-03-20") == {"call the customer": 1}
    deliver_outbox(store, Peer(system="salesforce", faults=[answer_lost]), pace=POLICY.delivery.pace)
    assert asked(store, "2026-04-15") == {}


DECLINED = "{id} P1 I1 {number} failed {code} {moment}"


def attempts(*moments: str, code: str = "insufficient_funds") -> str:
    return "\n".join(
        DECLINED.format(id=f"A{number}", number=number, code=code, moment=moment)
        for number, moment in enumerate(moments, start=1)
    )


ONCE = attempts("2026-03-01T09:00:00Z")


def test_a_soft_decline_is_tried_again_when_it_is_due_and_once(books: Settle) -> None:
    store = books(attempts=attempts("2026-03-01T09:00:00Z"))
    assert failed(store, "2026-03-01T12:00") == {}
    assert failed(store, "2026-03-02T09:00") == {"retry": 1}
    assert failed(store, "2026-03-02T10:00") == {}


def test_the_third_failure_is_one_task_for_the_owner_however_often_it_is_looked_at(
    books: Settle, database_url: str
) -> None:
    store = books(attempts=attempts("2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z", "2026-03-05T09:00:00Z"))
    assert failed(store, "2026-03-06T09:00") == {"task": 1}
    assert failed(store, "2026-03-09T09:00") == {}
    assert failed(store, "2026-03-10T09:00") == {"retry": 1}, "the schedule goes on"
    body, _ = bodies(database_url)
    assert body["title"] == "The payment of invoice INV-1 keeps failing"
    assert body["proof"].splitlines() == [
        "3 attempts failed",
        "2026-03-01 09:00 UTC: insufficient funds (A1)",
        "2026-03-02 09:00 UTC: insufficient funds (A2)",
        "2026-03-05 09:00 UTC: insufficient funds (A3)",
    ]


def published(store: PostgresStore, world: Path) -> None:
    """What a world says, tied out and published as of the last of March."""
    see(store, world)
    reconcile(store, as_of=date(2026, 3, 31), policy=POLICY)
    publish_run(store, as_of=date(2026, 3, 31))


def see(store: PostgresStore, world: Path) -> None:
    source = Live(world)
    for entity in source.entities:
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)


def test_more_failures_and_late_ones_make_no_second_task(store: PostgresStore, draw: Draw) -> None:
    three = attempts("2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z", "2026-03-05T09:00:00Z")
    see(store, draw(folder="a", customers="C1 Acme - - - 001A", invoices=ONE, attempts=three))
    assert failed(store, "2026-03-06T09:00") == {"task": 1}
    crm = Peer(system="salesforce")
    deliver_outbox(store, crm, pace=POLICY.delivery.pace)
    more = (
        f"{three}\n{DECLINED.format(id='A9', number=9, code='do_not_honor', moment='2026-03-04T09:00:00Z')}"
    )
    see(store, draw(folder="b", attempts=more))
    assert failed(store, "2026-03-07T09:00") == {}
    deliver_outbox(store, crm, pace=POLICY.delivery.pace)
    assert len(crm.effects) == 1


def test_a_card_that_was_tried_for_other_invoices_is_not_tried_beyond_its_schemes_cap(books: Settle) -> None:
    tries = "\n".join(
        f"B{hour} P2 I2 {hour} succeeded - 2026-03-01T{hour:02}:00:00Z mastercard card_1" for hour in range(9)
    )
    store = books(
        invoices=f"{ONE}\nI2 INV-2 C1 2026-02-01 2026-02-27 SGD 900.00 posted",
        attempts=f"{tries}\nA1 P1 I1 1 failed insufficient_funds 2026-03-01T09:00:00Z mastercard card_1 51 MAC24",
    )
    assert failed(store, "2026-03-02T08:59") == {}
    assert failed(store, "2026-03-02T09:00") == {"retry": 1}


def test_tries_of_one_card_that_are_due_together_keep_within_its_schemes_cap(books: Settle) -> None:
    """Seven tries are known in the last day, and the scheme lets ten: of five that are due three leave."""
    tries = [
        f"A{n} P{n} I{n} 1 failed insufficient_funds 2026-03-01T09:0{n}:00Z mastercard card_1"
        for n in range(5)
    ]
    others = [f"B{n} Q{n} I9 {n} succeeded - 2026-03-01T23:0{n}:00Z mastercard card_1" for n in range(7)]
    store = books(
        invoices="\n".join(f"I{n} INV-{n} C1 2026-02-01 2026-03-01 SGD 100.00 posted" for n in range(5)),
        attempts="\n".join([*tries, *others]),
    )
    assert failed(store, "2026-03-02T12:00") == {"retry": 3}
    assert failed(store, "2026-03-02T12:30") == {}, "they are on their way"
    assert failed(store, "2026-03-03T12:00") == {"retry": 2}


def test_a_try_that_waited_does_not_leave_once_its_card_was_tried_as_often_as_its_scheme_lets(
    store: PostgresStore, draw: Draw
) -> None:
    """Three were decided when seven were known in a day; in the night others came that nobody had known of."""
    declined = [
        f"A{n} P{n} I{n} 1 failed insufficient_funds 2026-03-01T09:0{n}:00Z mastercard card_1"
        for n in range(3)
    ]
    others = [f"B{n} Q{n} I9 {n} succeeded - 2026-03-02T1{n}:00:00Z mastercard card_1" for n in range(8)]
    invoices = "\n".join(f"I{n} INV-{n} C1 2026-02-01 2026-03-01 SGD 100.00 posted" for n in range(3))
    see(store, draw(folder="a", **BOOKS | {"invoices": invoices}, attempts="\n".join(declined)))
    assert failed(store, "2026-03-02T09:30") == {"retry": 3}
    see(store, draw(folder="b", attempts="\n".join([*declined, *others])))
    platform = Peer(system="payments")
    assert delivered(store, platform, "2026-03-03T08:00") == {"confirmed": 2, "stale": 1}
    assert [effect.body["invoice_id"] for effect in platform.effects] == ["I0", "I1"]
    assert failed(store, "2026-03-04T08:00") == {"retry": 1}, "it is decided anew once the scheme lets it"
    assert delivered(store, platform, "2026-03-04T08:00") == {"confirmed": 1}


def test_tries_that_left_and_are_not_told_yet_count_for_their_card(store: PostgresStore, draw: Draw) -> None:
    now = datetime.now(UTC)
    tried = [
        f"A{n} P{n} I{n} 1 failed insufficient_funds {now - timedelta(days=2):%Y-%m-%dT%H:%M:0{n}Z} mastercard card_1"
        for n in range(4)
    ]
    others = [
        f"B{n} Q{n} I9 {n} succeeded - {now - timedelta(hours=n + 1):%Y-%m-%dT%H:%M:%SZ} mastercard card_1"
        for n in range(7)
    ]
    invoices = "\n".join(f"I{n} INV-{n} C1 2026-02-01 2026-03-01 SGD 100.00 posted" for n in range(4))
    one = draw(folder="a", **BOOKS | {"invoices": invoices}, attempts="\n".join([*tried[:2], *others]))
    see(store, one)
    moment = f"{now:%Y-%m-%dT%H:%M:%S}"
    assert failed(store, moment) == {"retry": 2}
    assert delivered(store, Peer(system="payments"), moment) == {"confirmed": 2}
    see(store, draw(folder="b", attempts="\n".join([*tried, *others])))
    assert failed(store, moment) == {"retry": 1}, "two left, and the scheme lets three"
    assert failed(store, moment) == {}


def test_a_try_that_waited_does_not_leave_once_it_failed_anew(store: PostgresStore, draw: Draw) -> None:
    see(store, draw(folder="a", **BOOKS, attempts=ONCE))
    assert failed(store, NEXT_DAY) == {"retry": 1}
    see(store, draw(folder="b", attempts=attempts("2026-03-01T09:00:00Z", "2026-03-02T08:00:00Z")))
    assert delivered(store, Peer(system="payments"), "2026-03-02T10:00") == {"stale": 1}
    assert failed(store, "2026-03-05T08:00") == {"retry": 1}
    assert delivered(store, Peer(system="payments"), "2026-03-05T08:00") == {"confirmed": 1}


STOLEN = "B1 P2 I2 1 failed stolen_card {} visa card_1"
TWO = f"{ONE}\n{ONE.replace('I1 INV-1', 'I2 INV-2')}"
SOFT = "A1 P1 I1 1 failed insufficient_funds 2026-03-01T09:00:00Z visa card_1"


@pytest.mark.parametrize("moment", ["2025-11-02T10:00:00Z", "2026-03-01T10:00:00Z"])
def test_a_card_that_is_not_to_be_tried_again_is_tried_for_no_other_invoice(
    books: Settle, database_url: str, moment: str
) -> None:
    store = books(invoices=TWO, attempts=f"{SOFT}\n{STOLEN.format(moment)}")
    assert failed(store, NEXT_DAY) == {"task": 2}
    proofs = sorted(body["proof"].splitlines()[0] for body in bodies(database_url))
    told = "the issuer says not to try this card again (stolen card"
    assert proofs == [f"{told})", f"{told}, B1)"]


def test_a_card_that_paid_since_is_tried_again(books: Settle) -> None:
    paid = "B2 P3 I3 1 succeeded - 2026-02-28T09:00:00Z visa card_1"
    store = books(invoices=TWO, attempts=f"{SOFT}\n{STOLEN.format('2026-02-01T09:00:00Z')}\n{paid}")
    assert failed(store, NEXT_DAY) == {"retry": 1, "task": 1}


def test_a_try_that_waited_does_not_leave_once_its_card_is_not_to_be_tried_again(
    store: PostgresStore, draw: Draw
) -> None:
    see(store, draw(folder="a", **BOOKS | {"invoices": TWO}, attempts=SOFT))
    assert failed(store, NEXT_DAY) == {"retry": 1}
    see(store, draw(folder="b", attempts=f"{SOFT}\n{STOLEN.format('2026-03-02T09:05:00Z')}"))
    assert delivered(store, Peer(system="payments"), "2026-03-02T09:30") == {"stale": 1}


def test_a_success_of_before_the_failures_that_is_told_late_makes_no_second_task(
    store: PostgresStore, draw: Draw
) -> None:
    three = attempts("2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z", "2026-03-05T09:00:00Z")
    paid = "A{0} P{0} I1 {0} succeeded - {1}"
    before, between = paid.format(8, "2026-02-20T09:00:00Z"), paid.format(9, "2026-03-01T15:00:00Z")
    see(store, draw(folder="a", **BOOKS, attempts=three))
    assert failed(store, "2026-03-06T09:00") == {"task": 1}
    crm = Peer(system="salesforce")
    assert delivered(store, crm) == {"confirmed": 1}
    for number, late in enumerate([before, f"{before}\n{between}"]):
        more = DECLINED.format(id="A4", number=4, code="do_not_honor", moment="2026-03-10T09:00:00Z")
        see(store, draw(folder=f"b{number}", attempts=f"{three}\n{more}\n{late}"))
        assert failed(store, "2026-03-11T09:00") == {}
    assert delivered(store, crm) == {}


def test_failures_after_a_payment_are_another_task(store: PostgresStore, draw: Draw) -> None:
    three = attempts("2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z", "2026-03-05T09:00:00Z")
    see(store, draw(folder="a", **BOOKS, attempts=three))
    assert failed(store, "2026-03-06T09:00") == {"task": 1}
    paid = "A9 P9 I1 9 succeeded - 2026-03-07T09:00:00Z"
    again = "A8 P8 I1 8 failed stolen_card 2026-03-08T09:00:00Z"
    see(store, draw(folder="b", attempts=f"{three}\n{paid}\n{again}"))
    assert failed(store, "2026-03-09T09:00") == {"task": 1}


def test_a_hard_decline_is_a_task_at_once(books: Settle) -> None:
    assert failed(
        books(attempts=attempts("2026-03-01T09:00:00Z", code="stolen_card")), "2026-03-01T10:00"
    ) == {"task": 1}


@pytest.mark.parametrize("outcome", ["pending", "processing", "created"])
def test_what_the_bank_has_not_answered_is_no_failure(books: Settle, outcome: str) -> None:
    under_way = f"{{}} P{{}} I1 1 {outcome} - 2026-03-0{{}}T09:00:00Z"
    store = books(attempts=f"{ONCE}\n{under_way.format('B1', 2, 2)}\n{under_way.format('B2', 3, 4)}")
    assert failed(store, "2026-03-02T08:59") == {}
    assert failed(store, "2026-03-09T09:00") == {"retry": 1}, "one attempt failed, and no task is due"


def test_one_failure_leads_to_one_try_whatever_is_told_late_of_before_it(
    store: PostgresStore, draw: Draw
) -> None:
    see(store, draw(folder="a", customers="C1 Acme - - - 001A", invoices=ONE, attempts=ONCE))
    assert failed(store, NEXT_DAY) == {"retry": 1}
    part = "A0 P0 I1 9 succeeded - 2026-02-20T09:00:00Z"
    see(store, draw(folder="b", attempts=f"{ONCE}\n{part}"))
    assert failed(store, NEXT_DAY) == {}


def test_a_payment_that_came_through_ends_it(books: Settle) -> None:
    paid = "A9 P1 I1 9 succeeded - 2026-03-08T09:00:00Z"
    store = books(
        attempts=f"{attempts('2026-03-01T09:00:00Z', '2026-03-02T09:00:00Z', '2026-03-05T09:00:00Z')}\n{paid}"
    )
    assert failed(store, "2026-03-09T09:00") == {}


@pytest.mark.parametrize(
    "files",
    [
        {"payments": "Q C1 INV-1 SGD 100.00 2026-03-01 succeeded"},
        {"payments": "Q C1 - SGD 100.00 2026-03-01 succeeded"},
        {"payments": "Q C1 INV-1 SGD 100.00 2026-03-01 processing I1"},
        {"payments": "Q C1 INV-1 USD 80.00 2026-03-01 succeeded I1"},
        {"invoices": ONE.replace("posted", "void")},
        {"invoices": ONE.replace("posted", "paid")},
        {"credit_notes": "N1 CN-1 C1 I1 2026-03-01 SGD 100.00"},
        {
            "payments": "Q C1 INV-1 SGD 100.00 2026-03-01 succeeded I1",
            "disputes": "D Q SGD 100.00 2026-03-01 needs_response",
        },
        {"customers": "C1 Acme - - - 001A - - true"},
        {"invoices": f"{ONE} - - - 2026-03-02"},
    ],
    ids=[
        "paid",
        "perhaps paid",
        "on its way",
        "paid in another currency",
        "void",
        "paid by bank",
        "credited",
        "disputed",
        "held by legal",
        "promised until that day",
    ],
)
def test_nobody_is_charged_again_for_what_is_no_longer_owed(books: Settle, files: dict[str, str]) -> None:
    assert failed(books(attempts=ONCE, **files), NEXT_DAY) == {}


@pytest.mark.parametrize("landed", [False, True], ids=["told by an event", "landed"])
def test_nobody_is_charged_for_a_reissued_invoice_whose_void_one_was_paid(
    store: PostgresStore, draw: Draw, *, landed: bool
) -> None:
    reissued = f"{ONE}\n{ONE.replace('I1 INV-1', 'I0 INV-0').replace('posted', 'void')}"
    published(store, draw(folder="a", **BOOKS | {"invoices": reissued, "attempts": ONCE}))
    if landed:
        see(store, draw(folder="b", payments="Q C1 INV-0 SGD 100.00 2026-03-02 succeeded I0"))
    else:
        told_by_an_event(store, "Q", amount_minor=10_000, invoice_id="I0", customer_id="C1")
    assert failed(store, NEXT_DAY) == {}


def test_a_retry_charges_what_is_left(books: Settle, database_url: str) -> None:
    store = books(attempts=ONCE, payments="Q C1 INV-1 SGD 60.00 2026-03-01 succeeded I1")
    assert failed(store, NEXT_DAY) == {"retry": 1}
    assert [(body["open"], body["currency"]) for body in bodies(database_url)] == [("40.00", "SGD")]


def test_a_retry_that_was_decided_does_not_leave_once_the_invoice_is_paid(books: Settle) -> None:
    store = books(attempts=ONCE)
    assert failed(store, NEXT_DAY) == {"retry": 1}
    told_by_an_event(store, "Q", invoice_id="I1", amount_minor=10_000)
    platform = Peer(system="payments")
    assert delivered(store, platform) == {"stale": 1}
    assert platform.effects == []
    assert failed(store, NEXT_DAY) == {}


def test_a_retry_of_what_is_owed_leaves(books: Settle) -> None:
    store = books(attempts=ONCE)
    failed(store, NEXT_DAY)
    platform = Peer(system="payments")
    assert delivered(store, platform) == {"confirmed": 1}


def told_by_an_event(store: PostgresStore, native_id: str, **facts: Any) -> None:
    """A payment that was looked at and has not landed yet."""
    known = {"currency": "SGD", "status": "succeeded", **facts}
    thing = {"source": "payments", "entity": "payments", "native_id": native_id}
    with store.transaction() as tx:
        tx.run("keep_look", **thing, **tx.rows("next_look")[0], gone=False, facts=known, facts_sha256="")
