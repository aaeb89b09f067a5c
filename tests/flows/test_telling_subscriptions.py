"""A change of a subscription reaches the CRM: what it is worth, when it renews, and what that asks of people."""

from datetime import date
from typing import Any

import psycopg
import pytest

from include.domain.renewal_steps import due_renewal_step, must_be_open
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.tell_subscriptions import tell_subscriptions
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live

POLICY = load_policy()
SUB = "S1 C1 2026-01-31 2027-01-31 SGD 10 45.50 month active"


class Books:
    def __init__(self, store: PostgresStore, url: str, draw: Draw) -> None:
        self.store, self.url, self.draw, self.turn = store, url, draw, 0
        self.see(customers="C1 Acme - SG - 001A", accounts="001A Acme - SG", subscriptions=SUB)

    def see(self, **files: str) -> None:
        self.turn += 1
        source = Live(self.draw(folder=f"turn{self.turn}", **files))
        drawn = {"opportunities" if name == "renewals" else name for name in files}
        for entity in (name for name in source.entities if name in drawn):
            pull_changes(source, self.store, entity=entity)
            land_records(source, self.store, entity=entity)

    def tell(self, day: str, **arr: Any) -> dict[str, int]:
        """`arr`: what policy says otherwise of recurring revenue."""
        policy = POLICY.model_copy(update={"arr": POLICY.arr.model_copy(update=arr)})
        return dict(tell_subscriptions(self.store, policy, today=date.fromisoformat(day)))

    def told(self, kind: str = "subscription_status") -> list[dict[str, Any]]:
        query = "SELECT body FROM delivery.outbox WHERE kind = %s ORDER BY message_id"
        with psycopg.connect(self.url) as connection:
            return [body for (body,) in connection.execute(query, (kind,)).fetchall()]


@pytest.fixture
def books(store: PostgresStore, database_url: str, draw: Draw) -> Books:
    return Books(store, database_url, draw)


def test_a_subscription_is_told_once_with_its_worth_and_its_dates(books: Books) -> None:
    assert books.tell("2026-02-01") == {"subscription": 1}
    assert books.tell("2026-02-02") == {}
    [body] = books.told()
    assert body == {
        "subscription_id": "S1", "account_id": "001A", "start_date": "2026-01-31", "end_date": "2027-01-30",
        "renewal_date": "2027-01-31", "currency": "SGD", "quantity": "10", "arr": "5460.00", "status": "ACTIVE",
        "arr_change": "5460.00", "arr_changed_on": "2026-01-31", "change": "START",
    }  # fmt: skip


def test_a_day_before_the_one_that_was_told_last_tells_nothing(books: Books) -> None:
    books.tell("2026-10-03")
    assert books.tell("2026-02-02") == {}


def test_an_amendment_changes_what_is_told_on_the_day_it_takes_effect(books: Books) -> None:
    books.tell("2026-02-01")
    books.see(amendments="A1 S1 1 QTY 2026-03-01 25")
    assert books.tell("2026-02-02") == {}
    assert books.tell("2026-03-01") == {"subscription": 1}
    assert [(body["quantity"], body["arr"]) for body in books.told()] == [
        ("10", "5460.00"),
        ("25", "13650.00"),
    ]
    newest = books.told()[-1]
    assert (newest["arr_change"], newest["arr_changed_on"], newest["change"]) == (
        "8190.00",
        "2026-03-01",
        "QTY",
    )


def test_a_renewal_moves_the_date_and_a_cancellation_ends_it(books: Books) -> None:
    books.tell("2026-02-01")
    books.see(amendments="A1 S1 1 RENEW 2027-01-31")
    books.tell("2026-03-01")
    assert books.told()[-1]["renewal_date"] == "2028-01-31"
    books.see(amendments="A1 S1 1 RENEW 2027-01-31\nA2 S1 2 CANCEL 2027-06-30")
    books.tell("2026-03-02")
    assert (books.told()[-1]["renewal_date"], books.told()[-1]["end_date"]) == (None, "2027-06-29")


def test_what_came_and_went_is_told_as_it_is(books: Books) -> None:
    books.tell("2026-02-01")
    books.see(subscriptions=SUB.replace("45.50", "50"))
    books.see(subscriptions=SUB)
    assert books.tell("2026-02-02") == {}


