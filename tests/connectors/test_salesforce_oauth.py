"""Logging in to Salesforce: three flows and one token, which all workers share; a refresh token works once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from time import sleep
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce

from include.cli import main as cli
from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.oauth import sharing
from include.flows import renew_token
from include.flows.renew_token import IN_A_ROW_MAX, TokenBroker
from include.flows.wrap_anew import wrap_tokens_anew
from include.local.databases import DatabaseUrls
from include.ports import Away, Fatal, Retryable, SignInAgain, Store
from include.store.postgres import As, PostgresStore
from include.vault.envelope import unwrap, wrap
from include.vault.keys import new_key, read_keyring
from tests.connectors.conftest import KEYS
from tests.connectors.grants import BROKER, Office, Place, granted, key_pair, office
from tests.connectors.salesforce_org import Running, salesforce_running

FLOWS = ("jwt bearer", "client credentials", "refresh token")


@pytest.fixture(scope="module")
def desk(server_urls: DatabaseUrls) -> Iterator[Office]:
    with office(server_urls) as made:
        yield made


@pytest.fixture(scope="module")
def peer() -> Iterator[Running]:
    with salesforce_running({"Account": [{"Id": f"001{n:012}", "Name": "x"} for n in range(5)]}) as running:
        yield running


@pytest.fixture
def org(peer: Running, desk: Office) -> Iterator[Running]:
    desk.empty()
    peer.alter, peer.org.grants.public_key = None, key_pair()[1]
    yield peer
    peer.org.grants.expire_sessions()


@pytest.fixture
def place(org: Running, desk: Office) -> Place:
    return desk.at(org.address, private_key=key_pair()[0])


def worker(org: Running, broker: TokenBroker) -> SalesforceClient:
    connect = sharing(broker, address=org.address)

    def noted() -> Salesforce:
        salesforce = connect()
        org.sessions.append(salesforce.session)
        salesforce.session.hooks["response"].append(org._answered)
        return salesforce

    return SalesforceClient(noted)


def signed_in(place: Place) -> TokenBroker:
    """A broker by refresh token, after Ann signed in."""
    broker = place.broker(place.login("refresh token"))
    broker.sign_in(granted(place.address), by="ann@firm.example")
    return broker


def broker_of(place: Place, flow: str) -> TokenBroker:
    return signed_in(place) if flow == "refresh token" else place.broker(place.login(flow))


def count(client: SalesforceClient) -> int:
    return client.count("FROM Account")


def state(desk: Office) -> tuple[object, ...]:
    [found] = desk.rows("SELECT generation, asks, asking_since IS NULL, needs_person FROM vault.token_states")
    return found


def audited(desk: Office) -> list[tuple[object, ...]]:
    return desk.rows("SELECT actor, act FROM audit.events WHERE entity = 'tokens/salesforce' ORDER BY id")


@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_gives_a_token_which_the_next_worker_takes_without_asking(
    org: Running, place: Place, desk: Office, flow: str
):
    logins = org.org.grants.logins
    broker = broker_of(place, flow)
    assert [count(worker(org, place.broker(broker.login))) for _ in range(3)] == [5] * 3
    assert org.org.grants.logins == logins + 1
    assert state(desk) == (1, 0, True, False)


@pytest.mark.parametrize("flow", FLOWS)
def test_who_is_refused_takes_the_token_another_worker_has_renewed(org: Running, place: Place, flow: str):
    broker = broker_of(place, flow)
    one, other = worker(org, broker), worker(org, place.broker(broker.login))
    assert (count(one), count(other)) == (5, 5)
    logins = org.org.grants.logins
    org.org.grants.expire_sessions()
    assert (count(one), count(other)) == (5, 5)
    assert org.org.grants.logins == logins + 1


def test_each_refresh_keeps_the_next_token_before_the_session_is_used(org: Running, place: Place):
    broker = signed_in(place)
    client = worker(org, broker)
    seen = set()
    for generation in (2, 3):
        org.org.grants.expire_sessions()
        assert count(client) == 5
        held = broker.state()
        assert held is not None
        assert held["generation"] == generation
        kept = broker._opened(held)["refresh_token"]
        assert set(org.org.grants.refresh_tokens) >= {kept}
        seen.add(kept)
    assert len(seen) == 2


class Broken(PostgresStore):
    """A database that goes away just before a token is kept."""

    @contextmanager
    def in_turn(self, name: str, *, patience_s: int) -> Iterator[Any]:
        with super().in_turn(name, patience_s=patience_s) as alone:
            times = iter(range(9))

            @contextmanager
            def transaction() -> Iterator[Any]:
                if next(times) == 1:
                    raise Retryable("Postgres: away")
                with PostgresStore.transaction(alone) as tx:
                    yield tx

            alone.transaction = transaction  # type: ignore[method-assign]
            yield alone


def test_what_cannot_be_kept_at_once_is_kept_over_another_connection(
    org: Running, place: Place, desk: Office
):
    login = signed_in(place).login
    org.org.grants.expire_sessions()
    broker = place.broker(login, store=Broken(place.url, who=As(BROKER)))
    assert broker.token(refused=1).generation == 2
    assert state(desk) == (2, 0, True, False)


def test_a_token_that_could_not_be_kept_is_not_used(org: Running, place: Place, desk: Office):
    login = signed_in(place).login

    class Gone(Broken):
        def transaction(self) -> Any:
            if reads:
                raise Retryable("Postgres: away")
            reads.append(1)
            return super().transaction()

    reads: list[int] = []
    requests_before = org.org.requests
    client = worker(org, place.broker(login, store=Gone(place.url, who=As(BROKER))))
    org.org.grants.expire_sessions()
    desk.rows("UPDATE vault.tokens SET expires_at = ops.clock() RETURNING 1")
    with pytest.raises(Retryable, match="was not kept"):
        count(client)
    assert org.org.requests == requests_before


def test_an_answer_that_comes_when_its_worker_waits_no_more_is_the_token_all_go_on_with(
    org: Running, place: Place, desk: Office, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(renew_token, "ASK_S_MAX", 0.2)
    broker, grants = signed_in(place), org.org.grants
    answer, may, tries = grants.answer, Event(), []

    def slow(form: Any, client: Any) -> Any:
        tries.append(1)
        given = answer(form, client)
        may.wait(20)
        return given

    monkeypatch.setattr(grants, "answer", slow)
    grants.expire_sessions()
    with pytest.raises(Away, match="gave no whole answer"):
        broker.token(refused=1)
    with pytest.raises(Away, match="asked for by a worker"):
        place.broker(broker.login).token(refused=1)
    may.set()
    waited = 0
    while state(desk)[0] == 1 and (waited := waited + 1) < 400:
        sleep(0.05)
    assert state(desk) == (2, 0, True, False)
    assert (count(worker(org, place.broker(broker.login))), len(tries)) == (5, 1)


def test_a_void_refresh_token_stops_everybody_in_one_sentence_until_somebody_signs_in(
    org: Running,
    place: Place,
    desk: Office,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    broker = signed_in(place)
    org.org.grants.refresh_tokens.clear()
    org.org.grants.expire_sessions()
    for _ in range(3):
        with pytest.raises(SignInAgain, match="Sign in again: tieout salesforce login"):
            count(worker(org, place.broker(broker.login)))
    assert state(desk) == (1, 0, True, True)
    with PostgresStore(desk.url, who=As("tieout_app")).transaction() as tx:
        [fact] = tx.rows("fact_token_lost")
    assert (fact["about"], "used elsewhere" in fact["detail"]["why"]) == ("salesforce", True)
    fresh = granted(org.address)
    for secret in (fresh.access_token, fresh.refresh_token):
        assert secret not in str(fact)
    environment = command_line(place, TIEOUT_SALESFORCE_REFRESH_TOKEN=fresh.refresh_token)
    said = ran(monkeypatch, capsys, environment, "salesforce", "login", "--as", "Ann@Firm.example")
    assert "token number 2 of salesforce is kept" in said
    assert count(worker(org, broker)) == 5
    assert audited(desk)[-3:] == [
        ("ann@firm.example", "signed in"),
        ("program:worker", "token refused"),
        ("ann@firm.example", "signed in"),
    ]


def test_a_person_signs_in_with_a_browser_and_a_code_that_is_good_for_this_sign_in_alone(
    org: Running, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def browser(url: str) -> str:
        asked = url.replace("https://twin.my.salesforce.com", org.address)
        return requests.get(asked, allow_redirects=False, timeout=30).headers["Location"]

    ended: list[str] = []

    def prompt(*_words: Any, hide_input: bool) -> str:
        assert hide_input
        url = next(word for word in capsys.readouterr().out.split() if word.startswith("https://"))
        assert "code_challenge_method=S256" in url
        ended.append(browser(url))
        return ended[-1] if len(ended) < 2 else ended[0]

    monkeypatch.setattr("typer.prompt", prompt)
    environment = command_line(place)
    said = ran(monkeypatch, capsys, environment, "salesforce", "login", "--as", "ann@firm.example")
    assert "token number 1" in said
    assert count(worker(org, place.broker(place.login("refresh token")))) == 5
    said = ran(
        monkeypatch, capsys, environment, "salesforce", "login", "--as", "ann@firm.example", fails=True
    )
    assert "brings no code for this sign-in" in said
    [code] = [part for part in ended[0].replace("?", "&").split("&") if part.startswith("code=")]
    assert code.removeprefix("code=") not in said


def command_line(place: Place, **more: str) -> dict[str, str]:
    return {
        "TIEOUT_DATABASE_URL": place.url,
        "TIEOUT_VAULT_KEYS": place.keys,
        "TIEOUT_SALESFORCE_DOMAIN": "twin.my",
        "TIEOUT_SALESFORCE_CONSUMER_KEY": KEYS.salesforce_client_id,
        "TIEOUT_SALESFORCE_CONSUMER_SECRET": KEYS.salesforce_client_secret,
        "TIEOUT_SALESFORCE_ADDRESS": place.address,
        **more,
    }


def ran(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    *words: str,
    fails: bool = False,
) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["tieout", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert bool(ended.value.code) == fails, said
    monkeypatch.delenv("TIEOUT_SALESFORCE_REFRESH_TOKEN", raising=False)
    if given := environment.get("TIEOUT_SALESFORCE_REFRESH_TOKEN"):
        assert given not in said.out + said.err
    return said.out + said.err


def test_a_lasting_refusal_costs_two_tokens_a_client_and_a_handful_altogether(org: Running, place: Place):
    def refuse(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if "/data/" in str(request.url):
            response.status_code = 401
        return response

    org.alter = refuse
    login, logins = place.login("client credentials"), org.org.grants.logins
    for turn in range(12):
        client = worker(org, place.broker(login))
        for _ in range(3):
            with pytest.raises((Fatal, Away)):
                count(client)
        assert org.org.grants.logins - logins <= min(2 + turn, IN_A_ROW_MAX)
    assert org.org.grants.logins - logins == IN_A_ROW_MAX


def test_a_login_that_is_refused_is_not_tried_by_every_worker_and_tried_again_after_a_minute(
    org: Running, place: Place, desk: Office
):
    org.org.grants.public_key = key_pair(1)[1]
    asked = org.org.grants.answer
    tries: list[int] = []

    def counted(form: Any, client: Any) -> Any:
        tries.append(1)
        return asked(form, client)

    org.org.grants.answer = counted  # type: ignore[method-assign]
    try:
        for _ in range(4):
            with pytest.raises(Fatal, match="invalid_grant"):
                count(worker(org, place.broker(place.login("jwt bearer"))))
        assert len(tries) == 1
        org.org.grants.public_key = key_pair()[1]
        desk.later(61)
        assert count(worker(org, place.broker(place.login("jwt bearer")))) == 5
        assert len(tries) == 2
    finally:
        org.org.grants.answer = asked  # type: ignore[method-assign]
    assert [act for _, act in audited(desk)[-2:]] == ["token refused", "token renewed"]


def test_a_renewal_that_is_refused_leaves_the_token_held_to_those_it_works_for(
    org: Running, place: Place, desk: Office
):
    broker = broker_of(place, "jwt bearer")
    client = worker(org, broker)
    assert count(client) == 5
    org.org.grants.public_key = key_pair(1)[1]
    with pytest.raises(Fatal, match="invalid_grant"):
        broker.renew()
    assert count(worker(org, broker)) == 5
    org.org.grants.expire_sessions()
    with pytest.raises(Fatal, match="invalid_grant"):
        count(client)
    desk.later(61)
    for _ in range(2):
        with pytest.raises(Fatal, match="invalid_grant"):
            broker.token(refused=1)
    with pytest.raises(Fatal, match="invalid_grant"):
        broker.token()
    org.org.grants.public_key = key_pair()[1]
    desk.later(150)
    assert broker.renew().generation == 2
    assert count(client) == 5


def test_what_one_login_got_is_never_handed_to_another_that_is_refused(org: Running, place: Place):
    broker_of(place, "client credentials").token()
    org.org.grants.public_key = key_pair(1)[1]
    for _ in range(2):
        with pytest.raises(Fatal, match="invalid_grant"):
            broker_of(place, "jwt bearer").token()


def test_a_key_that_is_none_is_named_without_being_shown(place: Place):
    with pytest.raises(Fatal, match="no RSA key in PEM") as stopped:
        Place(place.url, place.keys, private_key="no-key-at-all").login("jwt bearer")
    assert "no-key-at-all" not in str(stopped.value)


def test_the_token_of_another_login_is_not_used(org: Running, place: Place, desk: Office):
    count(worker(org, broker_of(place, "client credentials")))
    logins = org.org.grants.logins
    count(worker(org, broker_of(place, "jwt bearer")))
    assert org.org.grants.logins == logins + 1
    with pytest.raises(SignInAgain, match="nobody has signed in"):
        place.broker(place.login("refresh token")).token()
    assert state(desk)[0] == 2


def test_an_older_token_put_back_does_not_open_and_the_database_keeps_who_would(place: Place, desk: Office):
    broker = broker_of(place, "client credentials")
    first = broker.token()
    [[old]] = desk.rows("SELECT envelope FROM vault.tokens")
    assert first.access_token.encode() not in bytes(old)  # type: ignore[call-overload]
    broker.token(refused=1)
    put_back = f"UPDATE vault.tokens SET envelope = '\\x{bytes(old).hex()}' RETURNING 1"  # type: ignore[call-overload]
    with pytest.raises(Exception, match="follows generation 2"):
        desk.rows(put_back)
    desk.rows(f"SELECT set_config('session_replication_role', 'replica', true) FROM vault.tokens; {put_back}")
    assert broker.token().generation == 3, "asked for anew, because what was there is not as it was sealed"


@pytest.mark.parametrize("statement", ["DELETE FROM vault.tokens", "TRUNCATE vault.tokens"])
def test_a_token_is_not_removed(place: Place, desk: Office, statement: str):
    broker_of(place, "client credentials").token()
    with pytest.raises(Exception, match="keeps what it was given"):
        desk.rows(statement)


def test_the_vaults_newer_key_takes_tokens_over(org: Running, place: Place):
    broker_of(place, "client credentials").token()
    older = read_keyring(place.keys)
    index, k1 = place.keys.split()
    newer = read_keyring(f"{index} k2={new_key()} {k1}")
    store: Store = PostgresStore(place.url, who=As(BROKER))
    assert wrap_tokens_anew(store, lambda one: wrap(newer, unwrap(newer, one), one.token), kid="k2") == 1
    assert older.kid == "k1"
    logins = org.org.grants.logins
    assert broker_of(place, "client credentials").token().generation == 2, (
        "who lacks the key asks for another"
    )
    assert org.org.grants.logins == logins + 1
