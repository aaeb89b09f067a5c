"""How Salesforce gives tokens: by a signed assertion, by an app's secret, or by a refresh token, all through Authlib.

Of the three prefer the signed assertion (JWT bearer): it has nothing that can be lost, and no secret leaves us.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from simple_salesforce.api import DEFAULT_API_VERSION, Salesforce

from include.connectors.salesforce.login import log_in
from include.connectors.salesforce.session import guarded, guarded_session
from include.connectors.wire import TIMEOUT_S, never_left
from include.ports import Away, Fatal, Granted, SignInAgain, Tokens, Uncertain

SYSTEM = "salesforce"
SIGN_IN = "tieout salesforce login"
LANDING = "https://login.salesforce.com/services/oauth2/success"
"""Salesforce's own page for browsers that end nowhere else; its address then holds the code."""

ASSERTION_S = 180
"""For how long a signed assertion may be used; Salesforce takes no longer ones."""

_LATER = {"temporarily_unavailable", "server_error", "unknown_error", "slow_down"}
_WORD = re.compile(r"[A-Za-z_ :.]{1,60}")


@dataclass(frozen=True, repr=False, kw_only=True)
class App:
    """An external client app (or connected app) of an organisation, as somebody logs in to it.

    `domain`: login, test, or My Domain (acme, acme.my, acme--dev.sandbox.my). `address`: of a twin on this machine.
    """

    client_id: str
    client_secret: str = ""
    domain: str = "login"
    address: str = ""

    @property
    def place(self) -> str:
        """Where it asks for tokens, without the path."""
        whole = "." in self.domain or self.domain in {"login", "test"}
        return f"https://{self.domain if whole else f'{self.domain}.my'}.salesforce.com"

    @property
    def token_url(self) -> str:
        """Where tokens are asked for."""
        return f"{self.place}/services/oauth2/token"

    def session(self, **options: Any) -> OAuth2Session:
        """What asks as the app; its secret, where it has one, goes in the form."""
        how = "client_secret_post" if self.client_secret else "none"
        made = OAuth2Session(self.client_id, self.client_secret, token_endpoint_auth_method=how, **options)
        return guarded(made, self.address)


@dataclass(frozen=True, repr=False, kw_only=True)
class _Login:
    """What the flows have in common. `app` asks."""

    app: App
    system: ClassVar[str] = SYSTEM
    flow: ClassVar[str]
    by_refresh_token: ClassVar[bool] = False
    sign_in: ClassVar[str] = ""
    grace_s: int = 0

    @property
    def sha256(self) -> str:
        """Names whose login it is."""
        return _named(self.flow, self.app.token_url, self.app.client_id)

    def ask(self, refresh_token: str) -> Granted:
        """As `Login.ask`."""
        return _granted(lambda: self._asked(refresh_token), by_refresh_token=self.by_refresh_token)

    def _asked(self, refresh_token: str) -> Mapping[str, Any]:
        raise NotImplementedError


@dataclass(frozen=True, repr=False, kw_only=True)
class JwtBearer(_Login):
    """By an assertion signed with the key whose certificate the app holds. Raises Fatal when the key is none.

    `audience`: whom it is for; by default what Salesforce asks of production, or of a sandbox.
    """

    flow: ClassVar[str] = "jwt bearer"
    username: str
    private_key: str
    audience: str = ""

    def __post_init__(self) -> None:
        _ = self._key

    @property
    def sha256(self) -> str:
        """Names whose login it is."""
        return _named(self.flow, self.app.token_url, self.app.client_id, self.username)

    def _asked(self, refresh_token: str) -> Mapping[str, Any]:  # noqa: ARG002  # there is none
        domain = self.app.domain
        sandbox = domain == "test" or ".sandbox." in f".{domain}."
        client = AssertionSession(
            token_endpoint=self.app.token_url,
            issuer=self.app.client_id,
            subject=self.username,
            audience=self.audience or f"https://{'test' if sandbox else 'login'}.salesforce.com",
            key=self._key,
            header={"alg": "RS256"},
            expires_in=ASSERTION_S,
            default_timeout=TIMEOUT_S,
        )
        with guarded(client, self.app.address):
            token: Mapping[str, Any] = client.refresh_token()
            return token

    @cached_property
    def _key(self) -> RSAKey:
        try:
            return RSAKey.import_key(self.private_key)
        except (JoseError, ValueError, TypeError):
            raise Fatal("Salesforce: the private key is no RSA key in PEM without a password") from None


@dataclass(frozen=True, repr=False, kw_only=True)
class ClientCredentials(_Login):
    """By the app's own secret, as the user the app runs as."""

    flow: ClassVar[str] = "client credentials"

    def _asked(self, refresh_token: str) -> Mapping[str, Any]:  # noqa: ARG002  # there is none
        with self.app.session() as client:
            token: Mapping[str, Any] = client.fetch_token(
                self.app.token_url, grant_type="client_credentials", timeout=TIMEOUT_S
            )
            return token


