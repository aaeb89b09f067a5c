"""Days told after the fact: what they knew then, and what was learnt since."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.domain.recipients import Recipient, Scope
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.report_period import report_periods
from include.policy import load_policy
from include.ports import Fatal, Rejected, Report, Retryable, Uncertain
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.conftest import Live
from tests.report.conftest import FINANCE, Mailbag, tell

FRIDAY = date(2026, 7, 31)
LINE = """id,number,customer_id,issue_date,due_date,currency,gross,status
1,INV-1,C1,2026-07-01,2026-07-31,SGD,10.00,open
"""
PAID = "id,customer_id,reference,currency,amount,paid_on,status\n"
LATE = f"{PAID}P1,C1,INV-1,SGD,10.00,2026-07-30,succeeded\n"
PROOF = (
    "INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, source_amounts, "
    "held_amounts, proven, complete_until, checked_at) "
    "VALUES (%s, 'rows', '{}', 0, 0, '{}', '{}', '{}', true, %s, %s)"
)


def learn(store: PostgresStore, folder: Path, *, payments: str, status: str = "open") -> None:
    for name, text in (
        ("erp/invoices.csv", LINE.replace("open", status)),
        ("payments/payments.csv", payments),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    source = Live(folder)
    for entity in ("invoices", "payments"):
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)


def publish(store: PostgresStore, day: date, **how: Any) -> None:
    reconcile(store, as_of=day, policy=load_policy(), **how)
    publish_run(store, as_of=day)


def editions(store: PostgresStore, day: date) -> dict[str, str]:
    with store.transaction() as tx:
        return {row["edition"]: row["subject"] for row in tx.rows("editions_of_day", as_of=day)}


def test_a_day_before_anything_was_ever_loaded_vouches_for_nothing(store: PostgresStore, tmp_path: Path):
    bag, thursday = Mailbag(), FRIDAY - timedelta(days=1)
    publish(store, thursday)
    tell(store, bag, as_of=thursday)
    learn(store, tmp_path, payments=PAID)
    publish(store, FRIDAY)
    tell(store, bag, as_of=FRIDAY)
    nothing, first = bag.reports
    assert nothing.subject == "2026-07-30 has nothing to tie: no row of any source is loaded"
    assert first.subject.startswith("2026-07-31 ties: ")


def test_a_day_told_again_says_what_it_knew_and_is_restated_where_later_facts_differ(
    store: PostgresStore, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)
    bag = Mailbag()
    assert tell(store, bag, as_of=FRIDAY).edition == "daily"
    learn(store, tmp_path / "later", payments=LATE)
    publish(store, FRIDAY + timedelta(days=1))
    told = tell(store, bag, as_of=FRIDAY, past=True)
    assert (told.edition, told.mailed, len(bag.reports)) == ("restated", (), 1)
    assert "SGD 10.00 open" in bag.reports[0].subject
    assert editions(store, FRIDAY)["restated"].startswith("2026-07-31 ties, restated: 0 payments applied")
    told_aloud = aloud()
    for expected in (("finance@example.com",), ()):
        assert tell(store, bag, as_of=FRIDAY, past=True, policy=told_aloud).mailed == expected
    assert "1 of payments" in bag.reports[1].text
    assert "was SGD 10.00, is SGD 0.00" in bag.reports[1].text
    # How many is of the whole: who sees a part is told of what alone.
    part = Recipient(address="sg@example.com", scope=Scope(currencies=frozenset({"SGD"})))
    assert tell(store, bag, part, as_of=FRIDAY, past=True, policy=told_aloud).mailed == (part.address,)
    assert "of payments" not in bag.reports[2].text
    assert "went: payments" in bag.reports[2].text


def aloud() -> Any:
    """The policy by which past days are mailed."""
    policy = load_policy()
    return policy.model_copy(
        update={"reporting": policy.reporting.model_copy(update={"mail_past_days": True})}
    )


def test_a_past_day_is_mailed_once_as_it_was_and_once_as_it_is_otherwise_by_now(
    store: PostgresStore, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)
    bag, added = Mailbag(), Recipient(address="added@example.com")
    how: Any = {"as_of": FRIDAY, "past": True, "policy": aloud()}
    assert tell(store, bag, FINANCE, **how).edition == "daily"  # nothing of it is otherwise yet
    learn(store, tmp_path / "later", payments=LATE)
    # Who has the day as it was is told that it is otherwise; who had nothing gets that alone, which tells both.
    told = tell(store, bag, FINANCE, added, **how)
    assert (told.edition, told.mailed) == ("restated", (added.address, FINANCE.address))
    assert tell(store, bag, FINANCE, added, **how).mailed == ()
    assert [" restated" in report.subject for report in bag.reports] == [False, True, True]
    assert all("SGD 10.00 open" in report.subject for report in bag.reports)


def test_a_day_that_is_as_it_was_told_after_all_is_restated_no_longer(store: PostgresStore, tmp_path: Path):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)
    tell(store, Mailbag(), as_of=FRIDAY)
    learn(store, tmp_path / "later", payments=LATE)
    assert tell(store, Mailbag(), as_of=FRIDAY, past=True).edition == "restated"
    learn(store, tmp_path / "last", payments=LATE.replace("07-30", "08-05"))
    assert tell(store, Mailbag(), as_of=FRIDAY, past=True).edition == "daily"
    assert editions(store, FRIDAY) == {}


def test_what_only_went_on_since_restates_no_day(store: PostgresStore, tmp_path: Path):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)
    tell(store, Mailbag(), as_of=FRIDAY)
    # Paid on a later day: the invoice's status says so today, and of Friday nothing is otherwise.
    learn(store, tmp_path / "later", payments=LATE.replace("07-30", "08-05"), status="paid")
    told = tell(store, Mailbag(), as_of=FRIDAY, past=True)
    assert (told.edition, editions(store, FRIDAY)) == ("daily", {})


def test_what_has_no_day_of_its_own_restates_the_day_it_changes(store: PostgresStore, tmp_path: Path):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)
    tell(store, Mailbag(), as_of=FRIDAY)
    place = tmp_path / "later/erp/subscriptions.csv"
    place.parent.mkdir(parents=True)
    place.write_text(
        "id,customer_id,start_date,currency,quantity,unit_price,interval,status\n"
        "S1,C1,2026-07-01,SGD,1,10.00,month,active\n"
    )
    pull_changes(Live(tmp_path / "later"), store, entity="subscriptions")
    land_records(Live(tmp_path / "later"), store, entity="subscriptions")
    before = runs(store)
    assert tell(store, Mailbag(), as_of=FRIDAY, past=True).edition == "restated"
    with store.transaction() as tx:
        [kept] = [row for row in tx.rows("editions_of_day", as_of=FRIDAY) if row["edition"] == "restated"]
    assert "1 of subscriptions" in kept["html"]
    assert "Recurring revenue of 2026-07" in kept["html"]
    assert "SGD 120.00" in kept["html"]
    assert runs(store) == before  # what was computed to find that out is not kept


def runs(store: PostgresStore) -> list[Any]:
    with store.transaction() as tx:
        return [
            tx.rows("latest_run_of", as_of=FRIDAY)[0]["run_id"],
            tx.rows("published_snapshot", as_of=FRIDAY),
        ]


def test_an_invoice_that_is_open_again_makes_a_day_that_is_not_quiet(store: PostgresStore, tmp_path: Path):
    place = tmp_path / "customers/erp/customers.csv"
    place.parent.mkdir(parents=True)
    place.write_text("id,name,country\nC1,One,SG\n")
    pull_changes(Live(tmp_path / "customers"), store, entity="customers")
    land_records(Live(tmp_path / "customers"), store, entity="customers")
    learn(store, tmp_path / "then", payments=LATE)
    publish(store, FRIDAY)
    learn(store, tmp_path / "later", payments=LATE.replace("succeeded", "failed"))
    publish(store, FRIDAY + timedelta(days=1))
    parts = {"sg": Scope(countries=frozenset({"SG"})), "jp": Scope(countries=frozenset({"JP"}))}
    parts |= {"sgd": Scope(currencies=frozenset({"SGD"})), "eur": Scope(currencies=frozenset({"EUR"}))}
    others = [Recipient(address=f"{name}@example.com", scope=scope) for name, scope in parts.items()]
    bag = Mailbag()
    tell(store, bag, FINANCE, *others, as_of=FRIDAY + timedelta(days=1))
    told = {to.partition("@")[0]: report for to, report in zip(bag.to, bag.reports, strict=True)}
    for name in ("finance", "sg", "sgd"):
        assert "nothing needs anybody" not in told[name].subject
        assert (
            "1 invoice: what had settled it no longer does\n    was SGD 0.00, is SGD 10.00" in told[name].text
        )
        assert "what had settled it no longer does" in told[name].html
    for name in ("jp", "eur"):
        assert "nothing needs anybody" in told[name].subject
        assert "what had settled it" not in told[name].text


def told_of(store: PostgresStore, bag: Mailbag, day: date, **how: Any) -> list[str]:
    who = {"recipients": [FINANCE], "policy": load_policy()} | how
    return [f"{one.edition} {len(one.mailed)}" for one in report_periods(store, bag, as_of=day, **who)]


def test_a_week_and_a_month_are_told_once_by_the_first_day_published_since(
    store: PostgresStore, tmp_path: Path
):
    saturday = LATE + "P2,C1,,SGD,7.00,2026-08-01,succeeded\n"
    learn(store, tmp_path / "then", payments=saturday)
    bag, monday = Mailbag(), FRIDAY + timedelta(days=3)
    publish(store, FRIDAY - timedelta(days=1))
    assert told_of(store, bag, FRIDAY - timedelta(days=1)) == []  # of the week before no day was published
    publish(store, FRIDAY)
    assert told_of(store, bag, FRIDAY, past=True) == ["month_end 0"]
    assert told_of(store, bag, FRIDAY) == ["month_end 1"]
    assert told_of(store, bag, FRIDAY) == ["month_end 0"]
    publish(store, monday)  # nobody published the weekend
    assert told_of(store, bag, monday) == ["weekly 1"]
    publish(store, monday + timedelta(days=1))
    assert told_of(store, bag, monday + timedelta(days=1)) == []
    publish(store, FRIDAY + timedelta(days=2))  # Sunday, after Monday has told its week
    assert told_of(store, bag, FRIDAY + timedelta(days=2)) == []
    month, week = bag.reports
    assert month.subject.startswith(
        "Month to 2026-07-31: 100.0\N{NO-BREAK SPACE}% of 1 payment applied by rule"
    )
    # What was paid on Saturday is in the week.
    assert week.subject.startswith(
        "Week to 2026-08-02: 50.0\N{NO-BREAK SPACE}% of 2 payments applied by rule"
    )
    assert "2 days published" in week.text
    assert "with the run\nof 2026-08-03" in week.text
    assert set(week.attachments) == {"2026-08-03-tie-out.xlsx", "2026-08-02-weekly.html"}
    assert "ttached" not in week.text + week.html
    assert week.attached.startswith("Attached: the workbook of 2026-08-03 ")


def test_what_a_backfilled_day_merely_kept_is_mailed_by_the_first_day_told_as_it_happens(
    store: PostgresStore, database_url: str, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)
    sunday, monday = FRIDAY + timedelta(days=2), FRIDAY + timedelta(days=3)
    publish(store, sunday)
    assert told_of(store, Mailbag(), FRIDAY, past=True) == ["month_end 0"]
    assert told_of(store, Mailbag(), sunday, past=True) == ["weekly 0"]
    publish(store, monday)
    bag = Mailbag()
    assert told_of(store, bag, monday) == ["weekly 1", "month_end 1"]
    publish(store, monday + timedelta(days=1))
    assert told_of(store, bag, monday + timedelta(days=1)) == []
    assert told_of(store, bag, sunday) == []  # by hand: it is mailed by now
    assert told_of(store, bag, sunday, past=True) == ["weekly 0"]
    assert len(bag.reports) == 2
    assert_checks_hold(database_url)


def test_an_edition_of_days_told_after_later_ones_says_what_broke_in_them(
    store: PostgresStore, tmp_path: Path
):
    open_ever_since = PAID + "P0,C1,,SGD,2.00,2026-07-29,succeeded\n"
    both = open_ever_since + "P1,C1,,SGD,7.00,2026-07-30,succeeded\n"
    learn(store, tmp_path / "then", payments=both)
    publish(store, FRIDAY + timedelta(days=3))  # as it happened; its breaks are followed since
    for back in (2, 1, 0):
        publish(store, FRIDAY - timedelta(days=back))
    bag = Mailbag()
    assert told_of(store, bag, FRIDAY, policy=aloud(), past=True) == ["month_end 1"]
    (month,) = bag.reports
    assert "2 new, 0 of them closed, SGD 9.00" in month.text
    assert trend_of(month) == [
        ["2026-07-29", "1", "0", "1", "2.00"],
        *([f"2026-07-{day}", "2", "0", "2", "9.00"] for day in (30, 31)),
    ]
    assert "3 of these days were told after later ones" in month.text
    assert "No break was closed" not in month.text


def test_a_break_that_needs_nobody_is_not_open_on_any_day_of_a_period(store: PostgresStore, tmp_path: Path):
    held, short_by_a_fee = "P0,C1,,SGD,2.00,2026-07-29", "P1,C1,INV-1,SGD,9.95,2026-07-29"
    learn(store, tmp_path, payments=f"{PAID}{held},succeeded\n{short_by_a_fee},succeeded\n")
    bag = Mailbag()
    for back in (2, 1, 0):
        publish(store, FRIDAY - timedelta(days=back))
    tell(store, bag, as_of=FRIDAY)
    assert told_of(store, bag, FRIDAY) == ["month_end 1"]
    day, month = bag.reports
    assert "1 needs somebody" in day.subject
    assert "1 break of these accepted" in day.text
    assert ", 1 break open, " in month.subject
    assert trend_of(month) == [[f"2026-07-{day}", "1", "0", "1", "2.00"] for day in (29, 30, 31)]


def test_a_period_says_which_breaks_no_rate_values(store: PostgresStore, tmp_path: Path):
    held = "P0,C1,,SGD,2.00,2026-07-30,succeeded\nP1,C1,,KWD,700.000,2026-07-30,succeeded\n"
    learn(store, tmp_path, payments=PAID + held)
    publish(store, FRIDAY)
    part = Recipient(address="sg@example.com", scope=Scope(currencies=frozenset({"SGD"})))
    bag = Mailbag()
    assert told_of(store, bag, FRIDAY, recipients=[FINANCE, part]) == ["month_end 2"]
    whole, of_part = bag.reports
    assert trend_of(whole) == [["2026-07-31", "2", "0", "2", "2.00"]]
    for body in (whole.text, whole.html):
        assert "No exchange rate is known for KWD: no worth has its breaks, here or below." in body
    for body in (of_part.text, of_part.html):
        assert "No exchange rate" not in body
        assert "What was held is valued at the rates of 2026-07-31." in body


def test_a_period_with_the_first_day_of_all_says_that_what_it_found_may_be_old(
    store: PostgresStore, tmp_path: Path
):
    learn(store, tmp_path, payments=PAID)
    bag = Mailbag()
    for days in (0, 31):
        publish(store, FRIDAY + timedelta(days=days))
        assert "month_end 1" in told_of(store, bag, FRIDAY + timedelta(days=days))
    months = [report for report in bag.reports if report.subject.startswith("Month")]
    for report, first in zip(months, (True, False), strict=True):
        for body in (report.text, report.html):
            assert ("Nothing was published before 2026-07-31:" in body) is first


def trend_of(report: Report) -> list[list[str]]:
    return [line.split() for line in report.text.splitlines() if line.startswith("2026-07-")]


def test_an_edition_that_cannot_be_sent_keeps_no_other_from_being_kept_and_sent(
    store: PostgresStore, tmp_path: Path
):
    sunday = date(2026, 5, 31)  # the last day of its week and of its month
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, sunday)
    refused: list[str] = []

    def refuse_once(to: str) -> None:
        if not refused:
            refused.append(to)
            raise Rejected("mail: refused the message (554)")

    bag = Mailbag(refuse_once)
    with pytest.raises(Rejected, match="554"):
        told_of(store, bag, sunday)
    assert [report.subject.partition(":")[0] for report in bag.reports] == ["Month to 2026-05-31"]
    assert set(editions(store, sunday)) == {"weekly", "month_end"}


def test_an_edition_that_waits_is_sent_though_an_earlier_day_is_published_meanwhile(
    store: PostgresStore, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY - timedelta(days=1))
    monday, tuesday = FRIDAY + timedelta(days=3), FRIDAY + timedelta(days=4)
    publish(store, tuesday)

    def away(_to: str) -> None:
        raise Retryable("mail: did not answer")

    with pytest.raises(Retryable, match="did not answer"):
        told_of(store, Mailbag(away), tuesday)
    publish(store, monday)
    assert told_of(store, Mailbag(), monday) == []
    bag = Mailbag()
    assert "weekly 1" in told_of(store, bag, tuesday)
    # By other rules the day has another run; who has the edition is not mailed again, who was added is.
    other = load_policy().model_copy(update={"sha256": "0" * 64})
    reconcile(store, as_of=tuesday, policy=other)
    publish_run(store, as_of=tuesday)
    assert "weekly 0" in told_of(store, bag, tuesday)
    added = Recipient(address="added@example.com")
    assert "weekly 1" in told_of(store, bag, tuesday, recipients=[FINANCE, added])
    weekly = [to for to, report in zip(bag.to, bag.reports, strict=True) if report.subject.startswith("Week")]
    assert weekly == [FINANCE.address, added.address]


def test_a_month_told_wrongly_is_corrected_for_who_has_it_and_the_last_word_holds(
    store: PostgresStore, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=LATE + "P2,C1,,SGD,7.00,2026-07-31,succeeded\n")
    euros = Recipient(address="eu@example.com", scope=Scope(currencies=frozenset({"EUR"})))
    policy, bag = load_policy(), Mailbag()
    other = policy.model_copy(
        update={"sha256": "0" * 64, "matching": policy.matching | {"R3": policy.matching["R3"][:1]}}
    )
    again = policy.model_copy(update={"sha256": "1" * 64})

    def told_by(rules: Any) -> list[str]:
        reconcile(store, as_of=FRIDAY, policy=rules)
        publish_run(store, as_of=FRIDAY)
        return told_of(store, bag, FRIDAY, recipients=[FINANCE, euros], policy=rules)

    assert told_by(policy) == ["month_end 2"]
    assert told_by(again) == ["month_end 0"]  # the same figures
    # Nothing is applied any more: what there is in euros, nothing, is as it was.
    assert told_by(other) == ["month_end 1"]
    assert told_of(store, bag, FRIDAY, recipients=[FINANCE, euros], policy=other) == ["month_end 0"]
    assert told_by(policy) == ["month_end 1"]
    assert [report.subject.partition(" of ")[0] for report in bag.reports if "EUR" not in report.subject] == [
        "Month to 2026-07-31: 50.0\N{NO-BREAK SPACE}%",
        "Month to 2026-07-31, corrected: 0.0\N{NO-BREAK SPACE}%",
        "Month to 2026-07-31, corrected: 50.0\N{NO-BREAK SPACE}%",
    ]
    assert "This corrects the edition that was mailed before" in bag.reports[-1].text


def test_a_month_is_corrected_once_a_day_of_it_became_another(store: PostgresStore, tmp_path: Path):
    learn(store, tmp_path / "then", payments=LATE)
    publish(store, FRIDAY)
    bag = Mailbag()
    assert told_of(store, bag, FRIDAY) == ["month_end 1"]
    first = bag.reports[0].html
    publish(store, FRIDAY - timedelta(days=1))  # late, and so one day more of the trend
    assert told_of(store, bag, FRIDAY) == ["month_end 1"]
    assert told_of(store, bag, FRIDAY) == ["month_end 0"]
    assert bag.reports[-1].subject.startswith("Month to 2026-07-31, corrected:")
    with store.transaction() as tx:
        [kept] = [row for row in tx.rows("editions_of_day", as_of=FRIDAY) if row["edition"] == "month_end"]
    assert kept["subject"] == bag.reports[0].subject, "the console shows the period as it is now"
    assert kept["html"] not in {None, first}


def test_a_correction_whose_answer_is_lost_is_one_mail_and_given_up_after_two(
    store: PostgresStore, database_url: str, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=LATE)
    publish(store, FRIDAY)
    told_of(store, Mailbag(), FRIDAY)
    publish(store, FRIDAY - timedelta(days=1))

    left = []

    def lose(to: str) -> None:
        left.append(to)
        raise Uncertain("mail: took the message and did not confirm it")

    for _ in range(4):
        with pytest.raises((Retryable, Rejected)):
            told_of(store, Mailbag(lose), FRIDAY)
    assert len(left) == 2
    with psycopg.connect(database_url) as connection:
        tellings = connection.execute("SELECT telling, state FROM recon.mailings ORDER BY telling").fetchall()
    assert [telling for telling, _ in tellings] == [1, 2]


def mails_failed(store: PostgresStore) -> dict[str, int]:
    """Of which editions alerts are raised, and for how many mails."""
    asked = {"now": datetime.now(UTC), "mail_days": 7, "mail_minutes": 30}
    with store.transaction() as tx:
        return {row["about"]: row["count"] for row in tx.rows("fact_mail_failed", **asked)}


def test_an_edition_that_no_server_took_goes_out_with_the_next_day(
    store: PostgresStore, database_url: str, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)

    def refuse(_to: str) -> None:
        raise Rejected("mail: refused the sender (554)")

    with pytest.raises(Rejected, match="554"):
        told_of(store, Mailbag(refuse), FRIDAY)
    assert mails_failed(store) == {"month_end": 1}
    saturday = FRIDAY + timedelta(days=1)
    publish(store, saturday)
    bag = Mailbag()
    assert told_of(store, bag, saturday) == ["month_end 1"]
    assert told_of(store, bag, FRIDAY) == []
    assert mails_failed(store) == {}
    assert_checks_hold(database_url)


def test_whoever_answers_for_a_part_gets_the_edition_of_that_part(store: PostgresStore, tmp_path: Path):
    learn(store, tmp_path / "then", payments=LATE)
    publish(store, FRIDAY)
    bag = Mailbag()
    euros = Recipient(address="eu@example.com", scope=Scope(currencies=frozenset({"EUR"})))
    japan = Recipient(address="jp@example.com", scope=Scope(countries=frozenset({"JP"})))
    local = Recipient(address="sg@example.com", scope=Scope(currencies=frozenset({"SGD"})))
    assert told_of(store, bag, FRIDAY, recipients=[euros, japan, local]) == ["month_end 3"]
    subjects = dict(zip(bag.to, (report.subject for report in bag.reports), strict=True))
    assert subjects["eu@example.com"].startswith("Month to 2026-07-31 (EUR): no payment received")
    assert subjects["jp@example.com"].startswith("Month to 2026-07-31 (customers in JP): no payment received")
    assert "(SGD): 100.0" in subjects["sg@example.com"]


@pytest.mark.parametrize(("known_by", "seen"), [("2026-08-01 00:00", 1), (None, 3), ("2026-01-01 00:00", 3)])
def test_a_past_day_knows_what_had_landed_when_every_source_was_complete_through_it(
    store: PostgresStore, database_url: str, known_by: str | None, seen: int
):
    with psycopg.connect(database_url) as connection:
        # The bank was connected on the fifth: nobody waited for it before.
        for system, landed, complete in (
            ("erp", "2026-08-01 00:20", "2026-08-01 00:10"),
            ("erp", "2026-08-03 09:00", "2026-08-02 00:10"),
            ("bank", "2026-08-05 09:00", "2026-08-05 00:10"),
        ):
            connection.execute("INSERT INTO ops.batches (recorded_at) VALUES (%s)", (landed,))
            connection.execute(PROOF, (system, complete, landed))
    with store.transaction() as tx:
        [known] = tx.rows("take_snapshot", as_of=FRIDAY, known_by=known_by)
    assert (known["batch_through"], known["proof_through"]) == (seen, seen)


def test_each_day_of_a_past_range_is_told_as_known_then_and_restated_where_later_facts_differ(
    store: PostgresStore, database_url: str, tmp_path: Path
):
    days = [FRIDAY - timedelta(days=2), FRIDAY - timedelta(days=1), FRIDAY]
    ends = [
        datetime(2026, 7, day, 16, 10, tzinfo=UTC) for day in (29, 30, 31)
    ]  # ten past midnight in Singapore
    rows = [PAID, f"{PAID}P1,C1,INV-1,SGD,4.00,2026-07-30,succeeded\n"]
    rows.append(rows[1] + "P2,C1,INV-1,SGD,1.00,2026-07-31,succeeded\n")
    # A payment of the thirtieth that came on the third of August, when nobody waited for it any more.
    rows.append(rows[2] + "P0,C1,INV-1,SGD,3.00,2026-07-30,succeeded\n")
    for number, (at, payments) in enumerate(
        zip([*ends, datetime(2026, 8, 3, tzinfo=UTC)], rows, strict=True)
    ):
        learn(store, tmp_path / str(number), payments=payments)
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "UPDATE ops.batches SET recorded_at = %s WHERE recorded_at > '2026-08-10'", (at,)
            )
            connection.execute(PROOF, ("payments", at, at))
    for day, end in zip(days, ends, strict=True):
        publish(store, day, known_by=end - timedelta(minutes=10))
    told = [tell(store, Mailbag(), as_of=day, past=True).edition for day in days]
    assert told == ["daily", "restated", "restated"]
    with store.transaction() as tx:
        kept = [tx.rows("report_of_day", as_of=day)[0] for day in days]
        [restated] = [row for row in tx.rows("editions_of_day", as_of=FRIDAY) if row["edition"] == "restated"]
    assert [row["subject"].partition(", ")[2].rpartition(" open")[0] for row in kept] == [
        "0 held, SGD 10.00",
        "0 held, SGD 6.00",
        "1 held, SGD 6.00",
    ]
    assert [row["sent_at"] for row in kept] == [None] * 3
    assert ["Restated:" in row["html"] for row in [*kept, restated]] == [False, False, False, True]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_day_that_was_refused_is_published_once_a_proof_reaches_its_end(
    store: PostgresStore, database_url: str, tmp_path: Path
):
    from include.flows.check_quality import check_quality  # noqa: PLC0415 - seconds to import

    def judged(complete_until: str) -> Any:
        with psycopg.connect(database_url) as connection:
            connection.execute(PROOF, ("erp", complete_until, complete_until))
        run = reconcile(store, as_of=FRIDAY, policy=load_policy())
        check_quality(store, database_url, as_of=FRIDAY, policy=load_policy(), read={("erp", "rows")})
        return run

    learn(store, tmp_path, payments=PAID)
    first = judged("2026-07-31 12:00Z")
    with pytest.raises(Fatal, match="extract_erp reads"):
        publish_run(store, as_of=FRIDAY)
    assert judged("2026-08-01 00:10Z") == first  # the same rows
    published = publish_run(store, as_of=FRIDAY)
    assert (published.run_id, published.certificate_sha256) == (first.run_id, first.certificate_sha256)
    with store.transaction() as tx:
        assert tx.rows("published_snapshot", as_of=FRIDAY)[0]["proof_through"] == 2


# Great Expectations 1.24 imports what Python 3.11 deprecates.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_past_day_is_published_whatever_was_connected_after_it(
    store: PostgresStore, database_url: str, tmp_path: Path
):
    from include.flows.check_quality import check_quality  # noqa: PLC0415 - seconds to import

    learn(store, tmp_path / "then", payments=PAID)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE ops.batches SET recorded_at = '2026-08-01 00:05'")
        for system, checked in (("erp", "2026-08-01 00:20"), ("bank", "2026-08-05 09:00")):
            connection.execute(PROOF, (system, checked, checked))
    reconcile(store, as_of=FRIDAY, policy=load_policy(), known_by=datetime(2026, 7, 31, 16, tzinfo=UTC))
    check_quality(
        store,
        database_url,
        as_of=FRIDAY,
        policy=load_policy(),
        read={("erp", "rows"), ("bank", "rows")},
    )
    run = publish_run(store, as_of=FRIDAY).run_id
    with store.transaction() as tx:
        verdicts = {row["expectation"]: row["verdict"] for row in tx.rows("quality_of_day", run_id=run)}
        [unasked] = tx.rows("quality_not_asked", run_id=run)
    assert {name: verdict for name, verdict in verdicts.items() if name.endswith("is complete")} == {
        "extract_erp is complete": "pass"
    }
    assert {"extract_bank", "rows of bank (connected later)"} <= set(unasked["not_held"])
