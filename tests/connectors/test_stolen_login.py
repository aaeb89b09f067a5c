"""Who has our user's login or one of its tokens: which records they see, and from where it is taken.

The organisation of these tests keeps more than we read, and its user has the permission set of our metadata alone.
"""

from collections.abc import Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter

from include.connectors.salesforce.translate import SOBJECTS, TARGETS
from include.ports import Fatal
from tests.connectors.conftest import KEYS
from tests.connectors.salesforce_org import Running, salesforce_running

OUR_MACHINE, ANOTHER = "127.0.0.1", "127.0.0.9"
SECRET = "not for us"
BEYOND = ("Case", "Lead", "Quote", "Salary__c")


@pytest.fixture
def org() -> Iterator[Running]:
    tables = {name: [{"Id": f"00X00000000000{n}AAA", "Name": SECRET}] for n, name in enumerate(BEYOND)}
    with salesforce_running(tables | {"Account": [{"Id": "001000000000001AAA", "Name": "Ada"}]}) as org:
        org.org.confined = True
        yield org


class From(HTTPAdapter):
    """Calls from another address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **named: object) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **named)  # type: ignore[arg-type]


def asked(org: Running, path: str, token: str, *, at: str = OUR_MACHINE, **params: str) -> requests.Response:
    with requests.Session() as session:
        session.mount("http://", From(at))
        return session.get(
            f"{org.address}/services/data/v59.0/{path}",
            params=params,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )


def token_of(org: Running) -> str:
    return str(org.connect().session_id)


@pytest.mark.parametrize("sobject", BEYOND)
def test_our_user_reads_nothing_that_we_do_not(org: Running, sobject: str) -> None:
    token = token_of(org)
    answers = [
        asked(org, "query", token, q=f"SELECT Id, Name FROM {sobject}"),
        asked(org, "queryAll", token, q=f"SELECT Id FROM {sobject}"),
        asked(org, f"sobjects/{sobject}/describe", token),
        asked(org, f"sobjects/{sobject}/00X000000000001AAA", token),
    ]
    assert {answer.status_code for answer in answers} == {400, 404}
    assert SECRET not in "".join(answer.text for answer in answers)
    assert sobject not in asked(org, "sobjects", token).text


def test_our_user_reads_all_that_we_do(org: Running) -> None:
    token = token_of(org)
    needed = {*SOBJECTS.values(), *(target.sobject for target in TARGETS.values())}
    assert {
        name: asked(org, f"sobjects/{name}/describe", token).status_code for name in needed
    } == dict.fromkeys(needed, 200)
    assert asked(org, "query", token, q="SELECT Name FROM Account").json()["records"][0]["Name"] == "Ada"


def test_a_token_that_was_carried_elsewhere_is_refused_there_and_goes_on_here(org: Running) -> None:
    org.org.logins_from = frozenset({OUR_MACHINE})
    token = token_of(org)
    elsewhere = asked(org, "query", token, at=ANOTHER, q="SELECT Name FROM Account")
    assert (elsewhere.status_code, elsewhere.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    assert asked(org, "query", token, q="SELECT Name FROM Account").ok


def test_who_has_the_apps_secret_gets_no_token_elsewhere(org: Running) -> None:
    org.org.logins_from = frozenset({OUR_MACHINE})
    form = {
        "grant_type": "client_credentials",
        "client_id": KEYS.salesforce_client_id,
        "client_secret": KEYS.salesforce_client_secret,
    }
    with requests.Session() as session:
        session.mount("http://", From(ANOTHER))
        refused = session.post(f"{org.address}/services/oauth2/token", data=form, timeout=30)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_our_own_machine_beyond_the_range_is_told_what_to_look_at(org: Running) -> None:
    client = org.client()
    client.log_in()
    org.org.logins_from = frozenset({ANOTHER})
    with pytest.raises(Fatal, match="refuse"):
        client.limits()
