"""Alerts: one for each fact while it lasts, told to each channel as it changes, in words without names."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.alert_words import (
    ENDS_KEPT,
    MONEY_IS,
    SENTENCES,
    UNPRICED,
    Said,
    Words,
    sentence,
    told_now,
)
from include.domain.alerts import (
    Alert,
    AlertRule,
    Fact,
    Growth,
    Says,
    Told,
    changes,
    playbook_of,
    to_say,
)
from include.domain.breaks import Level
from include.policy import load_policy

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
PATIENCE = timedelta(minutes=5)
RULE = AlertRule(
    severity="S2", channels=("slack", "mail"), playbook="breaks_late", remind_after=timedelta(hours=4)
)
POLICY = load_policy()
FILLED = {
    "day": "2026-06-30",
    "due": "06:00",
    "owners": "AR",
    "entities": "invoices",
    "last": "never",
    "limit": "SGD 50,000.00",
    "tasks": "pull",
    "error": "Away",
    "targets": "erp",
    "used": "8",
    "allowed": "9",
    "name": "unapplied cash",
    "stands": "lapses at 09:00",
}


def late(about: str = "CA01", **facts: Any) -> Fact:
    said: dict[str, Any] = {"severity": "S2", "since": NOW - timedelta(hours=30), "detail": FILLED}
    return Fact(kind="breaks_late", about=about, **(said | facts))


def alert(fact: Fact, **facts: Any) -> Alert:
    said: dict[str, Any] = {"alert_id": 1, "raised_at": NOW - timedelta(hours=1), "seen_at": NOW}
    return Alert(fact=fact, **(said | facts))


def words(address: str = "https://airflow.example") -> Words:
    return Words(lambda minor, currency: f"{currency} {minor}", lambda at: f"{at:%H:%M}", address)


def test_a_fact_is_raised_once_and_then_only_seen() -> None:
    assert changes([late()], [], now=NOW, patience=PATIENCE).raised == [late()]
    again = changes([late(count=3)], [alert(late())], now=NOW, patience=PATIENCE)
    assert (again.raised, again.seen, again.over) == ([], [late(count=3)], [])


def test_a_fact_that_is_not_seen_is_over_only_after_a_while() -> None:
    known = alert(late(), seen_at=NOW - timedelta(minutes=4))
    assert changes([], [known], now=NOW, patience=PATIENCE).over == []
    known = alert(late(), seen_at=NOW - timedelta(minutes=5))
    assert changes([], [known], now=NOW, patience=PATIENCE).over == [known]


def test_the_same_kind_about_something_else_is_another_alert() -> None:
    assert changes([late("CA02")], [alert(late("CA01"))], now=NOW, patience=PATIENCE).raised == [late("CA02")]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (None, "raised"),
        (Told("raised", "S2", NOW - timedelta(hours=3)), None),
        (Told("raised", "S2", NOW - timedelta(hours=4)), "again"),
        (Told("raised", "S3", NOW), "worse"),
        (Told("worse", "S1", NOW), None),
    ],
)
def test_a_lasting_fact_is_told_when_new_worse_or_long_ago(told: Told | None, says: str | None) -> None:
    assert to_say(alert(late(), told=told), RULE, channel="slack", now=NOW) == says


@pytest.mark.parametrize(
    ("grown", "hours", "says"),
    [
        ({"count": 2, "amounts": {"SGD": 900}}, 3, None),
        ({"count": 4}, 3, "worse"),
        ({"count": 4}, 0, None),
        ({"amounts": {"SGD": 1_000}}, 3, "worse"),
        ({"amounts": {"SGD": 500, "USD": 1}}, 3, "worse"),
        ({"count": 1, "amounts": {"SGD": 400}, "newest_at": NOW - timedelta(hours=1)}, 3, "worse"),
        ({"newest_at": NOW - timedelta(minutes=30)}, 0.5, None),
        ({"newest_at": NOW - timedelta(hours=4)}, 3, None),
        ({"count": 1, "amounts": {}}, 3, None),
    ],
)
def test_much_more_of_the_same_is_worse_but_not_at_once(grown: Any, hours: float, says: str | None) -> None:
    rule = replace(RULE, growth=Growth(2, timedelta(hours=1)))
    told = Told("raised", "S2", NOW - timedelta(hours=hours), 2, {"SGD": 500})
    fact = late(**{"count": 2, "amounts": {"SGD": 500}} | grown)
    assert to_say(alert(fact, told=told), rule, channel="slack", now=NOW) == says
    assert to_say(alert(fact, told=told), RULE, channel="slack", now=NOW) is None


@pytest.mark.parametrize(
    ("grown", "says"),
    [
        ({"amounts": {"SGD": 500, "JPY": 9}}, None),
        ({"amounts": {"SGD": 5_000}}, None),
        ({"count": 4}, "worse"),
    ],
)
def test_what_waits_for_a_fault_makes_it_no_worse(grown: Any, says: str | None) -> None:
    rule = replace(RULE, growth=Growth(2, timedelta(hours=1), by_money=False))
    told = Told("raised", "S2", NOW - timedelta(hours=3), 2, {"SGD": 500})
    fact = late(**{"count": 2, "amounts": {"SGD": 500}} | grown)
    assert to_say(alert(fact, told=told), rule, channel="slack", now=NOW) == says


@pytest.mark.parametrize("kind", ["breaks_late", "breaks_large", "rollback_due"])
def test_an_alert_leads_to_the_breaks_it_is_about(kind: str) -> None:
    one = "0b9a0b61-17e5-5bc2-a9b5-819dab64a924"
    told = words().entry("raised", alert(replace(late(ids=(one,)), kind=kind)), RULE)
    assert told.links["break 0b9a0b61"] == f"https://airflow.example/tieout/breaks/{one}"
    assert (
        words("").entry("raised", alert(replace(late(ids=(one,)), kind=kind)), RULE).facts["largest"] == one
    )


def test_facts_grow_by_money_only_where_the_money_is_their_own() -> None:
    grow = {kind: rule.growth.by_money for kind, rule in POLICY.alerts.rules.items() if rule.growth}
    own = {"run_refused", "breaks_late", "breaks_large", "quarantine_growing"}
    assert {kind for kind, by_money in grow.items() if by_money} == own
    assert {kind for kind, by_money in grow.items() if not by_money} <= MONEY_IS.keys()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (Told("raised", "S2", NOW), "over"),
        (Told("again", "S2", NOW), "over"),
        (Told("over", "S2", NOW), None),
        (None, None),
    ],
)
def test_the_end_is_told_once_and_only_to_who_was_told_the_beginning(
    told: Told | None, says: str | None
) -> None:
    assert to_say(alert(late(), over_at=NOW, told=told), RULE, channel="mail", now=NOW) == says


def test_what_nobody_mended_is_told_as_no_longer_watched_and_never_as_over() -> None:
    unmended = alert(late(), over_at=NOW, mended=False, told=Told("raised", "S2", NOW))
    assert to_say(unmended, RULE, channel="mail", now=NOW) == "unwatched"
    ended = replace(unmended, told=Told("unwatched", "S2", NOW))
    assert to_say(ended, RULE, channel="mail", now=NOW) is None
    entry = words().entry("unwatched", unmended, RULE)
    assert entry.what.startswith("No longer watched, and not known to be mended: ")
    assert entry.facts["watched until"] == "08:00 UTC"
    assert "over" not in entry.facts


def test_a_channel_hears_only_what_is_meant_for_it_and_never_that_it_fails_itself() -> None:
    slack_only = replace(RULE, channels=("slack",))
    assert to_say(alert(late()), slack_only, channel="mail", now=NOW) is None
    failing = alert(Fact(kind="channel_failing", about="slack", since=NOW, severity="S2"))
    assert [to_say(failing, RULE, channel=one, now=NOW) for one in ("slack", "mail")] == [None, "raised"]


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["S1", "S2"]), st.integers(1, 90)), min_size=1, max_size=30
    )
)
def test_whatever_happens_each_alert_is_told_as_begun_once_and_as_over_at_most_once(story: Any) -> None:
    """A fact that comes and goes, looked at and told each time: what is said of it is a begin, then an end."""
    now, known, said, told = NOW, None, [], None
    for present, severity, minutes in story:
        now += timedelta(minutes=minutes)
        changed = changes(
            [late(severity=severity)] if present else [], [known] if known else [], now=now, patience=PATIENCE
        )
        for fact in (*changed.raised, *changed.seen):
            known = alert(fact, seen_at=now)
            said, told = ([], None) if changed.raised else (said, told)
        ended = bool(changed.over)
        if known is None:
            continue
        one = replace(known, over_at=now if ended else None, told=told)
        if says := to_say(one, RULE, channel="slack", now=now):
            said.append(says)
            told = Told(says, one.fact.severity, now)
        known = None if ended else known
        assert said.count("raised") == 1
        assert said[0] == "raised"
        assert said.count("over") == int(ended)


def test_an_entry_says_what_since_when_how_much_and_where_to_look() -> None:
    fact = late(count=2, amounts={"USD": 500, "SGD": 1250}, ids=("b1" * 16,), dag_id="tie_out", dag_run="a+b")
    entry = words().entry("raised", alert(fact), RULE)
    assert entry.what == "2 open breaks CA01 (unapplied cash) are past their service level"
    assert entry.facts == {"since": "02:00 UTC", "money": "SGD 1250, USD 500", "run": "tie_out a+b"}
    assert entry.links == {
        "playbook": "https://airflow.example/tieout/playbooks/CA01",
        "break b1b1b1b1": f"https://airflow.example/tieout/breaks/{'b1' * 16}",
        "run": "https://airflow.example/dags/tie_out/runs/a%2Bb",
    }


def test_how_far_late_breaks_have_come_is_said_while_they_last() -> None:
    fact = late(detail=FILLED | {"for": "CFO"})
    assert words().entry("raised", alert(fact), RULE).facts["for"] == "CFO"
    assert "for" not in words().entry("over", alert(fact, over_at=NOW), RULE).facts


def test_how_bad_it_is_in_money_says_of_what_or_that_nobody_knows() -> None:
    parked = replace(late(amounts={"SGD": 500}), kind="messages_parked")
    assert (
        words().entry("raised", alert(parked), RULE).facts["money"]
        == "SGD 500 (of the records they are about)"
    )
    assert words().entry("raised", alert(late()), RULE).facts["money"] == UNPRICED
    assert MONEY_IS.keys() <= SENTENCES.keys()


def test_where_nobody_knows_the_address_the_playbook_is_a_file() -> None:
    entry = words("").entry("raised", alert(late(ids=("one",))), RULE)
    assert entry.links == {"playbook": "docs/playbooks/CA01.md"}
    assert entry.facts["largest"] == "one"


def said(says: Says, about: str, severity: Level) -> Said:
    return says, alert(late(about, severity=severity), over_at=NOW if says == "over" else None), RULE


def test_a_message_has_the_worst_first_ends_last_and_counts_what_waits_for_the_next() -> None:
    listed = told_now([said("over", "A", "S1"), said("raised", "B", "S2"), said("raised", "C", "S1")])
    bulletin = words().bulletin(listed, key="k", now=NOW)
    assert bulletin.subject == "[S1] 1 open break C (unapplied cash) is past its service level (+2)"
    assert [one.what.split("break ")[1][0] for one in bulletin.entries] == ["C", "B", "A"]
    more = words().bulletin(listed, left=4, key="k", now=NOW)
    assert more.subject.endswith(" (+6)")
    assert [one.what for one in more.entries[len(listed) :]] == ["And 4 more, told next"]


@pytest.mark.parametrize(
    ("raised", "again", "over", "told"),
    [
        (25, 0, 0, (20, 0, 0)),
        (0, 0, 25, (0, 0, 20)),
        (0, 20, 1, (0, 19, 1)),
        (3, 30, 2, (3, 15, 2)),
        (40, 40, 40, (20 - ENDS_KEPT, 0, ENDS_KEPT)),
    ],
)
def test_reminders_wait_behind_news_and_ends_always_have_a_place(
    raised: int, again: int, over: int, told: tuple[int, int, int]
) -> None:
    all_of_it = (
        [said("again", f"A{n}", "S1") for n in range(again)]
        + [said("raised", f"R{n}", "S3") for n in range(raised)]
        + [said("over", f"O{n}", "S4") for n in range(over)]
    )
    listed = Counter(one[0] for one in told_now(all_of_it))
    assert (listed["raised"], listed["again"], listed["over"]) == told


@pytest.mark.parametrize("kind", sorted(SENTENCES))
@pytest.mark.parametrize("count", [1, 1_234])
def test_every_kind_has_its_sentence_in_the_singular_and_the_plural(kind: str, count: int) -> None:
    fact = Fact(kind=kind, about="erp", since=NOW, severity="S1", count=count, detail=FILLED)
    said = sentence(fact)
    assert not said[0].islower()
    assert "{" not in said
    nouns = re.findall(r"(?<![\d,])1 (?:open )?(\w+)", said)
    assert [noun for noun in nouns if noun.endswith("s")] == []


def test_an_alert_of_a_kind_that_is_no_more_is_still_said() -> None:
    assert sentence(Fact(kind="gone", about="erp", since=NOW, severity="S1")) == "Gone of erp"
    assert "?" in sentence(Fact(kind="run_refused", about="tie_out", since=NOW, severity="S1"))


def test_a_break_that_is_not_severe_has_its_kinds_playbook() -> None:
    assert playbook_of(late(severity="S1"), RULE) == "CA01"
    assert playbook_of(late(severity="S3"), RULE) == "breaks_late"


def test_policy_names_a_rule_for_every_kind_and_watches_every_flow_that_promises_freshness() -> None:
    assert POLICY.alerts.rules.keys() == SENTENCES.keys()
    assert POLICY.freshness.flows.keys() <= POLICY.alerts.flows.keys()


@given(
    st.sampled_from(["S1", "S2", "S3"]),
    st.integers(0, 500_000).map(lambda minutes: NOW + timedelta(minutes=minutes - 250_000)),
    st.integers(-6 * 24 * 60, 6 * 24 * 60),
)
def test_what_was_opened_by_the_given_moment_is_late_and_nothing_else(
    severity: Any, now: Any, off: int
) -> None:
    by = POLICY.desk.opened_by(severity, now=now)
    opened = min(by + timedelta(minutes=off), now)
    missed = POLICY.desk.waiting(severity, opened_at=opened, now=now).missed
    assert (missed > 0) == (opened <= by)