def test_an_amendment_nobody_can_read_keeps_its_subscription_untold(books: Books) -> None:
    books.see(amendments="A1 S1 1 TELEPORT 2026-03-01 25")
    assert books.tell("2026-02-01") == {}
    books.see(amendments="A1 S1 one QTY 2026-03-01 25")
    assert books.tell("2026-02-02") == {}


def test_a_renewal_is_opened_by_itself_and_each_later_step_is_one_task(books: Books) -> None:
    assert books.tell("2026-02-01") == {"subscription": 1}
    assert books.tell("2026-10-02") == {}
    assert books.tell("2026-10-03") == {"renewal": 1}
    assert books.tell("2026-10-04") == {}
    assert books.tell("2026-11-02") == {"renewal": 1}
    [deal] = books.told("renewal_deal")
    assert (deal["renewal_key"], deal["close_date"], deal["arr"]) == (
        "S1/2027-01-31",
        "2027-01-31",
        "5460.00",
    )
    assert [body["title"] for body in books.told("task")] == ["Subscription S1: send the quote"]


def test_a_term_that_ended_is_worth_what_it_was_for_the_days_of_grace_and_renews_on_its_day(
    books: Books,
) -> None:
    for day in ("2026-10-03", "2027-01-30", "2027-01-31", "2027-02-14", "2027-02-15", "2027-03-01"):
        books.tell(day, renewal_grace_days=15)
    assert [(body["arr"], body["end_date"]) for body in books.told()] == [
        ("5460.00", "2027-01-30"),
        ("0.00", "2027-01-30"),
    ]
    assert [body["renewal_key"] for body in books.told("renewal_deal")] == ["S1/2027-01-31"]


def test_a_pause_that_lasts_longer_than_policy_keeps_is_told_on_the_day_it_does(books: Books) -> None:
    books.see(amendments="A1 S1 1 PAUSE 2026-04-01")
    for day in ("2026-04-01", "2026-06-29", "2026-06-30"):
        books.tell(day, pause="KEEP", keep_days=90)
    assert [body["arr"] for body in books.told()] == ["5460.00"]
    books.tell("2026-07-01", pause="KEEP", keep_days=90)
    assert [body["arr"] for body in books.told()] == ["5460.00", "0.00"]


@pytest.mark.parametrize("change", ["CANCEL 2026-11-30", "RENEW 2027-01-31"])
def test_a_renewal_that_waits_is_not_opened_once_there_is_none_on_that_day(books: Books, change: str) -> None:
    def waiting() -> list[str]:
        query = "SELECT body ->> 'renewal_key' FROM delivery.outbox WHERE kind = 'renewal_deal' AND state = 'queued'"
        with psycopg.connect(books.url) as connection:
            return [key for (key,) in connection.execute(query).fetchall()]

    books.tell("2026-10-03")
    assert waiting() == ["S1/2027-01-31"]
    books.see(amendments=f"A1 S1 1 {change}")
    books.tell("2026-10-04")
    assert waiting() == []
    books.see(amendments="A1 S1 1 QTY 2026-11-01 10")
    books.tell("2026-10-05")
    assert waiting() == ["S1/2027-01-31"]


def test_a_renewal_whose_day_was_missed_is_opened_beside_the_step_that_is_due(books: Books) -> None:
    assert books.tell("2026-12-15") == {"subscription": 1, "renewal": 2}
    assert books.tell("2026-12-16") == {}
    assert [body["renewal_key"] for body in books.told("renewal_deal")] == ["S1/2027-01-31"]
    assert [body["title"] for body in books.told("task")] == ["Subscription S1: give notice"]


def test_a_renewal_that_was_won_asks_for_nothing_more(books: Books) -> None:
    books.see(renewals="006R Won true true S1/2027-01-31")
    for day in ("2026-10-03", "2026-11-02", "2026-12-02", "2027-01-31"):
        books.tell(day)
    assert books.told("task") == books.told("renewal_deal") == []


@pytest.mark.parametrize("how", ["by an amendment", "by its status"])
def test_the_open_renewal_of_what_was_cancelled_is_to_be_closed_by_its_owner_once(
    books: Books, how: str
) -> None:
    books.see(renewals="006R Negotiation false false S1/2027-01-31")
    books.tell("2026-10-03")
    before = len(books.told("task"))
    if how == "by an amendment":
        books.see(amendments="A1 S1 1 CANCEL 2026-12-31")
    else:
        books.see(subscriptions=SUB.replace("active", "cancelled"))
    books.tell("2026-10-04")
    books.tell("2027-01-02")
    [task] = books.told("task")[before:]
    assert (task["title"], task["opportunity_id"]) == (
        "Subscription S1: it was cancelled, close its renewal",
        "006R",
    )


