"""The token all workers share: when it is renewed, and what becomes of it where the database or a worker is away."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, Thread
from time import sleep

import psycopg
import pytest

from include.flows import renew_token
from include.flows.renew_token import BREATH, EARLY, IDLE, SURELY_OVER, TokenBroker
from include.local.databases import DatabaseUrls
from include.ports import Away, Fatal, Granted, Retryable, Row, SignInAgain, Token, Uncertain
from include.store.postgres import CONNECT_TIMEOUT_S, As, PostgresStore
from tests.connectors.grants import BROKER, Office, Place, office

HOUR_S = 3600


@pytest.fixture(scope="module")
def desk(server_urls: DatabaseUrls) -> Iterator[Office]:
    with office(server_urls) as made:
        yield made


@pytest.fixture
def place(desk: Office) -> Iterator[Place]:
    desk.empty()
    yield desk.at("")
    desk.empty()


@dataclass
class System:
    """Gives numbered tokens. `before`: what happens while it is asked."""

    by_refresh_token: bool = False
    rotates: bool = True
    lives_s: int = 0
    grace_s: int = 0
    system: str = "other"
    flow: str = "made up"
    sha256: str = "ours"
    sign_in: str = "tieout other login"
    before: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)

    def ask(self, refresh_token: str) -> Granted:
        self.before()
        self.asked.append(refresh_token)
        number = len(self.asked) + 1
        renewed = f"refresh-{number}" if self.rotates and self.by_refresh_token else ""
        return Granted(f"access-{number}", "https://other.example", renewed, self.lives_s)

    def signed_in(self, place: Place) -> TokenBroker:
        broker = place.broker(self)
        broker.sign_in(Granted("access-1", "https://other.example", "refresh-1", self.lives_s), by="ann")
        return broker


def kept(broker: TokenBroker) -> dict[str, str]:
    held = broker.state()
    assert held is not None
    return dict(broker._opened(held))


def test_a_token_whose_end_is_told_is_renewed_a_minute_before_it(place: Place, desk: Office) -> None:
    peer = System(lives_s=HOUR_S)
    broker = place.broker(peer)
    assert broker.token().generation == 1
    desk.later(HOUR_S - int(EARLY.total_seconds()) - 20)
    assert broker.token().generation == 1
    desk.later(HOUR_S - int(EARLY.total_seconds()) + 20)
    assert broker.token().generation == 2
    assert len(peer.asked) == 2


def test_a_refresh_token_is_used_once_a_week_because_unused_ones_end(place: Place, desk: Office) -> None:
    peer = System(by_refresh_token=True)
    broker = peer.signed_in(place)
    desk.later(int(IDLE.total_seconds()) - HOUR_S)
    assert broker.token().generation == 1
    desk.later(int(IDLE.total_seconds()) + HOUR_S)
    assert broker.token().generation == 2
    assert kept(broker) == {
        "access_token": "access-2",
        "refresh_token": "refresh-2",
        "address": "https://other.example",
    }


def test_where_nothing_rotates_the_refresh_token_stays(place: Place) -> None:
    peer = System(by_refresh_token=True, rotates=False)
    broker = peer.signed_in(place)
    for generation in (2, 3):
        assert broker.token(refused=generation - 1).generation == generation
    assert peer.asked == ["refresh-1", "refresh-1"]
    assert kept(broker)["refresh_token"] == "refresh-1"


def test_every_token_is_told_to_who_hides_it_before_anybody_has_it(place: Place) -> None:
    told: list[str] = []
    peer = System(by_refresh_token=True)
    peer.signed_in(place)
    broker = place.broker(peer, tell=told.append)
    broker.token()
    assert told == ["access-1", "refresh-1"]
    broker.token(refused=1)
    assert {"access-2", "refresh-2"} <= set(told)


def test_without_the_vaults_keys_nobody_is_asked(place: Place) -> None:
    peer = System()

    def no_keys() -> Fatal:
        raise Fatal("connection tieout_vault has no password")

    broker = place.broker(peer)
    broker.safe.keyring = no_keys  # type: ignore[attr-defined]
    with pytest.raises(Fatal, match="has no password"):
        broker.token()
    assert peer.asked == []


def waiting_for(may: Event, then: Callable[[], None] = lambda: None) -> Callable[[], None]:
    def wait() -> None:
        may.wait(20)
        then()

    return wait


def refuse() -> None:
    raise SignInAgain("other refuses our refresh token (invalid_grant)")


def cut_off(desk: Office) -> None:
    """End the connection that holds the turn, as a failover does."""
    with psycopg.connect(desk.url, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    assert ended == (1,)


def test_who_is_cut_off_from_the_database_while_asking_keeps_what_came_over_another_connection(
    place: Place, desk: Office
) -> None:
    peer = System(by_refresh_token=True, before=lambda: cut_off(desk))
    broker = peer.signed_in(place)
    assert broker.token(refused=1) == Token("access-2", "https://other.example", 2)
    assert kept(broker)["refresh_token"] == "refresh-2"


def test_while_who_asked_may_live_nobody_else_uses_a_refresh_token_that_works_once(
    place: Place, desk: Office
) -> None:
    told: list[str] = []

    def meanwhile() -> None:
        cut_off(desk)
        if not told:
            with pytest.raises(Away, match="asked for by a worker, or was when that ended") as stopped:
                place.broker(peer).token(refused=1)
            told.append(str(stopped.value))

    peer = System(by_refresh_token=True, before=meanwhile)
    assert peer.signed_in(place).token(refused=1).generation == 2
    assert (len(told), peer.asked) == (1, ["refresh-1"])


def test_of_two_who_asked_the_one_whose_turn_was_taken_keeps_nothing_and_uses_nothing(
    place: Place, desk: Office
) -> None:
    others: list[Token] = []

    def meanwhile() -> None:
        if not others:
            cut_off(desk)
            peer.before = lambda: None
            others.append(place.broker(peer).token(refused=1))

    peer = System()
    broker = place.broker(peer)
    broker.token()
    peer.before = meanwhile
    with pytest.raises(Away, match="somebody else's was"):
        broker.token(refused=1)
    assert broker.token(refused=1) == others[0]


@pytest.mark.parametrize("refused", [0, 1])
def test_a_refresh_token_that_is_not_as_it_was_sealed_asks_for_a_person_and_parks_nothing(
    place: Place, desk: Office, refused: int
) -> None:
    broker = System(by_refresh_token=True).signed_in(place)
    desk.rows(
        "SELECT set_config('session_replication_role', 'replica', true);"
        "UPDATE vault.tokens SET envelope = set_byte(envelope, 30, 255 - get_byte(envelope, 30))"
    )
    with pytest.raises(SignInAgain, match=r"not as it was sealed there\. Sign in again: tieout other login"):
        broker.token(refused=refused)


def test_who_waits_too_long_for_a_turn_is_told_to_come_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renew_token, "PATIENCE_S", 1)
    asked, go_on = Event(), Event()

    def hang() -> None:
        asked.set()
        go_on.wait(20)

    first = Thread(target=lambda: place.broker(System(before=hang)).token())
    first.start()
    assert asked.wait(20)
    second = System()
    with pytest.raises(Retryable, match="lock timeout"):
        place.broker(second).token()
    go_on.set()
    first.join()
    assert second.asked == []
    assert place.broker(second).token().generation == 1


def test_a_system_that_does_not_answer_is_asked_by_one_of_a_crowd(place: Place, desk: Office) -> None:
    calls: list[int] = []

    def away() -> None:
        calls.append(1)
        raise Uncertain("the answer was lost")

    peer = System(before=away)
    for _ in range(3):
        with pytest.raises(Away, match="trying again later"):
            place.broker(peer).token()
    assert len(calls) == 1
    desk.later(int(BREATH.total_seconds()) + 1)
    peer.before = lambda: None
    assert place.broker(peer).token().generation == 1


def test_nobody_waits_inside_a_transaction(place: Place, desk: Office) -> None:
    found: list[tuple[object, ...]] = []

    def look() -> None:
        found.extend(
            desk.rows(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    place.broker(System(before=look)).token()
    assert found == [("idle",)], "one connection, which holds the turn and no transaction"


def test_the_broker_works_as_who_may_see_tokens_and_nobody_else_can(place: Place) -> None:
    peer = System()
    place.broker(peer).token()
    for role in ("tieout_send", "tieout_app", "tieout_auditor"):
        with pytest.raises(Fatal, match="permission denied"):
            place.broker(peer, store=PostgresStore(place.url, who=As(role))).token()
    assert place.broker(peer, store=PostgresStore(place.url, who=As(BROKER))).token().generation == 1


def test_how_long_an_asker_is_waited_for_is_longer_than_a_call_and_all_tries_to_keep() -> None:
    tries = 1 + len(renew_token.KEEP_AGAIN_S)
    longest = renew_token.ASK_S_MAX + sum(renew_token.KEEP_AGAIN_S) + tries * CONNECT_TIMEOUT_S
    assert SURELY_OVER.total_seconds() > longest
    assert sum(renew_token.KEEP_AGAIN_S) > 60, "a database that starts again is waited for"


@dataclass
class Late:
    """A worker that gave up waiting for a system which answers when it `may`."""

    broker: TokenBroker
    peer: System
    may: Event

    def answers(self, *, until: Callable[[Row], bool]) -> Row:
        """Let the answer come, and wait for what becomes of it."""
        self.may.set()
        for _ in range(400):
            state = self.broker.state()
            assert state is not None
            if until(state):
                return state
            sleep(0.05)
        raise AssertionError("nothing became of the answer")


@pytest.fixture
def late(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Late]:
    monkeypatch.setattr(renew_token, "ASK_S_MAX", 0.05)
    may = Event()
    peer = System(by_refresh_token=True)
    broker = peer.signed_in(place)
    peer.before = waiting_for(may)
    with pytest.raises(Away, match="gave no whole answer"):
        broker.token(refused=1)
    peer.before = lambda: None
    yield Late(broker, peer, may)
    may.set()


def asks(state: Row) -> tuple[int, bool]:
    return state["asks"], state["asking_since"] is not None


def test_an_answer_that_comes_when_nobody_waits_any_more_is_kept_and_nobody_else_asked_before(
    late: Late, place: Place
) -> None:
    other = place.broker(late.peer)
    with pytest.raises(Away, match="asked for by a worker, or was when that ended"):
        other.token(refused=1)
    assert (late.peer.asked, asks(other.state() or {})) == ([], (1, True))
    assert asks(late.answers(until=lambda state: state["generation"] == 2)) == (0, False)
    assert other.token(refused=1) == Token("access-2", "https://other.example", 2)
    assert kept(other)["refresh_token"] == "refresh-2"
    assert late.peer.asked == ["refresh-1"]


def test_an_answer_that_comes_after_the_next_one_was_refused_is_what_all_go_on_with(
    late: Late, place: Place, desk: Office
) -> None:
    void = System(by_refresh_token=True, before=refuse)
    desk.later(int(SURELY_OVER.total_seconds()) + 1)
    with pytest.raises(SignInAgain, match="did not come to keep it"):
        place.broker(void).token(refused=1)
    late.answers(until=lambda state: state["generation"] == 2)
    assert place.broker(late.peer).token(refused=1).access_token == "access-2"


def test_an_answer_that_comes_after_somebody_signed_in_changes_nothing(
    late: Late, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    fresh = Granted("access-9", "https://other.example", "refresh-9")
    assert place.broker(late.peer).sign_in(fresh, by="ann") == 2
    caplog.set_level("WARNING")
    late.answers(until=lambda _state: "asked for a while ago" in caplog.text)
    assert kept(late.broker) == {
        "access_token": "access-9",
        "refresh_token": "refresh-9",
        "address": "https://other.example",
    }


def test_a_refusal_that_comes_late_is_told_as_any_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renew_token, "ASK_S_MAX", 0.05)
    may = Event()
    peer = System(by_refresh_token=True)
    broker = peer.signed_in(place)
    peer.before = waiting_for(may, refuse)
    with pytest.raises(Away, match="gave no whole answer"):
        broker.token(refused=1)
    state = Late(broker, peer, may).answers(until=lambda state: bool(state["needs_person"]))
    assert "Sign in again: tieout other login" in state["stopped_why"]


def test_where_a_refresh_token_works_twice_nobody_is_waited_for(
    place: Place, desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renew_token, "ASK_S_MAX", 0.05)
    may = Event()
    peer = System(by_refresh_token=True, grace_s=60, before=waiting_for(may))
    with pytest.raises(Away, match="gave no whole answer"):
        peer.signed_in(place).token(refused=1)
    peer.before = lambda: None
    desk.later(int(BREATH.total_seconds()) + 1)
    assert place.broker(peer).token(refused=1).generation == 2
    may.set()


def test_a_token_under_a_key_that_was_taken_out_is_asked_for_anew_where_that_costs_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = System()
    broker = place.broker(peer)
    broker.token()

    def lacking(_held: Row) -> dict[str, str]:
        raise Fatal("the vault's keys lack k0")

    monkeypatch.setattr(broker, "_opened", lacking)
    assert broker.token().generation == 2
