"""Writing to a Salesforce whose answers fail, and logging in to it: every row accounted for, nothing made twice."""

from collections.abc import Iterator

import pytest

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.oauth import sharing
from include.connectors.salesforce.writer import SalesforceWriter
from include.flows.renew_token import BREATH, TokenBroker
from include.local.databases import DatabaseUrls
from include.ports import Away, Granted, Rejected, Retryable, SignInAgain, Stop, Uncertain, Written
from tests.connectors.conftest import Live, Start
from tests.connectors.faulty import ACCOUNTS, ROWS, WORLD, arm, injected
from tests.connectors.grants import Office, granted, office

COLLECTIONS = "*/composite/sobjects/*"
TOKEN = "*/oauth2/token"  # a path
TASKS = [{"key": f"task/{n}", "subject": f"Call {n}", "what_id": ACCOUNTS[n]["Id"]} for n in range(5)]
KEYS_OF_TASKS = [task["key"] for task in TASKS]


def client_of(twin: Live) -> SalesforceClient:
    return twin.salesforce()._client


def tasks_there(twin: Live) -> list[str]:
    found = client_of(twin).query("SELECT Sync_Key__c FROM Task ORDER BY Sync_Key__c")
    return [str(row["Sync_Key__c"]) for row in found]


def again(writer: SalesforceWriter, written: list[Written]) -> list[Written]:
    """Send once more what is to be tried again."""
    retried = {one.key for one in written if isinstance(one.stop, Retryable)}
    return writer.upsert("tasks", [task for task in TASKS if task["key"] in retried])


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_rows_that_could_not_be_locked_are_tried_again_and_alone(live: Start, rows: int):
    twin = live(WORLD)
    writer = SalesforceWriter(client_of(twin))
    arm(twin, "partial_batch", "salesforce", path=COLLECTIONS, method="PATCH", with_={"rows": rows})
    written = writer.upsert("tasks", TASKS)
    assert [one.key for one in written] == KEYS_OF_TASKS
    assert [type(one.stop) for one in written] == [Retryable] * rows + [type(None)] * (5 - rows)
    assert "UNABLE_TO_LOCK_ROW" in str(written[0].stop)
    assert tasks_there(twin) == KEYS_OF_TASKS[rows:]
    assert all(one.created for one in again(writer, written))
    assert tasks_there(twin) == KEYS_OF_TASKS


