"""Before rules are promoted: what they would have changed of published days, and how sure their matches are."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
import yaml

from include.flows import promote as flow
from include.flows.promote import (
    Offer,
    after_gate,
    approver_gate,
    database_gate,
    last_promoted,
    parity_gate,
    passed,
    promote,
    promotions,
    radius_gate,
    shut,
)
from include.flows.rule_radius import as_values, keep_radius, published_days, rule_radius, rules_like
from include.flows.switch_writer import begin_as
from include.policy import load_policy, policy_of, read_files, rules_sha256
from include.ports import Fatal, Rejected
from include.report.radius import render_radius, summary
from include.store.postgres import PostgresStore
from include.version import ROOT, Release, release
from tests.flows.conftest import Draw
from tests.flows.lives import Days
from tests.flows.test_pairing_by_hand import CLEAR, INVOICES, UNCLEAR, Desk
from tests.flows.test_switching_writers import House, sign

HERE = read_files()
FIRST = date(2026, 3, 30)


def with_rules(change: Callable[[dict], None], name: str = "matching") -> dict[str, str]:  # type: ignore[type-arg]
    """The rules here with one file changed."""
    stated = yaml.safe_load(HERE[name])
    change(stated)
    return {**HERE, name: yaml.safe_dump(stated)}


def without_exact(stated: dict) -> None:  # type: ignore[type-arg]
    """Nothing is matched by its reference."""
    stated["R3"] = [
        one for one in stated["R3"] if one["rule"] not in {"exact_reference", "normalised_reference"}
    ]


@pytest.fixture
def days(store: PostgresStore, database_url: str, draw: Draw) -> Days:
    """Two published days: a payment that names its invoice, and one that names none."""
    days = Days(store, database_url, draw)
    invoices = "I1 INV-1 C1 2026-03-01 2026-03-31 SGD 100.00 posted\nI2 INV-2 C2 2026-03-01 2026-03-31 SGD 50.00 posted"
    days.load(invoices=invoices, payments="P1 C1 INV-1 SGD 100.00 2026-03-02")
    days.publish("2026-03-30")
    days.publish("2026-03-31")
    return days


def runs(days: Days) -> list[dict[str, object]]:
    return days.rows("SELECT run_id, state, rules_sha256 FROM recon.runs ORDER BY run_id")


def test_rules_that_are_the_same_change_nothing_and_nothing_of_a_replay_is_kept(days: Days) -> None:
    before = runs(days)
    here = policy_of(HERE)
    found = rule_radius(days.store, days=published_days(days.store, days=9), old=here, new=here)
    assert found.changes_nothing
    assert [day.as_of for day in found.days] == [FIRST, date(2026, 3, 31)]
    assert "change nothing on 2 published days" in summary(found)
    assert runs(days) == before


def test_a_rule_that_is_taken_away_loses_its_match_gains_a_break_and_says_how_much_money(days: Days) -> None:
    before = runs(days)
    files = with_rules(without_exact)
    truth = frozenset({("R3", frozenset(("P1", "I1")))})
    old, new = policy_of(HERE), policy_of(files)
    lost = rule_radius(days.store, days=[FIRST], old=old, new=new, truth=truth)
    [match] = lost.matches
    assert (match.of, match.currency, match.lost, match.lost_minor, match.gained) == (
        "R3",
        "SGD",
        1,
        10_000,
        0,
    )
    assert sum(one.gained for one in lost.breaks) > 0
    gained = rule_radius(days.store, days=[FIRST], old=new, new=old, truth=truth)
    [match] = gained.matches
    assert (match.gained, match.gained_minor, match.lost) == (1, 10_000, 0)
    by_truth = gained.estimates[1].new
    assert (by_truth.right, by_truth.wrong) == (1, 0)
    wrong = rule_radius(days.store, days=[FIRST], old=new, new=old, truth=frozenset())
    assert wrong.estimates[1].new.share == 1
    later = rule_radius(days.store, days=[date(2026, 3, 31)], old=old, new=new)
    assert later.matches == [], "what was posted before is carried forward, whatever the rules are by now"
    assert runs(days) == before
    page = render_radius(gained)
    assert "SGD 100.00" in page
    assert "Wilson" in page
    assert as_values(gained)["matches"][0]["gained_minor"] == 10_000


def test_matches_that_people_made_or_parted_say_how_often_rules_are_wrong(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    desk = Desk(store, database_url, draw)
    desk.load(invoices=INVOICES, payments=f"{UNCLEAR}\n{CLEAR}")
    desk.publish("2026-02-02")
    desk.approve(desk.match("P", "INV-2=450.00"))
    desk.approve(desk.unmatch(desk.match_of("Q")))
    desk.publish("2026-02-03")
    here, exact = policy_of(HERE), policy_of(with_rules(without_exact))
    found = rule_radius(store, days=[date(2026, 2, 3)], old=here, new=exact)
    [ruled] = found.estimates
    assert ruled.old is not None
    assert (ruled.old.right, ruled.old.wrong, ruled.old.left_open) == (0, 1, 1), (
        "Q is posted again, P stays open"
    )
    assert (ruled.new.right, ruled.new.wrong, ruled.new.left_open) == (0, 0, 2)
    assert (ruled.old.share, ruled.new.share) == (1, None)


def test_what_was_shown_is_kept_with_both_rules_and_found_by_their_hash(days: Days) -> None:
    files = with_rules(without_exact)
    found = rule_radius(days.store, days=[FIRST], old=policy_of(HERE), new=policy_of(files))
    shown = keep_radius(days.store, found, old_files=HERE, new_files=files)
    assert len(shown) == 64
    assert rules_like(days.store, found.new_rules[:10]) == files
    with pytest.raises(Rejected, match="no rule set is kept here that begins with ffff"):
        rules_like(days.store, "ffff")
    with pytest.raises(Fatal, match="2026-04-01 is published"):
        rule_radius(days.store, days=[date(2026, 4, 1)], old=policy_of(HERE), new=policy_of(files))


def offer(rules: dict[str, str] = HERE, *, to: str = "prod", approver: str = "ann@firm.example") -> Offer:
    return Offer(
        release=Release("c" * 64, rules_sha256(rules), "s" * 64),
        to=to,
        commit="abc",
        authors=["Bob@firm.example", "cy@firm.example"],
        approver=approver,
        reason="release of the week",
        rules=rules,
    )


GATES = [passed("tests", "yes")]


def test_what_is_promoted_is_kept_as_one_hash_and_asked_for_by_the_environment_after(
    store: PostgresStore,
) -> None:
    gate = after_gate(store, offer(), "staging")
    assert (gate.passed, gate.mend) == (False, "tieout promote --to staging")
    kept = promote(store, offer(to="staging"), GATES)
    assert kept["release_sha256"] == offer().release.sha256
    assert after_gate(store, offer(), "staging").passed
    [listed] = promotions(store)
    assert (listed["environment"], listed["author_ids"]) == (
        "staging",
        ["bob@firm.example", "cy@firm.example"],
    )
    with pytest.raises(Rejected, match="these gates are shut: tests"):
        promote(store, offer(), [shut("tests", "no", "make test")])


def test_nobody_approves_what_they_wrote_and_the_database_holds_to_it(store: PostgresStore) -> None:
    assert approver_gate(offer()).passed
    assert "is an author of it" in approver_gate(offer(approver=" BOB@firm.example")).said
    assert not approver_gate(offer(approver="")).passed
    login = approver_gate(offer(approver="bob"))
    assert (login.passed, "bob may be bob@firm.example" in login.said) == (False, True)
    assert approver_gate(offer(approver="ann")).passed
    for who in ("bob@firm.example", "run", " BOB"):
        with pytest.raises(Fatal, match="nobody_approves_their_own"):
            promote(store, offer(approver=who), GATES)
    keep = partial(flow._keep, offer=offer(), gates=[shut("tests", "no", "make test")], radius_id=None)
    with pytest.raises(Fatal, match="every_gate_is_passed"), store.transaction() as tx:
        keep(tx)
    promote(store, offer(), GATES)
    with psycopg.connect(store.url) as connection, pytest.raises(psycopg.Error, match="is history"):
        connection.execute("UPDATE ops.promotions SET reason = 'another'")


def test_a_change_of_rules_is_not_promoted_before_what_it_changes_was_shown(days: Days) -> None:
    store, files = days.store, with_rules(without_exact)
    prod = load_policy(environment="prod")
    assert radius_gate(store, offer(), prod)[0].passed, "the first rules change none"
    promote(store, offer(), GATES)
    assert radius_gate(store, offer(), prod)[0].passed
    gate, _ = radius_gate(store, offer(files), prod)
    last = last_promoted(store, "prod")
    assert last is not None
    assert (gate.passed, last["rules_sha256"][:12] in gate.mend) == (False, True)

    def show(*days: date) -> None:
        found = rule_radius(store, days=days, old=policy_of(HERE), new=policy_of(files))
        keep_radius(store, found, old_files=HERE, new_files=files)

    show(FIRST + timedelta(days=1))
    gate, _ = radius_gate(store, offer(files), prod)
    assert (gate.passed, gate.said) == (
        False,
        "what the rules change was shown for 1 of 2 days",
    )
    show(FIRST, FIRST + timedelta(days=1))
    gate, radius_id = radius_gate(store, offer(files), prod)
    assert gate.passed
    promote(store, replace(offer(files), follows=last["promotion_id"]), GATES, radius_id=radius_id)


def test_of_two_who_promote_at_the_same_time_the_later_asks_the_gates_again(store: PostgresStore) -> None:
    def promoted(rules: dict[str, str]) -> str:
        try:
            return str(promote(store, offer(rules), GATES)["release_sha256"])
        except Rejected as refused:
            return str(refused)

    with ThreadPoolExecutor(2) as both:
        said = sorted(both.map(promoted, (HERE, with_rules(without_exact))), key=len)
    assert said[1] == "ann@firm.example promoted to prod meanwhile: ask every gate again, by the same command"
    [kept] = promotions(store)
    assert kept["release_sha256"] == said[0]
    again = replace(offer(with_rules(without_exact)), follows=kept["promotion_id"])
    promote(store, again, GATES)
    promote(store, offer(to="staging"), GATES)


def test_where_no_day_is_published_other_rules_change_nothing_that_could_be_shown(
    store: PostgresStore,
) -> None:
    promote(store, offer(), GATES)
    gate, radius_id = radius_gate(store, offer(with_rules(without_exact)), load_policy(environment="prod"))
    assert (gate.passed, radius_id) == (True, None)
    assert gate.said == "no day is published there, so there is no history that other rules would change"


def test_what_is_for_one_environment_is_not_promoted_where_another_runs(store: PostgresStore) -> None:
    assert database_gate(store, "prod").said == "nothing has run on it yet"
    begin_as(store, (), environment="staging")
    gate = database_gate(store, "prod")
    assert (gate.passed, "staging runs on this database, since" in gate.said) == (False, True)
    assert database_gate(store, "staging").passed
    begin_as(store, (), environment="prod")
    assert database_gate(store, "prod").passed


def test_parity_is_asked_for_where_ours_writes(store: PostgresStore) -> None:
    prod = load_policy(environment="prod")
    assert "in shadow" in parity_gate(store, prod).said
    house = House(store)
    house.back("orders")
    house.go("orders")
    gate = parity_gate(store, prod)
    assert (gate.passed, "ours writes orders" in gate.said) == (False, True)
    sign(store)
    assert parity_gate(store, prod).passed


def test_the_hash_of_a_release_changes_with_code_rules_and_schema_each_by_itself(tmp_path: Path) -> None:
    for name in ("include/flows/x.py", "include/policy/a.yaml", "sql/schema/010_ops.sql"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    first = release(tmp_path)
    for name, part in (
        ("flows/x.py", "code"),
        ("policy/a.yaml", "rules"),
        ("../sql/schema/010_ops.sql", "schema"),
    ):
        (tmp_path / "include" / name).write_text("2")
        now = release(tmp_path)
        same = {one for one in first._fields if getattr(first, one) == getattr(now, one)}
        assert same == {"code", "rules", "schema"} - {part}
        assert now.sha256 != first.sha256
        (tmp_path / "include" / name).write_text("1")
    assert release(ROOT).rules == load_policy(environment="dev").sha256
