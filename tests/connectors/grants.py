"""Grants somebody gave in a browser, keys that sign, and the broker that all workers of a test share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import psycopg
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from include.connectors.salesforce.oauth import App, ClientCredentials, JwtBearer, RefreshToken
from include.flows.renew_token import TokenBroker
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Granted, Login, QueueingStore
from include.store.postgres import As, PostgresStore
from include.vault.edge import Vault
from include.vault.keys import new_keys, read_keyring
from tests.checks import assert_checks_hold
from tests.connectors.conftest import KEYS

BROKER = "tieout_broker"
USER = "integration@tieout.example"
ADDRESS = "https://twin.my.salesforce.com"


@dataclass(frozen=True)
class Place:
    """A database, the vault's keys and a Salesforce: all a worker needs, also in another process."""

    url: str
    keys: str
    address: str = ""
    private_key: str = ""

    def login(self, flow: str, *, grace_s: int = 0) -> Login:
        app = App(
            client_id=KEYS.salesforce_client_id,
            client_secret=KEYS.salesforce_client_secret,
            domain="twin.my",
            address=self.address,
        )
        if flow == "refresh token":
            return RefreshToken(app=app, grace_s=grace_s)
        if flow == "client credentials":
            return ClientCredentials(app=app)
        return JwtBearer(app=app, username=USER, private_key=self.private_key)

    def broker(
        self,
        login: Login,
        *,
        store: QueueingStore | None = None,
        tell: Callable[[str], None] = lambda _secret: None,
        by: str = "a worker",
    ) -> TokenBroker:
        store = store or PostgresStore(self.url, who=As(BROKER, "worker"))
        ring = read_keyring(self.keys)
        return TokenBroker(store, Vault(lambda: ring), login, by=by, tell=tell, pause=lambda _s: None)


@dataclass
class Office:
    """A database for the tests of a module, whose tokens each test takes away first."""

    url: str
    keys: str = field(default_factory=new_keys)

    def at(self, address: str, *, private_key: str = "") -> Place:
        return Place(self.url, self.keys, address, private_key)

    def empty(self) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute("SET session_replication_role = replica; DELETE FROM vault.tokens")
        self.later(None)

    def later(self, seconds: int | None) -> None:
        """Let the database's clock stand so much later than it is; None: let it go on."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            name = connection.info.dbname
            if seconds is None:
                connection.execute(f"ALTER DATABASE {name} RESET tieout.clock".encode())
                return
            [instant] = connection.execute(
                "SELECT clock_timestamp() + make_interval(secs => %s)", (seconds,)
            ).fetchone() or ("",)
            connection.execute(f"ALTER DATABASE {name} SET tieout.clock = '{instant}'".encode())

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()


@contextmanager
def office(urls: DatabaseUrls) -> Iterator[Office]:
    with scratch_database(urls, strategy="FILE_COPY") as url:
        yield Office(url)
        assert_checks_hold(url)


def granted(salesforce: str) -> Granted:
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
    token = requests.post(f"{address}/token", data=form, timeout=30).json()
    return Granted(token["access_token"], token["instance_url"], token["refresh_token"])


@cache
def key_pair(_which: int = 0) -> tuple[str, str]:
    """A private key and its public one, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