def test_a_closed_renewal_of_what_was_cancelled_asks_for_nothing(books: Books) -> None:
    books.see(renewals="006R Lost true false S1/2027-01-31", amendments="A1 S1 1 CANCEL 2026-12-31")
    books.tell("2026-10-04")
    assert books.told("task") == []


def test_a_term_that_was_renewed_is_renewed_again(books: Books) -> None:
    books.see(amendments="A1 S1 1 RENEW 2027-01-31")
    books.tell("2027-02-01")
    assert books.tell("2027-10-02") == {}
    assert books.tell("2027-10-03") == {"renewal": 1}
    assert [body["renewal_key"] for body in books.told("renewal_deal")] == ["S1/2028-01-31"]


@pytest.mark.parametrize(
    ("today", "overdue", "name"),
    [
        ("2026-10-02", 0, None),
        ("2026-10-03", 0, "open the renewal"),
        ("2026-12-15", 0, "give notice"),
        ("2026-12-15", 61, None),
        ("2027-01-31", 61, "renew or let it end"),
        ("2027-02-01", 0, None),
        ("2026-11-01", 0, "open the renewal"),
        ("2026-11-02", 0, "send the quote"),
        ("2026-12-02", 0, "give notice"),
        ("2027-01-01", 0, "escalate the renewal"),
        ("2026-12-15", 60, "give notice"),
    ],
)
def test_the_step_that_is_due(today: str, overdue: int, name: str | None) -> None:
    rules = POLICY.renewals.rules
    step = due_renewal_step(
        date(2027, 1, 31), today=date.fromisoformat(today), overdue_days=overdue, rules=rules
    )
    lost = due_renewal_step(
        date(2027, 1, 31), today=date.fromisoformat(today), overdue_days=0, rules=rules, deal="lost"
    )
    assert (lost.name if lost else None) == ("renew or let it end" if today == "2027-01-31" else None)
    assert (step.name if step else None) == name
    due = {"today": date.fromisoformat(today), "overdue_days": overdue, "rules": rules}
    assert must_be_open(date(2027, 1, 31), **due) == (bool(name) and overdue <= 60)  # type: ignore[arg-type]
    assert not must_be_open(date(2027, 1, 31), **due, deal="lost")  # type: ignore[arg-type]


def test_an_amendment_that_is_another_subscriptions_by_now_is_taken_back(books: Books) -> None:
    books.see(subscriptions=f"{SUB}\n{SUB.replace('S1', 'S2')}", amendments="A1 S1 1 QTY 2026-02-01 25")
    books.tell("2026-02-01")
    books.see(amendments="A1 S2 1 QTY 2026-02-01 25")
    assert books.tell("2026-02-02") == {"subscription": 2}
    assert [(body["subscription_id"], body["quantity"]) for body in books.told()[2:]] == [
        ("S1", "10"),
        ("S2", "25"),
    ]


@pytest.mark.parametrize("of", ["S1", "-"], ids=["its own", "nobody can say whose"])
def test_a_change_that_came_while_an_amendment_could_not_be_read_is_told_once_it_can(
    books: Books, of: str
) -> None:
    books.tell("2026-02-01")
    books.see(amendments=f"A1 {of} one QTY 2026-02-01 25")
    books.see(subscriptions=f"{SUB.replace('45.50', '50')}\n{SUB.replace('S1', 'S2')}")
    books.tell("2026-02-02")
    assert [body["subscription_id"] for body in books.told()[1:]] == (["S2"] if of == "S1" else [])
    books.see(amendments="A1 S3 1 QTY 2026-02-01 25")
    books.tell("2026-02-03")
    assert sorted((body["subscription_id"], body["arr"]) for body in books.told()[1:]) == [
        ("S1", "6000.00"),
        ("S2", "5460.00"),
    ]


def test_a_subscription_is_told_to_be_another_accounts_once_its_customer_is(books: Books) -> None:
    books.tell("2026-02-01")
    books.see(customers="C1 Acme - SG - 001B", accounts="001B Acme - SG")
    assert books.tell("2026-02-02") == {"subscription": 1}
    assert books.told()[-1]["account_id"] == "001B"
