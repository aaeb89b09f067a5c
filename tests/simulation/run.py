"""One seed from beginning to end: a world, its story, the platform under faults, rest, and what is true then."""

import random
import traceback
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from include.connectors.stripe.client import StripePayments
from include.flows import drain_inbox as inbox
from include.flows import judge_rows as judging
from include.flows import pull_changes as pulling
from tests.disorder.story import BEGIN, MINUTES, Customers
from tests.kills.desk import KEYS
from tests.simulation.calls import Calls, inside
from tests.simulation.ground import TIDY_EVERY, Ground
from tests.simulation.machine import Machine, Restless
from tests.simulation.planted import Plant
from tests.simulation.rest import come_to_rest
from tests.simulation.store import OneConnection, undone
from tests.simulation.story import Change, Story, running, show, story_of
from tests.simulation.truth import Eye, violations
from tests.simulation.wire import PORTS, TwinInside, numbered
from tests.simulation.workers import LANES, Flaws, Platform

HEARD_AFTER_S = (1, 2, 30, 600)
FURY = (1, 1, 2, 4)
"""How many times as often as usual something strikes, from seed to seed."""

OUTAGE = 0.3
"""Share of seeds in which everything of ours is switched off for a day and begins again."""


@dataclass
class Outcome:
    """`wrong`: what does not hold at rest. `struck`: the faults that struck. `subjects`: to whom something happened."""

    seed: int
    lane: str
    wrong: list[str]
    struck: list[str]
    subjects: list[str]
    steps: int
    stops: Counter[str]
    fury: int


def simulate(
    place: Ground,
    seed: int,
    *,
    only: frozenset[str] | None = None,
    without: frozenset[str] = frozenset(),
    plant: Plant | None = None,
    fury: int = 0,
    often: str = "",
) -> Outcome:
    """Run one seed. `only`: the faults that may strike; `without`: whom nothing happens to; `plant`: a mistake.

    `fury`: how many times as often as usual something strikes, if not as the seed has it; `often`: the fault that does
    so very much more often.
    """
    place.seeds += 1
    if place.seeds % TIDY_EVERY == 0:
        place.tidied()
    lane, usual, dice = _begun(seed)
    story = story_of(dice).without(without)
    machine = Machine(seed, BEGIN, only, fury=fury or usual, often=often)
    with ExitStack() as stack:
        stack.enter_context(undone(place.connection, place.numbers))
        stack.enter_context(numbered())
        twin = place.wire.twin = TwinInside(place.world, KEYS, lambda: machine.now, seed)
        eye = Eye(twin, machine)
        stack.enter_context(patch.object(place.wire, "hook", Calls(machine, twin, eye)))
        for name, value in inside(machine).items():
            stack.enter_context(patch.object(pulling, name, value))
        for module in (
            inbox,
            judging,
        ):  # rows here are good; what is not has tests of its own, and pandas is slow
            stack.enter_context(patch.object(module, "failures_of", lambda *_: {}))
        flaws = Flaws()
        store = OneConnection(place.connection, machine)
        if plant:
            stack.enter_context(plant(flaws, store))
        platform = Platform(machine, store, lane, flaws)
        wrong = _lived(platform, twin, story, eye, dice)
    return Outcome(
        seed, lane, wrong, machine.struck, story.subjects, machine.steps, machine.stops, machine.fury
    )


def lane_of(seed: int) -> str:
    """Who tells us what changed, in this seed."""
    return _begun(seed)[0]


def _begun(seed: int) -> tuple[str, int, random.Random]:
    dice = random.Random(seed)  # noqa: S311 - a test's dice, no secret
    return dice.choice(list(LANES)), dice.choice(FURY), dice


def _lived(platform: Platform, twin: TwinInside, story: Story, eye: Eye, dice: random.Random) -> list[str]:
    machine = platform.machine
    try:
        _outside(platform, twin, story, eye, dice)
        platform.start()
        end = BEGIN + timedelta(minutes=MINUTES)
        if dice.random() < OUTAGE:
            machine.run(BEGIN + timedelta(minutes=dice.uniform(5, MINUTES)))
            machine.clear(but=("outside", "again", "heard"))
            machine.run(end + timedelta(hours=dice.uniform(25, 32)))
            platform.start()
            end = machine.now
        machine.run(end + timedelta(minutes=15))
        come_to_rest(platform)
        return violations(platform, twin, eye)
    except (Restless, AssertionError) as broken:
        return [str(broken)[:600] or _where(broken)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed found it
        return [f"{type(error).__name__}: {error}"[:600]]


def _outside(platform: Platform, twin: TwinInside, story: Story, eye: Eye, dice: random.Random) -> None:
    """Have the story happen, and events told of."""
    machine = platform.machine
    customers, heard = (
        Customers(StripePayments(KEYS.payments_key, address=f"http://127.0.0.1:{PORTS.payments}")),
        set(),
    )
    open_changes: list[Change] = []
    unfinished = dict(enumerate(story.changes))

    def act(one: Any) -> None:
        with eye.outside():
            customers.do(one)
        for event in _news(twin, heard):
            for number, after_s in enumerate(_tellings(platform.lane, dice)):
                machine.spawn(f"heard {event['id']} {number}", partial(platform.hear, event), after_s=after_s)

    def begin(number: int, change: Change) -> None:
        if any(
            set(unfinished[n].deals) & set(change.deals) for n in unfinished if n < number
        ):  # they lock them
            machine.spawn(f"outside begin {number}", partial(begin, number, change), after_s=1)
            return
        made = replace(change, at=machine.now.replace(microsecond=0))
        open_changes.append(made)
        running(twin, open_changes)
        machine.spawn(
            f"outside finish {number}", partial(finish, number, made), after_s=change.lag.total_seconds()
        )

    def finish(number: int, change: Change) -> None:
        open_changes.remove(change)
        del unfinished[number]
        show(twin, change)
        running(twin, open_changes)
        eye.changed(change)

    for number, one in enumerate(story.acts):
        machine.spawn(f"outside act {number}", partial(act, one), after_s=_from_now(machine, one.at))
    for number, change in enumerate(story.changes):
        after_s = _from_now(machine, change.at)
        machine.spawn(f"outside begin {number}", partial(begin, number, change), after_s=after_s)


def _from_now(machine: Machine, at: datetime) -> float:
    return max(0.0, (at - machine.now).total_seconds())


def _tellings(lane: str, dice: random.Random) -> list[float]:
    """When an event is told of: once, twice or, where others find out, never."""
    times = (
        dice.choice((1, 1, 2, 3)) if lane == "hears" else dice.choice((0, 1, 1, 2)) if lane == "all" else 0
    )
    return [dice.choice(HEARD_AFTER_S) + dice.random() for _ in range(times)]


def _news(twin: TwinInside, known: set[str]) -> list[Any]:
    news = [one.body for one in twin.listings["events"].items if one.id not in known]
    known.update(event["id"] for event in news)
    return news


def _where(broken: BaseException) -> str:
    """An assertion without words, by where it stands."""
    last = traceback.extract_tb(broken.__traceback__)[-1]
    return f"{last.line} ({Path(last.filename).name}:{last.lineno})"
