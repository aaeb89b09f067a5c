"""What the live steps measured, held against what is required: a short or broken measurement never passes."""

from typing import Any

from tests.bench.required import Line
from tests.bench.required_live import live_lines
from tests.bench.stage import spread

QUICK = {"p50": 0.2, "p95": 0.5, "p99": 0.9, "max": 1.0, "floor": {"p50": 0.3, "p95": 0.4}, "hand_overs": 2}
LOAD = {
    "sustained": {"n": 6_000, "p95": 1.0},
    "crowd": {"n": 2_000, "drained_s": 40.0},
    "floor": QUICK["floor"],
    "hand_overs": 1,
    **dict.fromkeys(("lost", "doubled", "out_of_order", "invoices_wrong"), 0),
}
ACK = {**QUICK, "n": 6_000, "p99": 0.03, "statuses": {"200": 6_000}, "held": 6_000}


def of(what: str, **kept: Any) -> list[Line]:
    named = {f"latency-{name}": figures for name, figures in kept.items()}
    return [line for line in live_lines(named) if what in line.measure]


def test_what_was_not_run_is_not_measured() -> None:
    assert {line.passed for line in live_lines({})} == {None}


def test_enough_quick_samples_pass_and_one_slow_percentile_fails() -> None:
    assert {line.passed for line in of("by webhook", webhook={**QUICK, "n": 250})} == {True}
    slow = of("by webhook", webhook={**QUICK, "n": 250, "p99": 3.1})
    assert [line.passed for line in slow] == [True, True, False]


def test_too_few_samples_prove_nothing_but_may_fail() -> None:
    assert {line.passed for line in of("by webhook", webhook={**QUICK, "n": 20})} == {None}
    assert {line.passed for line in of("Closed-Won", won={**QUICK, "n": 5, "p95": 9.0})} == {False}


def test_one_payment_lost_under_load_fails_alone() -> None:
    assert [line.passed for line in of("", load=LOAD) if line.passed is not None] == [True] * 3
    assert [line.passed for line in of("", load=LOAD | {"lost": 1}) if line.passed is not None] == [
        True,
        True,
        False,
    ]


def test_an_acknowledgement_counts_only_when_the_event_is_held() -> None:
    assert [line.passed for line in of("acknowledged", ack=ACK)] == [True]
    assert [line.passed for line in of("acknowledged", ack=ACK | {"held": 5_999})] == [False]


def test_percentiles_are_samples_that_happened() -> None:
    assert spread([n / 100 for n in range(1, 101)]) == {
        "n": 100,
        "p50": 0.5,
        "p95": 0.95,
        "p99": 0.99,
        "max": 1.0,
    }
    assert spread([0.2]) == {"n": 1, "p50": 0.2, "p95": 0.2, "p99": 0.2, "max": 0.2}
