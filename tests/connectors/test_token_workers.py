"""A hundred workers cause one refresh; one that dies anywhere on its way leaves what the next one can go on from."""

import multiprocessing
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from include.flows.renew_token import SURELY_OVER, TokenBroker
from include.local.databases import DatabaseUrls
from include.ports import Away, SignInAgain
from tests.connectors.grants import Office, Place, granted, key_pair, office
from tests.connectors.salesforce_org import Running, salesforce_running
from tests.connectors.token_workers import Job, walk, work

PROCESSES, THREADS = 4, 25
PATIENCE_S = 60
GRACE_S = 600
OVER_S = int(SURELY_OVER.total_seconds()) + 1

_APART = multiprocessing.get_context("forkserver")
_APART.set_forkserver_preload(["tests.connectors.token_workers"])

PASSED = [
    *("before commit", "after commit"),
    *("before commit", "after commit"),
    *("before POST /services/oauth2/token", "after POST /services/oauth2/token"),
    *("before commit", "after commit"),
]
"""Reading; that somebody asks; the call; what came."""
INTENT_KEPT, CALLED, KEPT = 4, 6, 8
"""From which checkpoint on each is done, counted from 1."""


@pytest.fixture(scope="module")
def desk(server_urls: DatabaseUrls) -> Iterator[Office]:
    with office(server_urls) as made:
        yield made


@pytest.fixture(scope="module")
def org() -> Iterator[Running]:
    with salesforce_running({"Account": []}) as running:
        running.org.grants.public_key = key_pair()[1]
        yield running


@pytest.fixture
def place(org: Running, desk: Office) -> Iterator[Place]:
    desk.empty()
    yield desk.at(org.address, private_key=key_pair()[0])
    desk.empty()
    org.org.grants.grace_s = 0


def first(place: Place, flow: str, *, grace_s: int = 0) -> TokenBroker:
    """Generation 1 is held."""
    broker = place.broker(place.login(flow, grace_s=grace_s))
    if flow == "refresh token":
        broker.sign_in(granted(place.address), by="ann@firm.example")
    assert broker.token().generation == 1
    return broker


def started(target: Any, job: Job) -> tuple[Any, Any]:
    ours, theirs = _APART.Pipe()
    process = _APART.Process(target=target, args=(job, theirs))
    process.start()
    theirs.close()
    return process, ours


def test_a_hundred_workers_cause_one_refresh(org: Running, place: Place):
    flow = "refresh token"
    first(place, flow)
    org.org.grants.expire_sessions()
    logins = org.org.grants.logins
    crowd = [started(work, Job(place, flow, refused=1, threads=THREADS)) for _ in range(PROCESSES)]
    found: list[tuple[int, str]] = []
    for process, answer in crowd:
        assert answer.poll(PATIENCE_S)
        found += answer.recv()
        process.join(PATIENCE_S)
    assert len(found) == PROCESSES * THREADS
    assert {generation for generation, _ in found} == {2}, found
    assert {token for _, token in found} == set(org.org.grants.sessions)
    assert org.org.grants.logins == logins + 1


def die(place: Place, flow: str, at: int | None, *, grace_s: int = 0) -> list[str]:
    """The checkpoints that a worker passed who lived; of one who dies at one, none."""
    process, answer = started(walk, Job(place, flow, refused=1, grace_s=grace_s, kill_at=at))
    process.join(PATIENCE_S)
    if at is None:
        return list(answer.recv())
    assert process.exitcode == -signal.SIGKILL
    return []


def asked(desk: Office) -> tuple[object, ...]:
    [found] = desk.rows("SELECT generation, asks, asking_since IS NOT NULL FROM vault.token_states")
    return found


def test_the_way_of_a_worker_is_what_it_is_killed_on(place: Place):
    first(place, "refresh token")
    assert die(place, "refresh token", None) == PASSED


@pytest.mark.parametrize("at", [INTENT_KEPT, CALLED])
def test_killed_anywhere_a_signed_login_goes_on_at_once(place: Place, desk: Office, at: int):
    broker = first(place, "jwt bearer")
    die(place, "jwt bearer", at)
    assert asked(desk) == (1, 1, True), "that somebody asked is known"
    assert broker.token(refused=1).generation == 2
    assert asked(desk) == (2, 0, False)


@pytest.mark.parametrize("at", [INTENT_KEPT, CALLED, KEPT - 1])
def test_killed_anywhere_a_refresh_token_with_grace_goes_on_at_once(
    org: Running, place: Place, desk: Office, at: int
):
    org.org.grants.grace_s = GRACE_S
    broker = first(place, "refresh token", grace_s=GRACE_S)
    die(place, "refresh token", at, grace_s=GRACE_S)
    assert broker.token(refused=1).generation == 2
    assert asked(desk) == (2, 0, False)
    org.org.grants.expire_sessions()
    assert broker.token(refused=2).generation == 3, "and what was kept is good for the next one"


@pytest.mark.parametrize("at", range(INTENT_KEPT - 1, len(PASSED) + 1))
def test_killed_anywhere_a_refresh_token_that_works_once_goes_on_or_asks_for_a_person(
    org: Running, place: Place, desk: Office, at: int
):
    broker = first(place, "refresh token")
    die(place, "refresh token", at)
    if INTENT_KEPT <= at < KEPT:
        # Who asked may live, and only be cut off: nobody uses the token a second time before that is over.
        with pytest.raises(Away, match="asked for by a worker that dies, or was when that ended"):
            broker.token(refused=1)
        desk.later(OVER_S)
    if CALLED <= at < KEPT:
        for _ in range(2):
            with pytest.raises(SignInAgain, match=r"did not come to keep it\. Sign in again: tieout"):
                broker.token(refused=1)
        assert desk.rows("SELECT needs_person, asks FROM vault.token_states") == [(True, 0)]
        assert broker.sign_in(granted(org.address), by="ann@firm.example") == 2
    assert broker.token(refused=1).generation == 2
    org.org.grants.expire_sessions()
    assert broker.token(refused=2).generation == 3
