"""Seeds of faults and interleavings end as promised; a planted mistake is found, made small and seen again.

A sample: `make chaos` runs seeds by the thousand and plants every mistake.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from include.local.databases import DatabaseUrls
from tests.simulation.ground import Ground, ground
from tests.simulation.hunt import shrink
from tests.simulation.machine import Machine
from tests.simulation.planted import PLANTED, RUNS_IN
from tests.simulation.run import lane_of, simulate
from tests.simulation.workers import LANES

SEEDS = {lane: next(seed for seed in range(100) if lane_of(seed) == lane) for lane in LANES}


@pytest.fixture(scope="module")
def place(server_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(server_urls, tmp_path_factory.mktemp("simulation")) as place:
        yield place


@pytest.mark.parametrize("lane", ["watches", "reads"])
def test_alone_each_lane_ends_as_promised_whatever_strikes(place: Ground, lane: str) -> None:
    found = simulate(place, SEEDS[lane])
    assert found.wrong == []
    assert found.lane == lane
    assert found.struck
    assert found.stops["killed"]


def test_a_seed_runs_the_same_again(place: Ground) -> None:
    first, second = (simulate(place, SEEDS["hears"]) for _ in range(2))
    assert first.wrong == second.wrong == []
    assert (first.steps, first.struck, first.stops) == (second.steps, second.struck, second.stops)


def test_a_planted_mistake_is_found_made_small_and_seen_again(place: Ground) -> None:
    mistake = "marked as sent before it is sent"
    failed = simulate(place, SEEDS["hears"], plant=PLANTED[mistake])
    assert failed.wrong
    case = shrink(place, failed, plant=mistake, tries=3)
    assert len(case.faults) < len(failed.struck)
    told = {"only": frozenset(case.faults), "without": frozenset(case.without), "fury": case.fury}
    assert simulate(place, case.seed, plant=PLANTED[mistake], **told).wrong == case.wrong
    assert case.command.startswith(f"python -m tests.simulation seed {failed.seed} ")


def test_who_goes_on_while_all_machines_are_switched_off_goes_on_in_the_order_of_time() -> None:
    machine, came = Machine(3, datetime(2026, 7, 1, tzinfo=UTC)), list[int]()
    for number, after_s in enumerate((1, 5, 2, 9, 6, 3, 4)):
        machine.spawn(
            f"{'ours' if after_s in {1, 2} else 'outside'} {number}",
            partial(came.append, after_s),
            after_s=after_s,
        )
    machine.clear(but=("outside",))
    machine.run(datetime(2026, 7, 1, 0, 30, tzinfo=UTC))
    assert came == [3, 4, 5, 6, 9]


def test_lanes_of_mistakes_are_lanes() -> None:
    assert RUNS_IN.keys() <= PLANTED.keys()
    assert {lane for lanes in RUNS_IN.values() for lane in lanes} <= LANES.keys()


def test_a_worker_that_dies_begins_again_and_a_fault_left_out_does_not_strike() -> None:
    def places(only: frozenset[str] | None) -> tuple[int, list[str]]:
        machine, begun = Machine(3, datetime(2026, 7, 1, tzinfo=UTC), only), []

        def begin() -> object:
            begun.append(1)
            return lambda: machine.at("after commit") or True

        machine.live("one", begin, every_s=1, idle_s=1)  # type: ignore[arg-type]
        machine.run(datetime(2026, 7, 1, 0, 30, tzinfo=UTC))
        return len(begun), machine.struck

    lives, struck = places(None)
    kills = [fault for fault in struck if fault.endswith("kill")]
    assert lives == 1 + len(kills) > 1
    assert places(frozenset(kills[:1])) == (2, kills[:1])
    assert places(frozenset()) == (1, [])