@dataclass(frozen=True, repr=False, kw_only=True)
class RefreshToken(_Login):
    """By the refresh token that came with the token before; the first one comes of a person's sign-in.

    With rotation each works once, and using one twice ends the grant: Salesforce has no grace. `grace_s`: what another
    provider in its place has.
    """

    flow: ClassVar[str] = "refresh token"
    by_refresh_token: ClassVar[bool] = True
    sign_in: ClassVar[str] = SIGN_IN

    def _asked(self, refresh_token: str) -> Mapping[str, Any]:
        with self.app.session() as client:
            token: Mapping[str, Any] = client.refresh_token(
                self.app.token_url, refresh_token=refresh_token, timeout=TIMEOUT_S
            )
            return token


@dataclass(frozen=True, repr=False, kw_only=True)
class Otherwise(_Login):
    """By whatever else the connection holds, such as a user's password: `connect` logs in."""

    flow: ClassVar[str] = "password"
    username: str
    connect: Callable[[], Salesforce]

    @property
    def sha256(self) -> str:
        """Names whose login it is."""
        return _named(self.flow, self.app.token_url, self.username)

    def ask(self, refresh_token: str) -> Granted:  # noqa: ARG002  # there is none
        """As `Login.ask`."""
        made = log_in(self.connect)
        return Granted(access_token=str(made.session_id), address=f"https://{made.sf_instance}")


class SignIn:
    """A person's sign-in in a browser: open `url`, and give back the address the browser ends at."""

    def __init__(self, app: App, *, landing: str = LANDING) -> None:
        self._app, self._landing = app, landing
        self._verifier = generate_token(64)
        client = app.session(redirect_uri=landing, scope="api refresh_token", code_challenge_method="S256")
        self.url, self._state = client.create_authorization_url(
            f"{app.place}/services/oauth2/authorize", code_verifier=self._verifier
        )

    def granted(self, ended_at: str) -> Granted:
        """The tokens that the address brings. Raises Fatal when it is not ours or is refused, Away, Uncertain."""
        said = parse_qs(urlsplit(ended_at.strip()).query)
        if said.get("state") != [self._state] or not said.get("code"):
            word = _word("".join(said.get("error", [])))
            raise Fatal(
                f"this address brings no code for this sign-in ({word}); open the new one and sign in there"
            )

        def asked() -> Mapping[str, Any]:
            with self._app.session(redirect_uri=self._landing) as client:
                token: Mapping[str, Any] = client.fetch_token(
                    self._app.token_url,
                    grant_type="authorization_code",
                    code=said["code"][0],
                    code_verifier=self._verifier,
                    timeout=TIMEOUT_S,
                )
                return token

        granted = _granted(asked, by_refresh_token=False)
        if not granted.refresh_token:
            raise Fatal("Salesforce gave no refresh token; let the app have the scope refresh_token")
        return granted


def sharing(
    tokens: Tokens, *, address: str = "", version: str = DEFAULT_API_VERSION
) -> Callable[[], Salesforce]:
    """What one `SalesforceClient` connects with: the token all share; asked again, a newer one than it was given.

    `address`: of a twin on this machine. Raises as `Tokens.token`.
    """
    refused = 0

    def connect() -> Salesforce:
        nonlocal refused
        token = tokens.token(refused=refused)
        refused = token.generation  # who comes again was refused with it
        return Salesforce(
            session_id=token.access_token,
            instance_url=token.address,
            session=guarded_session(address),
            version=version,
        )

    return connect


def _granted(ask: Callable[[], Mapping[str, Any]], *, by_refresh_token: bool) -> Granted:
    """The answer, or why there is none: never in Salesforce's words, which may hold anything."""
    try:
        token = ask()
        return Granted(
            access_token=str(token["access_token"]),
            address=str(token["instance_url"]),
            refresh_token=str(token.get("refresh_token") or ""),
            lives_s=int(token.get("expires_in") or 0),
        )
    except AuthlibBaseError as refused:
        word = _word(str(refused.error))
        if word in _LATER:
            raise Uncertain(f"Salesforce did not give a token ({word})") from None
        if by_refresh_token and word == "invalid_grant":
            raise SignInAgain(f"Salesforce refuses our refresh token ({word})") from None
        raise Fatal(f"Salesforce refused the login ({word}); check the salesforce_api connection") from None
    except requests.RequestException as error:
        name = type(error).__name__
        if never_left(error):
            raise Away(f"Salesforce was not reached for a token ({name})") from None
        raise Uncertain(f"Salesforce did not answer who asked for a token ({name})") from None
    except (LookupError, TypeError, ValueError) as error:
        raise Uncertain(f"Salesforce's answer holds no token ({type(error).__name__})") from None


def _word(error: str) -> str:
    return error if _WORD.fullmatch(error) else "refused"


def _named(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
