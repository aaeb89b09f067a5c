"""Lives of breaks over published days: new, changed, vanished, back again; and what policy writes off by itself."""

from dataclasses import replace
from datetime import date

import pytest

from include.connectors.world.client import WorldSource
from include.flows.act_on_break import By
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.resolve_break import accept, approve, assign, propose, resolve
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw
from tests.flows.lives import Days

PAID = "P C1 - SGD 50.00 2026-02-01"
ONE = "1 INV-1 C1 2026-01-01 2026-01-31 SGD 50.00"
TWO = f"{ONE}\n2 INV-2 C1 2026-01-02 2026-02-01 SGD 50.00"
SECOND_VOID = f"{TWO} void"


@pytest.fixture
def days(store: PostgresStore, database_url: str, draw: Draw) -> Days:
    return Days(store, database_url, draw)


def by(actor: str) -> By:
    return By(actor=actor, reason="looked at it")


def test_a_break_keeps_its_life_from_day_to_day(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-30")
    first = days.lives()["P"]
    days.load(invoices=TWO)
    days.publish("2026-03-31")
    second = days.lives()["P"]
    days.load(payments=f"{PAID} failed")
    days.publish("2026-04-01")
    gone = days.lives()["P"]
    days.load(payments=PAID)
    days.publish("2026-04-02")
    back = days.lives()["P"]
    lives = (first, second, gone, back)
    assert [life["code"] for life in lives] == ["CA01", "CA16", "CA16", "CA16"]
    assert [life["state"] for life in lives] == ["OPEN", "OPEN", "RESOLVED", "OPEN"]
    assert len({life["break_id"] for life in lives}) == 1
    assert {life["first_seen_on"] for life in lives} == {date(2026, 3, 30)}
    assert [life["last_seen_on"].day for life in lives] == [30, 31, 31, 2]
    assert back["opened_at"] > gone["opened_at"] == first["opened_at"]
    assert days.history("P") == [
        ("opened by run", "OPEN"),
        ("changed by run", "OPEN"),
        ("vanished by run", "RESOLVED"),
        ("reopened by run", "OPEN"),
    ]
    events = "SELECT reason FROM recon.break_events AS event JOIN recon.break_lives USING (break_id)"
    reasons = [row["reason"] for row in days.rows(f"{events} WHERE key = 'P' ORDER BY event.version")]
    assert reasons[1:3] == [
        "CA01 50.00 SGD before, now CA16 50.00 SGD in the run of 2026-03-31",
        "no longer found by the run of 2026-04-01",
    ]


def test_a_day_that_finds_the_same_writes_no_history(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-30")
    published = days.publish("2026-03-31")
    assert (days.history("P"), published.breaks) == ([("opened by run", "OPEN")], {})
    assert (days.lives()["P"]["version"], days.lives()["P"]["last_seen_on"]) == (1, date(2026, 3, 31))


def test_a_run_that_is_only_computed_opens_no_life(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-30")
    days.load(payments=f"{PAID}\nQ C1 - SGD 70.00 2026-03-31")
    assert reconcile(days.store, as_of=date(2026, 3, 31), policy=load_policy()).breaks == 2
    assert set(days.lives()) == {"P"}


def test_publishing_a_day_again_changes_nothing_also_after_people_worked_on_it(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-30")
    assign(days.store, days.break_id("P"), by("ann"), to="ann")
    resolve(days.store, days.break_id("P"), by("ann"))
    before = days.lives(), days.history("P")
    assert days.publish("2026-03-30").breaks == {}
    assert (days.lives(), days.history("P")) == before


def test_what_was_resolved_and_is_still_found_the_next_day_is_open_again(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-30")
    assign(days.store, days.break_id("P"), by("ann"), to="ann")
    resolve(days.store, days.break_id("P"), by("ann"))
    opened_at = days.lives()["P"]["opened_at"]
    days.publish("2026-03-31")
    assert days.history("P")[-1] == ("reopened by run", "OPEN")
    assert days.lives()["P"]["assignee"] is None
    assert days.lives()["P"]["opened_at"] == opened_at, "its deadline is the first one's"


def test_what_was_resolved_and_gone_when_it_comes_back_is_due_from_then_on(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-30")
    opened_at = days.lives()["P"]["opened_at"]
    assign(days.store, days.break_id("P"), by("ann"), to="ann")
    resolve(days.store, days.break_id("P"), by("ann"))
    days.load(payments=f"{PAID} failed")
    days.publish("2026-03-31")
    days.load(payments=PAID)
    days.publish("2026-04-01")
    assert days.history("P")[-1] == ("reopened by run", "OPEN")
    assert days.lives()["P"]["opened_at"] > opened_at


def test_an_older_day_published_later_opens_and_closes_nothing(days: Days) -> None:
    days.load(invoices=SECOND_VOID, payments=f"{PAID}\nQ C2 - SGD 70.00 2026-03-31")
    days.publish("2026-03-31")
    assert days.states() == {"Q": "OPEN"}
    before = days.lives()
    days.load(invoices=TWO)
    assert days.publish("2026-03-30").breaks == {}
    assert days.lives() == before


def test_a_day_reconciled_anew_by_other_rules_is_followed_and_so_is_going_back(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-31")
    policy = load_policy()
    other = policy.model_copy(update={"sha256": "other"})
    days.publish("2026-03-31", policy=other)
    days.publish("2026-03-31", policy=policy)
    runs = [
        row["rules_sha256"]
        for row in days.rows(
            "SELECT rules_sha256 FROM recon.life_updates JOIN recon.runs USING (run_id) ORDER BY seq"
        )
    ]
    assert runs == [policy.sha256, "other", policy.sha256]
    assert days.history("P") == [("opened by run", "OPEN")]


def test_a_proposal_lapses_when_a_run_finds_another_amount(days: Days) -> None:
    days.load(invoices=ONE, payments="P C1 INV-1 SGD 45.00 2026-02-01")
    days.publish("2026-03-30")
    propose(days.store, days.break_id("P"), by("ann"), kind="write_off", policy=load_policy())
    days.load(payments="P C1 INV-1 SGD 44.00 2026-02-01")
    days.publish("2026-03-31")
    life = days.lives()["P"]
    assert (life["state"], life["assignee"], life["amount_minor"]) == ("ASSIGNED", "ann", 600)
    assert days.history("P")[-1] == ("lapsed by run", "ASSIGNED")


def test_what_was_accepted_stands_while_it_is_the_same_and_not_longer(days: Days) -> None:
    days.load(invoices=ONE, payments="P C1 INV-1 SGD 45.00 2026-02-01")
    days.publish("2026-03-29")
    propose(days.store, days.break_id("P"), by("ann"), kind="write_off", policy=load_policy())
    approve(days.store, days.break_id("P"), by("ben"))
    accept(days.store, days.break_id("P"), by("ann"))
    days.publish("2026-03-30")
    assert days.states() == {"P": "ACCEPTED"}
    days.load(payments="P C1 INV-1 SGD 44.00 2026-02-01")
    days.publish("2026-03-31")
    assert days.states() == {"P": "OPEN"}


def test_what_only_needs_time_becomes_more_severe_when_it_took_too_long(days: Days) -> None:
    policy = load_policy()
    timing = replace(policy.lives.timing, codes=("CA01",))
    lives = policy.lives.model_copy(update={"timing": timing})
    waiting = policy.model_copy(update={"lives": lives})
    days.load(payments="P C1 - SGD 50.00 2026-03-25")  # a Wednesday
    seen = []
    for day in ("2026-03-27", "2026-03-30", "2026-03-31"):
        days.publish(day, policy=waiting)
        seen.append(days.lives()["P"]["severity"])
    assert seen == ["S4", "S4", "S3"]
    assert days.history("P")[-1] == ("changed by run", "OPEN")


def invoices(*amounts: str, currency: str = "SGD") -> str:
    return "\n".join(
        f"{n} INV-{n} C1 2026-01-0{n} 2026-01-31 {currency} {amount}" for n, amount in enumerate(amounts, 1)
    )


def test_roundings_and_bank_fees_are_written_off_by_policy_and_say_by_which_rules(days: Days) -> None:
    days.load(
        invoices=invoices("50.00", "3000.00", "80.00"),
        payments="P1 C1 INV-1 SGD 49.99 2026-02-01\nP2 C1 INV-2 SGD 2975.00 2026-02-02\n"
        "P3 C1 INV-3 SGD 70.00 2026-02-03",
    )
    published = days.publish("2026-03-31")
    assert {key: (life["code"], life["state"]) for key, life in days.lives().items()} == {
        "P1": ("CA10", "ACCEPTED"),
        "P2": ("CA07", "ACCEPTED"),
        "P3": ("CA03", "OPEN"),
    }
    assert published.breaks == {"opened": 3, "written_off": 2}
    [kept] = days.rows("SELECT * FROM recon.break_events WHERE action = 'written_off' AND code = 'CA07'")
    assert (kept["actor"], kept["rules_sha256"]) == ("policy", load_policy().sha256)
    assert kept["reason"] == (
        "CA07 of 25.00 SGD is within its cap; 0.01 SGD of 100.00 SGD were written off of C1 in 2026-02 before it "
        f"(rules {load_policy().sha256[:12]})"
    )


def test_a_customers_month_is_capped_in_the_order_of_payment_over_days(days: Days) -> None:
    due = invoices("4000.00", "4000.00", "4000.00", "4000.00", "4000.00")
    paid = (
        "P4 C1 INV-4 SGD 3966.00 2026-02-04\nP2 C1 INV-2 SGD 3967.00 2026-02-02\n"
        "P1 C1 INV-1 SGD 3966.00 2026-02-01"
    )
    days.load(invoices=due, payments=paid)
    days.publish("2026-03-30")
    assert days.states() == {"P1": "ACCEPTED", "P2": "ACCEPTED", "P4": "OPEN"}
    days.load(payments=f"{paid}\nP5 C1 INV-5 SGD 3966.00 2026-03-01\nP3 C1 INV-3 SGD 3967.00 2026-02-05")
    published = days.publish("2026-03-31")
    assert days.states() == {
        "P1": "ACCEPTED",
        "P2": "ACCEPTED",
        "P3": "ACCEPTED",
        "P4": "OPEN",
        "P5": "ACCEPTED",
        "payments": "OPEN",  # which came late
    }
    assert published.breaks == {"opened": 3, "over_customer_month": 1, "written_off": 2}


RATES = "date,from,to,rate\n2026-02-01,SGD,USD,0.5\n2026-02-02,SGD,USD,0.5\n2026-03-28,SGD,USD,0.5\n"


def with_rates(days: Days) -> None:
    """One SGD is half a dollar, in February and at the end of March."""
    world = days.draw(folder="rates")
    (world / "fx").mkdir(exist_ok=True)
    (world / "fx" / "rates.csv").write_text(RATES)
    source = WorldSource(world)
    pull_changes(source, days.store, entity="fx_rates")
    land_records(source, days.store, entity="fx_rates")


def test_a_customers_month_counts_all_its_currencies_at_the_rate_of_the_day(days: Days) -> None:
    with_rates(days)
    usd = "8 INV-8 C1 2026-01-01 2026-01-31 USD 4000.00\n9 INV-9 C1 2026-01-01 2026-01-31 USD 4000.00"
    days.load(
        invoices=f"{invoices('4000.00', '4000.00')}\n{usd}",
        payments="P1 C1 INV-1 SGD 3970.00 2026-02-01\nP8 C1 INV-8 USD 3983.00 2026-02-02\n"
        "P9 C1 INV-9 USD 3981.00 2026-02-03\nP2 C1 INV-2 SGD 3970.00 2026-02-04",
    )
    days.publish("2026-03-31")
    lives = days.lives()
    assert {life["code"] for life in lives.values()} == {"CA07"}
    assert {key: life["amount_sgd_minor"] for key, life in lives.items()} == {
        "P1": 3000,
        "P2": 3000,
        "P8": 3400,
        "P9": 3800,
    }
    assert days.states() == {"P1": "ACCEPTED", "P2": "ACCEPTED", "P8": "ACCEPTED", "P9": "OPEN"}


def test_an_exchange_difference_is_written_off_and_does_not_count_towards_the_month(days: Days) -> None:
    with_rates(days)
    days.load(
        invoices=invoices("2000.00", "4000.00", "4000.00", "4000.00"),
        payments="P1 C1 INV-1 USD 1003.00 2026-02-01\n"
        + "\n".join(f"P{n} C1 INV-{n} SGD {4000 - 33}.00 2026-02-0{n}" for n in (2, 3, 4)),
    )
    days.publish("2026-03-31")
    assert {key: (life["code"], life["state"]) for key, life in days.lives().items()} == {
        "P1": ("CA09", "ACCEPTED"),
        "P2": ("CA07", "ACCEPTED"),
        "P3": ("CA07", "ACCEPTED"),
        "P4": ("CA07", "ACCEPTED"),
    }


def test_withholding_and_discounts_are_explained_and_wait_for_their_owners(days: Days) -> None:
    days.load(invoices=ONE, payments="P C1 INV-1 SGD 49.00 2026-01-05")
    days.publish("2026-03-31")
    assert [(life["code"], life["state"]) for life in days.lives().values()] == [("CA17", "OPEN")]


def test_what_somebody_has_is_not_written_off_behind_their_back(days: Days) -> None:
    policy = load_policy()
    nothing = policy.model_copy(update={"writeoffs": replace(policy.writeoffs, codes=())})
    days.load(invoices=ONE, payments="P C1 INV-1 SGD 49.99 2026-02-01")
    days.publish("2026-03-30", policy=nothing)
    assign(days.store, days.break_id("P"), by("ann"), to="ann")
    days.publish("2026-03-31")
    assert days.states() == {"P": "ASSIGNED"}


def test_a_write_off_whose_difference_vanished_frees_the_customers_month(days: Days) -> None:
    due, paid = (
        invoices("4000.00", "4000.00", "4000.00", "4000.00"),
        "P{n} C1 INV-{n} SGD 3966.00 2026-02-0{n}",
    )
    days.load(invoices=due, payments="\n".join(paid.format(n=n) for n in (1, 2, 3)))
    days.publish("2026-03-30")
    assert days.states() == {"P1": "ACCEPTED", "P2": "ACCEPTED", "P3": "OPEN"}
    days.load(payments="P1 C1 INV-1 SGD 4000.00 2026-02-01")
    days.publish("2026-03-31")
    assert days.states() == {"P1": "RESOLVED", "P2": "ACCEPTED", "P3": "ACCEPTED"}


def test_a_day_can_be_published_without_naming_the_policy(days: Days) -> None:
    days.load(payments=PAID)
    days.publish("2026-03-31")
    assert publish_run(days.store, as_of=date(2026, 3, 31)).breaks == {}
