"""Writing to a Salesforce whose answers fail, and logging in to it: every row accounted for, nothing made twice."""

import pytest

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.oauth import renewing
from include.connectors.salesforce.writer import SalesforceWriter
from include.ports import Away, Fatal, Rejected, Retryable, Stop, Uncertain, Written
from tests.connectors.conftest import KEYS, Live, Start
from tests.connectors.faulty import ACCOUNTS, ROWS, WORLD, arm, injected
from tests.connectors.grants import Safe, granted

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


def worker(twin: Live, safe: Safe) -> SalesforceClient:
    return SalesforceClient(
        renewing(
            safe,
            token_url="https://login.salesforce.com/services/oauth2/token",  # an address
            client_id=KEYS.salesforce_client_id,
            client_secret=KEYS.salesforce_client_secret,
            address=twin.url("salesforce"),
        )
    )


def test_sessions_that_end_again_and_again_are_renewed_each_by_the_next_refresh_token(live: Start):
    twin = live(WORLD)
    safe = granted(twin.url("salesforce"))
    client = worker(twin, safe)
    for walked in range(4):  # each query is asked twice: refused, and with the new session
        arm(twin, "token_expiry", "salesforce", path="*/query*", skip=2 * walked)
    assert [client.count("FROM Account") for _ in range(4)] == [ROWS] * 4
    assert len(set(safe.kept)) == 5  # the log-in, and one renewal for each session that ended
    assert [one["kind"] for one in injected(twin)] == ["token_expiry"] * 4


def test_a_refresh_token_somebody_else_used_stops_and_asks_for_a_new_login(live: Start):
    twin = live(WORLD)
    safe = granted(twin.url("salesforce"))
    arm(twin, "refresh_rotation", "salesforce", path=TOKEN)
    with pytest.raises(Fatal, match=r"refused the refresh token \(invalid_grant\); log in again"):
        worker(twin, safe).count("FROM Account")
    assert safe.kept == []


@pytest.mark.parametrize("kind", ["reset_before", "unavailable", "truncated_json"])
def test_a_renewal_that_fails_is_tried_again_later(live: Start, kind: str):
    twin = live(WORLD)
    safe = granted(twin.url("salesforce"))
    arm(twin, kind, "salesforce", path=TOKEN)
    with pytest.raises(Retryable, match="did not renew the session"):
        worker(twin, safe).count("FROM Account")
    if kind != "truncated_json":  # that answer held the next token
        assert worker(twin, safe).count("FROM Account") == ROWS


def test_a_renewal_whose_answer_is_lost_with_the_next_token_ends_in_a_new_login(live: Start):
    twin = live(WORLD)
    safe = granted(twin.url("salesforce"))
    arm(twin, "reset_after", "salesforce", path=TOKEN)
    with pytest.raises(Retryable):
        worker(twin, safe).count("FROM Account")
    with pytest.raises(Fatal, match="log in again"):
        worker(twin, safe).count("FROM Account")
