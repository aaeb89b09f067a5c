"""What the long parts judge by: trends of memory, tables that grow, how many fit into a time; and who is begun anew."""

import random
import sys
from pathlib import Path
from subprocess import Popen

import pytest

from tests.chaos import beside
from tests.chaos.beside import Program, without_nothing
from tests.chaos.parts import Time, failures, sized
from tests.chaos.soak import covered, trend
from tests.chaos.stops import STOPS


def test_what_only_varies_is_flat_and_what_rises_under_the_noise_is_not() -> None:
    dice = random.Random(1)  # noqa: S311 - a test's dice, no secret
    steady = [(float(at), 200 + dice.uniform(-3, 3)) for at in range(100)]
    assert trend(steady).flat
    assert not trend([(at, mib + at / 5) for at, mib in steady]).flat
    assert trend([(at, 300 - at / 5) for at, _ in steady]).flat, "what falls does not rise"


def test_what_grows_at_the_beginning_alone_is_flat() -> None:
    assert trend([(float(at), min(at, 40) * 10.0) for at in range(100)]).flat


@pytest.mark.parametrize(
    ("table", "why", "told"),
    [
        ("delivery.inbox", "key", "90 days: rows"),
        ("audit.events", "evidence", "90 days: rows"),
        ("delivery.looked_at", "state", "rows"),
        ("ops.beats", "state", ""),
        ("ops.flows", "list", ""),
    ],
)
def test_a_table_may_grow_that_has_a_time_or_a_row_for_each_thing(table: str, why: str, told: str) -> None:
    assert covered(table, {table: (why, "90 days", "rows")}) == told
    assert not covered(table, {}), "nobody spoke for it"


def test_as_many_are_tried_as_fit_into_the_time_or_as_are_asked_for() -> None:
    assert sized(Time(1, 80.0), "stops", STOPS) == 10
    assert sized(Time(1, 1e9), "stops", STOPS) == STOPS
    assert sized(Time(1, 80.0, size=3), "stops", STOPS) == 3


def test_whoever_ended_is_begun_anew_and_who_is_relayed_beside_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(beside, "monotonic", lambda: now[0])

    def begin(code: str, *, log: Path) -> Popen[bytes]:  # noqa: ARG001 - as the platform's
        return Popen([sys.executable, "-c", f"import sys; sys.exit({code})"])

    program = Program(("3",), relayed=True, log=tmp_path / "log")
    program.tend(begin)
    program.running[0].wait()
    now[0] += 2
    program.tend(begin)
    assert (program.ended, len(program.running)) == ({3: 1}, 1)
    program.words = ("__import__('time').sleep(60)",)
    program.running[0].wait()
    for seconds in (2, 1, beside.RELAY_S):
        now[0] += seconds
        program.tend(begin)
    try:
        assert len(program.running) == 2
    finally:
        for one in program.running:
            one.kill()
            one.wait()


def test_a_part_says_nothing_of_what_is_none() -> None:
    assert without_nothing({"lost": 0, "doubled": 2, "faults": {}}) == {"doubled": 2}
    assert failures("soak", {"wrong": {"doubled": 2}}) == 1
