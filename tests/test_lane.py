"""Workers side by side: woken when something is due, rested after a stop, ended together."""

from collections import Counter
from itertools import pairwise
from threading import Event
from time import monotonic

import pytest

from include import lane as lane_module
from include.lane import Due, Lane, Wake, Worker
from include.ports import Fatal, Retryable, Stop

NOTHING = Due([], relieved=False)


PATIENCE_S = 60.0
"""Nobody waits for so long, but for what never comes."""


def worker(part: str, act: object, **how: object) -> Worker:
    return Worker(part=part, act=act, **how)  # type: ignore[arg-type]


def test_a_worker_works_while_there_is_work_and_then_waits_to_be_woken() -> None:
    turns = iter([2, 3, 0, 4, 0, 0])
    lane = Lane([worker("inbox", lambda _wake: Counter(done=next(turns)))])

    def due() -> Due:
        return Due(["inbox"] if lane.done["done"] == 5 else [], relieved=lane.done["done"] == 9)

    lane.run(due, seconds=PATIENCE_S)
    assert lane.done == Counter(done=9)


def test_what_one_decides_another_delivers_without_waiting_to_be_looked_at() -> None:
    decided, delivered = Event(), Event()

    def decide(wake: Wake) -> Counter[str]:
        decided.set()
        wake("salesforce")
        return Counter()

    def deliver(_wake: Wake) -> Counter[str]:
        if decided.is_set():
            delivered.set()
        return Counter()

    lane = Lane([worker("salesforce", deliver), worker("inbox", decide)])
    lane.run(lambda: Due([], relieved=delivered.wait(2)), seconds=PATIENCE_S)
    assert delivered.is_set()


def test_a_part_that_stops_keeps_nothing_from_the_others_and_is_told_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane_module, "REST_S", 0.01)
    tries: list[float] = []

    def away(_wake: Wake) -> Counter[str]:
        tries.append(monotonic())
        raise Retryable("the ERP is away")

    lane = Lane(
        [worker("erp", away), worker("salesforce", lambda _wake: Counter(sent=1), pause_s=lambda: 0.01)]
    )
    lane.run(lambda: Due([], relieved=lane.done["sent"] > 1 and len(tries) > 3), seconds=PATIENCE_S)
    assert lane.done["sent"] > 1
    rests = [later - earlier for earlier, later in pairwise(tries)]
    assert all(rest >= 0.01 * 2**turn for turn, rest in enumerate(rests)), "it rests longer each time"
    assert str(lane.stops["erp"]) == "the ERP is away"


def test_a_fault_of_ours_ends_the_run_at_once_and_is_raised() -> None:
    def wrong(_wake: Wake) -> Counter[str]:
        raise ZeroDivisionError

    began = monotonic()
    with pytest.raises(ZeroDivisionError):
        Lane([worker("inbox", wrong), worker("erp", lambda _wake: Counter())]).run(
            lambda: NOTHING, seconds=PATIENCE_S
        )
    assert monotonic() - began < PATIENCE_S


def test_a_call_that_never_returns_does_not_keep_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lane_module, "LEAVE_S", 0.05)
    answered = Event()

    def hangs(_wake: Wake) -> Counter[str]:
        answered.wait(PATIENCE_S)
        return Counter()

    lane = Lane([worker("erp", hangs), worker("inbox", lambda _wake: Counter())])
    began = monotonic()
    lane.run(lambda: Due([], relieved=True), seconds=PATIENCE_S)
    answered.set()
    assert monotonic() - began < PATIENCE_S
    assert "left behind: erp" in caplog.text


@pytest.mark.parametrize(
    ("stops", "worst"),
    [
        ({}, None),
        ({"database": Retryable("away")}, "away"),
        ({"database": Retryable("away"), "erp": Retryable("away too")}, "away"),
        ({"database": Retryable("away"), "erp": Fatal("refused"), "audit": Retryable("away too")}, "refused"),
    ],
)
def test_of_all_that_stopped_what_somebody_must_mend_is_told_first(
    stops: dict[str, Stop], worst: str | None
) -> None:
    told = Lane([], stops=stops).worst
    assert (str(told) if told else None) == worst


def test_a_database_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "REST_S", 0.01)
    looks = iter([Retryable("Postgres: away"), Due([], relieved=True)])

    def due() -> Due:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    lane = Lane([])
    lane.run(due, seconds=5)
    assert list(lane.stops) == ["database"]
