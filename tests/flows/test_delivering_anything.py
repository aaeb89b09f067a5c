"""The outbox against a model: whatever is decided, broken and killed in whatever order, each effect is there once."""

from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from include.ports import Fatal
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.peers import (
    Fault,
    Killed,
    answer_lost,
    half_silent,
    killed_after,
    killed_before,
    lost_before,
    refused_login,
    stopped_midway,
    throttled,
)
from tests.flows.test_delivering import Office
from tests.lending import Lender

FAULTS = st.sampled_from(
    [
        answer_lost,
        half_silent,
        killed_after,
        killed_before,
        lost_before,
        refused_login,
        stopped_midway,
        throttled,
    ]
)
NAMES = st.sampled_from([f"{deal}.{turn}" for deal in "ab" for turn in range(3)])


class Deliveries(RuleBasedStateMachine):
    """`decided` is the model: what must be there in the end, once, per deal in the order it was decided in."""

    url = ""

    @initialize()
    def open_the_office(self) -> None:
        self.decided: list[str] = []
        self.office = Office(PostgresStore(self.url), self.url)

    @rule(name=NAMES)
    def decide(self, name: str) -> None:
        put = self.office.decide(name, about=name[0])
        assert (put.what == "known") == (name in self.decided)
        if put.what == "new":
            self.decided.append(name)

    @rule(faults=st.lists(FAULTS, max_size=3))
    def deliver(self, faults: list[Fault]) -> None:
        with suppress(Killed, Fatal):
            self.office.deliver(*faults)

    @rule(minutes=st.sampled_from([1, 4, 6, 90, 1500]))
    def wait(self, minutes: int) -> None:
        self.office.pass_time(timedelta(minutes=minutes))

    @precondition(lambda self: self.office.peer.effects)
    @rule()
    def lose_the_peer_for_a_while(self) -> None:
        self.office.peer.away = True
        self.office.deliver()
        self.office.peer.away = False

    @invariant()
    def nothing_is_there_twice_or_undecided(self) -> None:
        effects = self.office.effects()
        assert len(effects) == len(set(effects))
        assert set(effects) <= set(self.decided)
        for deal in "ab":
            wanted = [name for name in self.decided if name[0] == deal]
            there = [name for name in effects if name[0] == deal]
            assert there == wanted[: len(there)], "out of order"

    def teardown(self) -> None:
        if not hasattr(self, "office"):
            return
        self.office.settle()
        parked = [name for name, state in self.office.states().items() if state == "parked"]
        assert sorted([*self.office.effects(), *parked]) == sorted(self.decided)
        assert_checks_hold(self.url)


def test_whatever_happens_in_whatever_order(lender: Lender) -> None:
    class OnADatabaseOfItsOwn(Deliveries):
        def __init__(self) -> None:
            super().__init__()
            self.scope = lender.lend()
            self.url = self.scope.__enter__()

        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                self.scope.__exit__(None, None, None)

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        OnADatabaseOfItsOwn,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
