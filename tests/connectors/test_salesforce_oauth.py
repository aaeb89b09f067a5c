"""Logging in to Salesforce: three grants, and a refresh token that works once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.oauth import renewing
from include.connectors.salesforce.session import guarded_session
from include.ports import Fatal, Retryable
from tests.connectors.conftest import KEYS
from tests.connectors.grants import Safe, granted
from tests.connectors.salesforce_org import Running, salesforce_running


@pytest.fixture
def org() -> Iterator[Running]:
    with salesforce_running({"Account": [{"Id": f"001{n:012}", "Name": "x"} for n in range(5)]}) as running:
        yield running


@pytest.fixture
def safe(org: Running) -> Safe:
    return granted(org.address)


def worker(org: Running, safe: Safe) -> SalesforceClient:
    connect = renewing(
        safe,
        token_url="https://login.salesforce.com/services/oauth2/token",
        client_id=KEYS.salesforce_client_id,
        client_secret=KEYS.salesforce_client_secret,
        address=org.address,
    )

    def noted() -> Salesforce:
        salesforce = connect()
        org.sessions.append(salesforce.session)
        return salesforce

    return SalesforceClient(noted)


def count(client: SalesforceClient) -> int:
    return client.count("FROM Account")


def test_each_refresh_keeps_the_next_token_before_the_session_is_used(org: Running, safe: Safe):
    first = safe.refresh_token
    client = worker(org, safe)
    for renewals in (1, 2):
        org.org.grants.expire_sessions()
        assert count(client) == 5
        assert len(safe.kept) == renewals
        assert set(org.org.grants.refresh_tokens) == {safe.refresh_token}
    assert first not in safe.kept


def test_a_worker_takes_the_session_another_has_renewed(org: Running, safe: Safe):
    one, other = worker(org, safe), worker(org, safe)
    assert (count(one), count(other)) == (5, 5)
    assert len(safe.kept) == 1
    org.org.grants.expire_sessions()
    assert (count(one), count(other)) == (5, 5)
    assert len(safe.kept) == 2


def test_a_session_whose_next_token_could_not_be_kept_is_not_used(org: Running, safe: Safe):
    safe.broken = True
    with pytest.raises(Retryable, match="the database is away"):
        count(worker(org, safe))
    assert org.org.requests == 0


def test_a_refresh_token_used_twice_ends_the_grant_in_one_sentence(org: Running, safe: Safe):
    stolen = safe.refresh_token
    count(worker(org, safe))
    for held in (stolen, safe.refresh_token):
        safe.refresh_token, safe.access_token = held, ""
        with pytest.raises(Fatal, match="invalid_grant") as stopped:
            count(worker(org, safe))
        assert held not in str(stopped.value)


def test_a_lasting_refusal_costs_two_logins_and_no_more(org: Running):
    def refuse(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if "/data/" in str(request.url):
            response.status_code = 401
        return response

    client = org.client()
    org.alter = refuse
    for _ in range(5):
        with pytest.raises(Fatal):
            count(client)
    assert org.org.grants.logins == 2
    assert len([asked for asked in org.asked if "/data/" in asked]) == 2


def key_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_signed_assertion_logs_in_only_with_the_key_we_registered(org: Running, trusted: bool):  # noqa: FBT001
    private, public = key_pair()
    org.org.grants.public_key = public if trusted else key_pair()[1]
    org.clock.now = datetime.now(UTC)

    def connect() -> Any:
        session = guarded_session(org.address)
        org.sessions.append(session)
        return Salesforce(
            username="integration@tieout.example",
            consumer_key=KEYS.salesforce_client_id,
            privatekey=private,
            session=session,
        )

    client = SalesforceClient(connect)
    if trusted:
        assert count(client) == 5
    else:
        with pytest.raises(Fatal, match="invalid_grant"):
            count(client)
