"""The one way out to Salesforce: to its hosts alone, never after a redirect, never for ever."""

from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from include.connectors.wire import TIMEOUT_S, Bounded, as_it_is
from include.ports import Fatal

_Session = TypeVar("_Session", bound=requests.Session)

HOSTS = (".salesforce.com", ".force.com")


def guarded_session(address: str = "") -> requests.Session:
    """A session that talks to Salesforce alone, never follows a redirect and never waits for ever.

    `address` (http://127.0.0.1:8461) sends everything to a twin there instead. Raises Fatal when it is not
    on this machine.
    """
    return guarded(requests.Session(), address)


def guarded(session: _Session, address: str = "") -> _Session:
    """The session given, guarded the same way."""
    if address and urlsplit(address).hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise Fatal(f"Salesforce: {address} is plain HTTP and not on this machine; give an https address")
    session.auth, session.max_redirects = as_it_is, 0
    session.mount("https://", _Guard(address))
    session.mount("http://", _Guard(address))
    return session


class _Guard(Bounded):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address.rstrip("/")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        if self._address:
            request.url = self._address + request.path_url
            kwargs["proxies"] = None  # a twin on this machine is not behind the proxy
        elif url.scheme != "https" or not (url.hostname or "").endswith(HOSTS):
            raise Fatal(f"Salesforce: refusing to send credentials to {url.scheme}://{url.hostname}")
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT_S
        return super().send(request, *args, **kwargs)
