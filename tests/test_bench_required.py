"""The benchmarks' verdicts: a miss is a failure, and what was not measured says so and never passes."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from tests.bench import required
from tests.bench.required import Kept, Line
from tests.bench.required_audit import audit_lines
from tests.bench.required_daily import daily_lines
from tests.bench.required_live import live_lines
from tests.bench.required_parity import parity_lines
from tests.bench.table import document

DAYS_BACKFILLED = "14 days of 100,000 rows, backfilled once all have landed"
STEP = {"commit": "abc", "date": "2026-06-30", "machine": "two cores", "seed": 101}


def lines(kept: Kept) -> Iterator[Line]:
    """Every requirement of the document."""
    return chain(
        required.lines(kept), live_lines(kept), daily_lines(kept), parity_lines(kept), audit_lines(kept)
    )


def verdict(kept: Kept, measure: str) -> Line:
    [found] = [line for line in lines(kept) if line.measure.startswith(measure)]
    return found


def cash(*, seconds: float, rows: int = 2_000_000, peak_mib: int = 100) -> dict[str, Any]:
    links = {
        "posted": 10,
        "wrong": 0,
        "lucky": 0,
        "precision": "1",
        "precision_by_value": "1",
        "recall": "0.9",
    }
    payments = {"coverage": "0.95", "coverage_of_all": "0.9", "withheld": "1"}
    return STEP | {
        "run": {"seconds": seconds, "peak_mib": peak_mib},
        "rows": rows,
        "score": {"links": {"R3": links}, "cash": payments},
        "plain": {"copy_s": 2.0, "join_s": 2.0, "ratio": seconds / 4},
        "others": {
            "slow": {"kind": "peer", "seconds": 60.0, **links, "coverage": "0.8", "withheld": "0.5"},
            "stuck": {"kind": "peer", "failed": "out of memory"},
        },
    }


def test_nothing_measured_passes_nothing() -> None:
    assert {line.passed for line in lines({})} == {None}
    assert "0 pass, 0 fail" in document({})


def test_a_step_out_of_time_says_so() -> None:
    found = verdict({"controls": {"skipped": "the time budget was used up"}}, "negative controls")
    assert (found.passed, found.measured) == (None, "the time budget was used up")


def test_one_posted_pair_fails_a_negative_control() -> None:
    worlds = {"two worlds": {"posted": 1, "by_rule": {"P4": 1}, "payments": 9}}
    found = verdict({"controls": STEP | {"controls": worlds}}, "negative control: two worlds")
    assert (found.verdict, found.measured) == ("**FAIL**", "1 of 9 payments (P4 1)")


def test_three_times_the_plain_join_is_the_most() -> None:
    for seconds, passed in ((12.0, True), (12.4, False)):
        assert verdict({"cash-default-1000000": cash(seconds=seconds)}, "whole R3 run").passed is passed


def test_a_mail_must_be_quick_and_small() -> None:
    for seconds, size, passed in ((9.9, 9_900_000, [True, True]), (10.1, 10_100_000, [False, False])):
        kept = {"mail-10000": STEP | {"seconds": seconds, "cpu_s": 3.0, "bytes": size}}
        found = [line.passed for line in lines(kept) if line.measure.startswith("the e-mail")]
        assert found == passed


def test_a_peer_that_did_not_finish_is_not_beaten() -> None:
    kept = {"cash-default-1000000": cash(seconds=30.0)}
    assert verdict(kept, "faster than slow").passed is True
    assert verdict(kept, "faster than stuck").passed is None
    assert "did not finish: out of memory" in document(kept)


def test_growth_fails_at_once_but_passes_only_at_ten_million() -> None:
    start = {"cash-default-10000": cash(seconds=1.0, rows=20_000)}
    flat = start | {"cash-default-100000": cash(seconds=10.0, rows=200_000)}
    steep = start | {"cash-default-100000": cash(seconds=20.0, rows=200_000)}
    whole = flat | {"cash-default-10000000": cash(seconds=900.0, rows=20_000_000)}
    assert [verdict(kept, "time per row").passed for kept in (flat, steep, whole)] == [None, False, True]


def test_cheaper_rows_in_larger_worlds_are_no_growth() -> None:
    kept = {
        "cash-default-10000": cash(seconds=5.0, rows=20_000),
        "cash-default-10000000": cash(seconds=100.0, rows=20_000_000),
    }
    assert verdict(kept, "time per row").passed is True


def test_more_than_a_gibibyte_fails() -> None:
    assert verdict({"cash-default-10000": cash(seconds=1.0, peak_mib=1025)}, "peak memory").passed is False


def test_a_fast_day_on_a_small_history_is_not_yet_proof() -> None:
    took = {"history": {"total_s": 1.2, "rows": 200_000}, "empty": {"total_s": 1.0}}
    assert verdict({"day-100000": STEP | took | {"ratio": 1.2}}, "a 10k-row day").passed is None
    assert verdict({"day-100000": STEP | took | {"ratio": 1.6}}, "a 10k-row day").passed is False


def test_one_death_that_shows_and_one_mistake_that_does_not_are_failures() -> None:
    recipe = {"checkpoints": 2, "cells": 4, "wrong": 0, "examples": []}
    planted = {"a random key": {"cells": 3}}
    sound = STEP | {"recipes": {"closed_won": recipe}, "planted": planted}
    assert verdict({"kills": sound}, "killed").passed is True
    assert (
        verdict({"kills": sound | {"recipes": {"closed_won": recipe | {"wrong": 1}}}}, "killed").passed
        is False
    )
    unseen = sound | {"planted": {"a random key": {"cells": None}}}
    assert verdict({"kills": unseen}, "mistakes").passed is False


def test_a_difference_after_disorder_and_a_repair_by_the_sweep_are_failures() -> None:
    found = STEP | {
        "invoices": 1,
        "events": 2,
        "different": {},
        "repaired": {"in order": [], "in disorder": []},
    }
    assert verdict({"disorder": found}, "every event").passed is True
    assert verdict({"disorder": found | {"different": {"Task": "…"}}}, "every event").passed is False
    assert verdict({"disorder": found | {"repaired": {"in order": ["…"]}}}, "what the sweep").passed is False


def test_a_slow_switch_an_effect_lost_and_a_path_that_never_wrote_are_failures() -> None:
    found = STEP | {"deals": 9, "lost": [], "doubled": [], "broken": [], "seconds": [0.2, 61.0], "planted": 3}
    found["written_by"] = {"ours": 5, "theirs": 4}
    assert verdict({"cutover": found}, "cutover to and fro").passed is False
    assert verdict({"cutover": found | {"seconds": [0.2]}}, "cutover to and fro").passed is True
    assert verdict({"cutover": found}, "effects lost").passed is True
    assert verdict({"cutover": found | {"doubled": ["D1"]}}, "effects lost").passed is False
    assert verdict({"cutover": found}, "a path that writes").passed is True
    assert verdict({"cutover": found | {"planted": 0}}, "a path that writes").passed is False
    assert (
        verdict({"cutover": found | {"written_by": {"ours": 9, "theirs": 0}}}, "effects lost").passed is False
    )


def test_backfilled_days_must_be_the_same_and_as_quick_as_the_daily_ones_without_their_landing() -> None:
    found = STEP | {"days": 14, "same": 14, "landing_s": [9.0], "daily_s": [2.0, 3.0], "backfilled_s": [5.0]}
    assert verdict({"fortnight-100000": found}, f"{DAYS_BACKFILLED}: certificates").passed
    assert verdict({"fortnight-100000": found}, f"{DAYS_BACKFILLED}: seconds").passed
    other, slow = found | {"same": 13}, found | {"backfilled_s": [5.1]}
    assert not verdict({"fortnight-100000": other}, f"{DAYS_BACKFILLED}: certificates").passed
    assert not verdict({"fortnight-100000": slow}, f"{DAYS_BACKFILLED}: seconds").passed
    assert verdict({}, "14 days of").passed is None


def test_buckets_are_not_claimed_before_there_are_any() -> None:
    kept = {
        "determinism": STEP
        | {"hashes": {"first run": "a", "re-run": "a", "shuffled input": "b"}, "buckets": {}}
    }
    assert verdict(kept, "re-run").passed is True
    assert verdict(kept, "shuffled input").passed is False
    assert verdict(kept, "1 against 8").passed is None


def checked(*, checking_s: float, size: int = 1_000_000, held_against: int = 70) -> Kept:
    edge = {"rows": size, "read_s": 10.0, "asked_s": 12.0}
    books = {
        "rows": size,
        "expectations": 150,
        "held_against": held_against,
        "checking_s": checking_s,
        "rendering_s": 1.0,
        "bare_s": 5.0,
    }
    return {f"quality-{size}": STEP | {"edge": edge, "books": books}}


def test_checking_a_million_rows_has_a_limit_of_its_own_and_one_beside_bare_sql() -> None:
    assert verdict(checked(checking_s=14.0), "schemas of received rows").passed is True
    for checking_s, passed in ((14.0, [True, True]), (16.0, [True, False]), (21.0, [False, False])):
        found = [
            line for line in lines(checked(checking_s=checking_s)) if line.measure.startswith("expectations")
        ]
        assert [line.passed for line in found] == passed


@pytest.mark.parametrize("kept", [{"size": 100_000}, {"held_against": 0}])
def test_checking_fewer_rows_or_nothing_against_salesforce_proves_nothing(kept: dict[str, int]) -> None:
    found = lines(checked(checking_s=1.0, **kept))
    assert {line.passed for line in found if "rows" in line.measure and "expect" in line.measure} == {None}


def test_a_false_difference_a_wrong_class_and_a_slow_comparison_fail() -> None:
    classes = {"injected": 9, "recall": 1.0, "f1": 0.9, "confused": {"logic as timing": 2}, "false": 1}
    classes |= {"days": 14, "same_again": 13}
    rows = {"ratio": 1.6, "ours_s": 1.6, "bare_s": 1.0, "differing": 7}
    peers = {"quick": {"seconds": 1.0, "differing": 7}, "stuck": {"failed": "out of memory"}}
    kept = {"parity-5000": STEP | classes, "parity-rows-1000000": STEP | rows | {"peers": peers}}
    assert verdict(kept, "two paths side by side, 14 days: recall").passed is True
    assert verdict(kept, "two paths side by side, 14 days: class F1").passed is False
    assert "2 logic as timing" in verdict(kept, "two paths side by side, 14 days: class F1").measured
    assert verdict(kept, "two paths side by side, 14 days: false").passed is False
    assert verdict(kept, "two paths side by side, 14 days: again").passed is False
    [ours, quick, stuck] = [
        line for line in lines(kept) if line.measure.startswith("row and field parity, 1M")
    ]
    assert (ours.passed, quick.passed, stuck.passed) == (False, False, None)


def test_the_audit_log_must_be_read_fast_enough_and_slow_nobody_down_too_much() -> None:
    figures = {"verified_per_s": 310_000, "edit_found_s": 3.0, "audited_per_s": 900, "unaudited_per_s": 1000}
    for ratio, passed in ((0.9, True), (0.79, False)):
        kept = {"audit-1000000": STEP | figures | {"ratio": ratio}}
        assert verdict(kept, "audited effects").passed is passed
        assert verdict(kept, "audit log, 1M rows: read again").passed is True
    assert verdict({}, "audit log, 1M rows: read again").passed is None