def test_rows_that_break_a_rule_are_parked_with_its_code_and_the_rest_is_saved(live: Start):
    twin = live(WORLD)
    code = {"rows": 2, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
    arm(twin, "partial_batch", "salesforce", path=COLLECTIONS, method="PATCH", with_=code)
    written = SalesforceWriter(client_of(twin)).upsert("tasks", TASKS)
    assert [type(one.stop) for one in written[:2]] == [Rejected] * 2
    assert code["code"] in str(written[0].stop)
    assert tasks_there(twin) == KEYS_OF_TASKS[2:]


def test_a_key_somebody_else_made_at_the_same_time_is_sent_once_more_and_found(live: Start):
    twin = live(WORLD)
    raced = {"rows": 2, "code": "DUPLICATE_VALUE"}
    arm(twin, "partial_batch", "salesforce", path=COLLECTIONS, method="PATCH", with_=raced)
    written = SalesforceWriter(client_of(twin)).upsert("tasks", TASKS)
    assert [one.stop for one in written] == [None] * 5
    assert tasks_there(twin) == KEYS_OF_TASKS


def test_a_whole_call_that_meets_a_locked_row_is_tried_again(live: Start):
    twin = live(WORLD)
    writer = SalesforceWriter(client_of(twin))
    arm(twin, "lock_row", "salesforce", path=COLLECTIONS)
    written = writer.upsert("tasks", TASKS)
    assert {type(one.stop) for one in written} == {Retryable}
    assert tasks_there(twin) == []
    assert [one.stop for one in again(writer, written)] == [None] * 5


@pytest.mark.parametrize("kind", ["reset_after", "reset_midway", "truncated_json"])
def test_an_answer_lost_after_the_rows_were_saved_is_uncertain_and_a_look_settles_it(live: Start, kind: str):
    twin = live(WORLD)
    writer = SalesforceWriter(client_of(twin))
    arm(twin, kind, "salesforce", path=COLLECTIONS)
    written = writer.upsert("tasks", TASKS)
    assert {type(one.stop) for one in written} == {Uncertain}
    assert sorted(writer.look("tasks", KEYS_OF_TASKS)) == KEYS_OF_TASKS
    once_more = writer.upsert("tasks", TASKS)
    assert [(one.stop, one.created) for one in once_more] == [(None, False)] * 5
    assert tasks_there(twin) == KEYS_OF_TASKS


@pytest.mark.parametrize("kind", ["reset_before", "unavailable"])
def test_a_write_that_never_arrived_is_uncertain_and_a_look_finds_nothing(live: Start, kind: str):
    twin = live(WORLD)
    writer = SalesforceWriter(client_of(twin))
    arm(twin, kind, "salesforce", path=COLLECTIONS)
    assert {type(one.stop) for one in writer.upsert("tasks", TASKS)} == {Uncertain}
    assert writer.look("tasks", KEYS_OF_TASKS) == {}
    assert [one.created for one in writer.upsert("tasks", TASKS)] == [True] * 5


def test_a_session_that_ends_before_a_write_is_renewed_and_the_rows_are_saved_once(live: Start):
    twin = live(WORLD)
    arm(twin, "token_expiry", "salesforce", path=COLLECTIONS)
    written = SalesforceWriter(client_of(twin)).upsert("tasks", TASKS)
    assert [(one.stop, one.created) for one in written] == [(None, True)] * 5


@pytest.mark.parametrize(
    ("path", "stop"),
    [("*/jobs/ingest", Away), ("*/batches", Away), ("*/jobs/ingest/*", Uncertain)],
)
def test_a_bulk_job_whose_answer_is_lost_is_uncertain_once_it_was_handed_in(
    live: Start, path: str, stop: type[Stop]
):
    twin = live(WORLD)
    writer = SalesforceWriter(client_of(twin), bulk_from_rows=2)
    method = "PATCH" if stop is Uncertain else "*"
    arm(twin, "reset_after", "salesforce", path=path, method=method)
    written = writer.upsert("tasks", TASKS)
    assert {type(one.stop) for one in written} == {stop}
    assert sorted(writer.look("tasks", KEYS_OF_TASKS)) == (KEYS_OF_TASKS if stop is Uncertain else [])
    assert [one.stop for one in writer.upsert("tasks", TASKS)] == [None] * 5
    assert tasks_there(twin) == KEYS_OF_TASKS


# --- refresh tokens

BREATH_S = int(BREATH.total_seconds()) + 1


@pytest.fixture(scope="module")
def desk(server_urls: DatabaseUrls) -> Iterator[Office]:
    with office(server_urls) as made:
        yield made


def broker_of(twin: Live, desk: Office) -> TokenBroker:
    """Of a person who just signed in."""
    desk.empty()
    place = desk.at(twin.url("salesforce"))
    broker = place.broker(place.login("refresh token"))
    broker.sign_in(granted(place.address), by="ann@firm.example")
    return broker


def worker(twin: Live, broker: TokenBroker) -> SalesforceClient:
    return SalesforceClient(sharing(broker, address=twin.url("salesforce")))


def generation(broker: TokenBroker) -> int:
    return int((broker.state() or {})["generation"])


def test_sessions_that_end_again_and_again_are_renewed_each_by_the_next_refresh_token(
    live: Start, desk: Office
):
    twin = live(WORLD)
    broker = broker_of(twin, desk)
    client = worker(twin, broker)
    for walked in range(4):  # each query is asked twice: refused, and with the new session
        arm(twin, "token_expiry", "salesforce", path="*/query*", skip=2 * walked)
    assert [client.count("FROM Account") for _ in range(4)] == [ROWS] * 4
    assert generation(broker) == 5  # the sign-in, and one renewal for each session that ended
    assert [one["kind"] for one in injected(twin)] == ["token_expiry"] * 4


def test_a_refresh_token_somebody_else_used_stops_and_asks_for_a_new_login(live: Start, desk: Office):
    twin = live(WORLD)
    broker = broker_of(twin, desk)
    arm(twin, "refresh_rotation", "salesforce", path=TOKEN)
    with pytest.raises(SignInAgain, match=r"\(invalid_grant\): it was used elsewhere"):
        broker.token(refused=1)
    assert generation(broker) == 1


@pytest.mark.parametrize("kind", ["reset_before", "unavailable", "truncated_json"])
def test_a_renewal_that_fails_is_tried_again_later(live: Start, desk: Office, kind: str):
    twin = live(WORLD)
    broker = broker_of(twin, desk)
    arm(twin, kind, "salesforce", path=TOKEN)
    with pytest.raises(Away, match="trying again later"):
        broker.token(refused=1)
    with pytest.raises(Away, match="a moment ago"):
        broker.token(refused=1)
    desk.later(BREATH_S)
    if kind != "truncated_json":  # that answer held the next token
        assert broker.token(refused=1).generation == 2


def test_a_renewal_whose_answer_is_lost_with_the_next_token_ends_in_a_new_login(live: Start, desk: Office):
    twin = live(WORLD)
    broker = broker_of(twin, desk)
    arm(twin, "reset_after", "salesforce", path=TOKEN)
    with pytest.raises(Away):
        broker.token(refused=1)
    desk.later(BREATH_S)
    with pytest.raises(SignInAgain, match="did not come to keep it"):
        broker.token(refused=1)


def test_a_system_that_is_not_reached_was_not_asked(desk: Office):
    desk.empty()
    place = desk.at("http://127.0.0.1:1")
    broker = place.broker(place.login("refresh token"))
    broker.sign_in(Granted("a" * 20, "https://twin.my.salesforce.com", "r" * 20), by="ann@firm.example")
    for again in (1, 2):
        with pytest.raises(Away, match="was not reached"):
            broker.token(refused=1)
        desk.later(again * BREATH_S)
    assert desk.rows("SELECT asks, asking_since FROM vault.token_states") == [(0, None)]
