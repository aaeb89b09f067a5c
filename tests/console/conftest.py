"""Airflow with an empty home of its own, set up before anything imports it. It has no database: people are played.

Pages and acts share one database of ours, with a small world reconciled in it.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from include.domain.delivery import Message
from include.flows.put_message import put_message
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.offline import reconcile_world
from include.ports import Transaction
from include.store.postgres import As, PostgresStore
from include.twin.generate import generate_world
from include.vault.edge import Vault
from include.vault.keys import new_keys, read_keyring
from tests.checks import assert_checks_hold

for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": tempfile.mkdtemp(prefix="tieout-airflow-"),
    "AIRFLOW__API__SECRET_KEY": "a key of the tests",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{Path(tempfile.gettempdir())}/none.db",
}

with warnings.catch_warnings():
    # The API imports a test client whose own dependency has a newer name; nothing of ours uses it.
    warnings.simplefilter("ignore")
    import airflow.api_fastapi.core_api.security  # noqa: F401

DAY = date(2026, 6, 30)
KEYS = new_keys()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests beside these take away what they find of Airflow's settings."""
    give_keys(monkeypatch)


def give_keys(patch: pytest.MonkeyPatch) -> None:
    """Let the vault be opened."""
    patch.setenv("AIRFLOW_CONN_TIEOUT_VAULT", json.dumps({"conn_type": "generic", "password": KEYS}))


def vault_of_tests() -> Vault:
    """What seals, with the same keys."""
    return Vault(lambda: read_keyring(KEYS))


@pytest.fixture(scope="session")
def tied_url(server_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A published day with breaks of many kinds, and three queued messages; at the end every check must hold."""
    folder = tmp_path_factory.mktemp("console")
    generate_world(out=folder / "world", seed=7, size=60, profile="default")
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        vault = vault_of_tests()
        reconcile_world(folder / "world", as_of=DAY, out=folder / "out", database_url=url, vault=vault)
        with PostgresStore(url).transaction() as tx:
            for number in range(3):
                put_message(tx, message(number))
        yield url
        assert_checks_hold(url)


@pytest.fixture
def tied(tied_url: str) -> PostgresStore:
    """As the console works: under its role of the database."""
    return PostgresStore(tied_url, who=As("tieout_console", "test"))


def message(number: int) -> Message:
    about = f"invoices/I{number}"
    return Message(key=f"key-{number}", kind="order", target="erp", subject=about, body={"number": number})


def waiting_messages(tx: Transaction, *states: str, most: int = 1) -> list[int]:
    """Numbers of messages in these states, the newest first."""
    fits = {"states": list(states), "target": None, "subject": None, "numbers": None, "before": None}
    return [row["message_id"] for row in tx.rows("console_messages", **fits, limit=most)]


def parked_messages(store: PostgresStore, *states: str, most: int = 1) -> list[int]:
    """The same, held back."""
    with store.transaction() as tx:
        chosen = waiting_messages(tx, *states, most=most)
        tx.rows("hold_messages", messages=chosen)
    return chosen
