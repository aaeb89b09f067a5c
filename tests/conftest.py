"""A real Postgres for every test that stores: one server a session, an empty database a test."""

import gc
import hashlib
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from xdist.scheduler import LoadGroupScheduling

from include.local.cluster import SETTINGS
from include.local.databases import DatabaseUrls
from include.local.home import PROJECT, Home
from include.local.postgres import server
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.lending import Lender

settings.register_profile("tieout", deadline=None)  # no test is about seconds
settings.load_profile("tieout")

TOGETHER = {
    **dict.fromkeys(("e2e", "local"), "machine"),  # start processes, take ports
    **dict.fromkeys(("console", "dags"), "airflow"),  # set Airflow up
    **{folder: folder for folder in ("quality", "simulation", "chaos")},  # share what takes seconds to make
}
"""Folder -> with what its tests stay together: one worker runs them all, one after another. The longest first."""

ONE_BY_ONE = ("flows", "connectors")
"""Folders whose tests are handed out one by one, last. Of all others a file stays whole: what it makes for all of its
tests is made once, and a quick test is run in the time in which it would be handed out."""


class ByMachine(LoadGroupScheduling):
    """Tests go to whichever worker is free, file by file, but for those of TOGETHER and ONE_BY_ONE.

    A scheduler of our own, because pytest-xdist 3.8 no longer sees its `xdist_group` marks under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = Path(file).parent.name
        return TOGETHER.get(folder, nodeid if folder in ONE_BY_ONE else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByMachine:
    config.option.loadscopereorder = False  # in the order below, not by how many they are
    return ByMachine(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: to look through it for rubbish again and again takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What stays together longest comes first, and what is handed out one by one last: no worker waits at the end."""
    first = list(TOGETHER)

    def turn(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return first.index(folder) if folder in first else len(first) + (folder in ONE_BY_ONE)

    items.sort(key=turn)


THROWN_AWAY = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off") | {
    "max_wal_size": "128MB",
    "shared_buffers": "128MB",
}
"""Every test's database is dropped when it ends: nobody waits for a disk to keep it, or tidies it up,
and to drop one is to look through all that is buffered."""


MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 * 2**30  # noqa: S108  # a folder of ours is made in it
"""Where files are in memory, and how much must be free there for the tests' databases to go to it."""


@pytest.fixture(scope="session")
def server_urls() -> Iterator[DatabaseUrls]:
    with ExitStack() as stack:
        home = home_of_tests()
        with patch.dict(SETTINGS, THROWN_AWAY):  # for this start alone: tests of servers start others
            urls = stack.enter_context(server(home))
        if "TIEOUT_DATABASE_URL" not in os.environ:
            make_logging_in_cheap(urls)
        yield urls


def make_logging_in_cheap(urls: DatabaseUrls) -> None:
    """A password is hashed four thousand times for each login, of which tests make thousands: once will do for them."""
    owner = urlsplit(urls.admin)
    with psycopg.connect(urls.admin) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")  # another worker does the same
        connection.execute("SET LOCAL scram_iterations = 1")
        password = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(password.format(sql.Identifier(owner.username), sql.Literal(owner.password)))


def home_of_tests() -> Home:
    """var/test: in memory where there is room, unless it is on disk already.

    A database is a thousand files. With one made and dropped a test, half of the processors' time went into ext4's
    search for free inodes.
    """
    place = PROJECT / "var" / "test"
    folder = MEMORY / f"tieout-{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
    fits = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    if place.is_symlink() or (fits and not place.exists()):
        folder.mkdir(exist_ok=True)  # gone, perhaps, since the machine was started
        place.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):  # by another worker, just now
            place.symlink_to(folder)
    return Home(place.resolve())


@pytest.fixture(scope="session")
def lender(server_urls: DatabaseUrls) -> Iterator[Lender]:
    lender = Lender(server_urls)
    yield lender
    lender.close()


@pytest.fixture
def database_url(lender: Lender) -> Iterator[str]:
    with lender.lend() as url:
        yield url


@pytest.fixture
def store(lender: Lender, database_url: str) -> Iterator[PostgresStore]:
    """A store on an empty database; when the test is over, every check of sql/checks must hold."""
    if lent := lender.at(database_url):
        yield lent.store()
        lent.assert_checks_hold()
        return
    with PostgresStore(database_url).keeping() as store:
        yield store
    assert_checks_hold(database_url)
