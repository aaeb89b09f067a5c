"""Coming to rest: faults end, who stood still goes on, and everything due is done, by the lane's own means alone."""

from datetime import timedelta

from include.connectors.salesforce.watch import SalesforceWatch
from include.connectors.stripe.watch import StripeWatch
from include.flows import deliver_outbox as delivering
from include.flows import drain_inbox as inbox
from include.flows import poll_hints as polling
from tests.kills.desk import POLICY
from tests.simulation.machine import FROZEN_S, Restless
from tests.simulation.workers import LANES, TARGETS, Platform, Unhelped, drain_of, follow, go_on, read

ROUNDS_MAX, QUIET_ROUNDS = 60, 2
ROUND = timedelta(minutes=11)
"""Longer than the longest wait between two tries."""


def come_to_rest(platform: Platform) -> None:
    """Raises Restless when it does not."""
    machine = platform.machine
    machine.faults = False
    machine.run(machine.now + timedelta(seconds=max(FROZEN_S) + 60))
    machine.clear()
    desk, quiet = platform.desk(), 0
    targets = platform.flaws.bare(desk.targets)
    for _ in range(ROUNDS_MAX):
        moved = step(platform, desk)
        for target in TARGETS:
            moved += sum(
                delivering.deliver_outbox(desk.store, targets[target], pace=POLICY.delivery.pace).values()
            )
        if not platform.flaws.forgets_orders:
            go_on(desk)
        quiet = 0 if moved or waiting(platform) else quiet + 1
        if quiet == QUIET_ROUNDS:
            return
        machine.now += ROUND
    raise Restless(f"{waiting(platform)} messages and hints wait for ever")


def step(platform: Platform, desk: Unhelped) -> int:
    """Find out what changed, as this lane does, and answer it."""
    told, moved = LANES[platform.lane], 0
    if told & {"watches", "watches deals"}:
        moved += polling.poll_hints(SalesforceWatch(desk.crm), desk.store)
    if "watches" in told:
        moved += polling.poll_hints(StripeWatch(desk.payments), desk.store)
    if "reads" in told:
        moved += read(desk) + follow(desk, platform.machine)
    return moved + sum(inbox.drain_inbox(drain_of(desk)).values())


def waiting(platform: Platform) -> int:
    """Messages and hints nobody is done with."""
    row = platform.store.connection.execute(
        "SELECT (SELECT count(*) FROM delivery.outbox WHERE state IN ('queued', 'called', 'uncertain'))"
        " + (SELECT count(*) FROM delivery.inbox WHERE state IN ('new', 'taken')) AS count"
    ).fetchone()
    return int(row["count"]) if row else 0
