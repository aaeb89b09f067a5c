"""A real Postgres for every test that stores: one server a session, one throw-away database a test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from xdist.scheduler import LoadGroupScheduling

from include.local.cluster import SETTINGS
from include.local.databases import DatabaseUrls
from include.local.home import PROJECT, Home
from include.local.postgres import server
from include.local.scratch import scratch_database
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold

ONE_MACHINE = ("e2e", "local", "dags", "console")
"""Folders whose tests start processes, take ports or set up Airflow: one worker runs them all, one after another."""

ONE_DATABASE = ("quality",)
"""Folders whose tests share what takes seconds to make: one worker runs them all, beside the others."""


class ByMachine(LoadGroupScheduling):
    """Tests go to whichever worker is free, but for those of ONE_MACHINE and of ONE_DATABASE, which stay together.

    A scheduler of our own, because pytest-xdist 3.8 no longer sees its `xdist_group` marks under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = Path(nodeid.partition("::")[0]).parent.name
        if folder in ONE_MACHINE:
            return "machine"
        return folder if folder in ONE_DATABASE else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByMachine:
    return ByMachine(config, log)


THROWN_AWAY = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off")
"""Every test's database is dropped when it ends: nobody waits for a disk to keep it, or tidies it up."""


@pytest.fixture(scope="session")
def server_urls() -> Iterator[DatabaseUrls]:
    with ExitStack() as stack:
        with patch.dict(SETTINGS, THROWN_AWAY):  # for this start alone: tests of servers start others
            urls = stack.enter_context(server(Home(PROJECT / "var" / "test")))
        yield urls


@pytest.fixture
def database_url(server_urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url


@pytest.fixture
def store(database_url: str) -> Iterator[PostgresStore]:
    """A store on an empty database; when the test is over, every check of sql/checks must hold."""
    with PostgresStore(database_url).keeping() as store:
        yield store
    assert_checks_hold(database_url)
