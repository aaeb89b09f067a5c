"""Refresh tokens: a grant somebody gave in a browser, and where the next token is kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from include.ports import Retryable
from tests.connectors.conftest import KEYS


class Safe:
    """One grant, as a database row would keep it; `broken`: it does not come to keep."""

    def __init__(self, refresh_token: str) -> None:
        self.refresh_token, self.access_token, self.instance_url = refresh_token, "", ""
        self.kept: list[str] = []
        self.broken = False

    @contextmanager
    def exclusive(self) -> Iterator["Safe"]:
        yield self

    def keep(self, *, refresh_token: str, access_token: str, instance_url: str) -> None:
        if self.broken:
            raise Retryable("the database is away")
        self.refresh_token, self.access_token = refresh_token, access_token
        self.instance_url = instance_url
        self.kept.append(refresh_token)


def granted(salesforce: str) -> Safe:
    """After a user said yes in a browser; `salesforce` is where it listens."""
    asked = {
        "response_type": "code",
        "client_id": KEYS.salesforce_client_id,
        "redirect_uri": "http://here/back",
    }
    address = f"{salesforce}/services/oauth2"
    back = requests.get(f"{address}/authorize", params=asked, allow_redirects=False, timeout=30)
    form = {
        "grant_type": "authorization_code",
        "code": back.headers["Location"].partition("code=")[2],
        "client_id": KEYS.salesforce_client_id,
        "client_secret": KEYS.salesforce_client_secret,
    }
    return Safe(requests.post(f"{address}/token", data=form, timeout=30).json()["refresh_token"])
