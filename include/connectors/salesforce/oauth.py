"""Sessions by refresh token, each of which works once: the next one is kept before the session is used.

Client credentials and JWT bearer are simple-salesforce's own log-ins, which Airflow's hook offers; what it lacks is
done by Authlib. Of the three, JWT bearer has nothing to lose: prefer it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from simple_salesforce.api import DEFAULT_API_VERSION, Salesforce

from include.connectors.salesforce.session import guarded, guarded_session
from include.connectors.wire import TIMEOUT_S
from include.ports import Away, Fatal

AUTH_METHOD = "client_secret_post"
"""How the client's secret is sent: in the form."""


class HeldGrant(Protocol):
    """The grant while nobody else may touch it."""

    refresh_token: str
    access_token: str
    instance_url: str

    def keep(self, *, refresh_token: str, access_token: str, instance_url: str) -> None:
        """Durable when it returns."""


class GrantStore(Protocol):
    """Where the one grant of an organisation is kept, for all workers."""

    def exclusive(self) -> AbstractContextManager[HeldGrant]:
        """One worker at a time: a refresh token used twice revokes the grant."""


def renewing(
    store: GrantStore,
    *,
    token_url: str,
    client_id: str,
    client_secret: str,
    address: str = "",
    version: str = DEFAULT_API_VERSION,
) -> Callable[[], Salesforce]:
    """What a `SalesforceClient` connects with. Raises Retryable, Fatal.

    A worker whose session ended takes the one another worker has got meanwhile, and refreshes only when there is
    none. `address`: of a twin on this machine.
    """
    used: set[str] = set()

    def connect() -> Salesforce:
        with store.exclusive() as grant:
            if not grant.access_token or grant.access_token in used:
                client = OAuth2Session(client_id, client_secret, token_endpoint_auth_method=AUTH_METHOD)
                with guarded(client, address):
                    _refresh(client, grant, token_url)
            used.add(grant.access_token)
            return Salesforce(
                session_id=grant.access_token,
                instance_url=grant.instance_url,
                session=guarded_session(address),
                version=version,
            )

    return connect


def _refresh(client: OAuth2Session, grant: HeldGrant, token_url: str) -> None:
    try:
        token = client.refresh_token(token_url, refresh_token=grant.refresh_token, timeout=TIMEOUT_S)
        # Kept first: were it lost after its use, the one before could not be used again.
        grant.keep(
            refresh_token=str(token.get("refresh_token") or grant.refresh_token),
            access_token=str(token["access_token"]),
            instance_url=str(token.get("instance_url") or grant.instance_url),
        )
    except AuthlibBaseError as refused:
        raise Fatal(
            f"Salesforce refused the refresh token ({refused.error}); log in again to give a new one"
        ) from None
    except (requests.RequestException, KeyError, ValueError) as error:
        raise Away(f"Salesforce did not renew the session ({type(error).__name__})") from None
