"""The console keeps its connections between requests, and each process its own."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from include.ports import Retryable, Store
from include.wiring import console


@pytest.fixture
def ours(tied_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is kept before, and nothing after."""
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", tied_url)
    monkeypatch.setattr(console, "_kept", {})
    kept: list[Any] = []
    monkeypatch.setattr(console.atexit, "register", lambda _close, ours, _pid: kept.append(ours))
    yield
    for one in kept:
        one.close()


def backend_of(store: Store) -> int:
    with store.transaction() as tx:
        pid: int = tx._connection.info.backend_pid  # type: ignore[attr-defined]
        return pid


@pytest.mark.usefixtures("ours")
def test_one_connection_serves_one_request_after_another() -> None:
    assert console.console_store() is console.console_store()
    assert backend_of(console.console_store()) == backend_of(console.console_store())
    assert console.opening_store() is not console.console_store()


@pytest.mark.usefixtures("ours")
def test_who_is_forked_opens_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before, pid = console.console_store(), os.getpid()
    with monkeypatch.context() as forked:
        forked.setattr(console.os, "getpid", lambda: pid + 1)
        assert console.console_store() is not before


def test_a_database_that_is_away_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", "postgresql://tieout@127.0.0.1:9/away")
    monkeypatch.setattr(console, "_kept", {})
    monkeypatch.setattr(console, "PATIENCE_S", 0.2)
    with pytest.raises(Retryable), console.console_store().transaction():
        pass
