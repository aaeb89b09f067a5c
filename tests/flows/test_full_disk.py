"""A disk that is full stops a day at any of its steps, keeps nothing by halves, and room is all it takes to go on.

The tables lie on a file system of a few megabytes, which a file of ours fills up. (The log of Postgres lies elsewhere:
were it full too, the server itself would stop, which its own recovery mends.)
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from include.connectors.world.client import WorldSource
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Retryable
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.conftest import Draw
from tests.flows.test_fencing import Written

DAY = date(2026, 3, 31)
SIZE_MB, LEFT_BYTES = 160, 64 * 1024
INVOICES = "\n".join(f"{n} INV-{n} C{n} 2026-01-01 2026-01-31 SGD {n}.00" for n in range(1, 701))
PAYMENTS = "\n".join(f"P{n} C{n} INV-{n} SGD {n}.00 2026-02-01" for n in range(1, 701, 2))

Step = Callable[[PostgresStore], object]


@dataclass(frozen=True)
class Disk:
    """Where a database's tables are; `fill` leaves almost nothing, `make_room` takes that away again."""

    url: str
    mount: Path

    def fill(self) -> None:
        free = os.statvfs(self.mount)
        with (self.mount / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - LEFT_BYTES)

    def make_room(self) -> None:
        (self.mount / "ballast").unlink()


@contextmanager
def mounted(urls: DatabaseUrls) -> Iterator[Path]:
    """A file system of a few megabytes that the server may write to; skips where none may be mounted."""
    with psycopg.connect(urls.admin) as admin:
        [data] = admin.execute("SHOW data_directory").fetchone() or [""]
    place = Path(data).parent / f"small-{os.getpid()}"
    if os.geteuid() != 0 or not Path(data).is_dir():
        pytest.skip("a file system of limited size can be mounted only by root, on the server's machine")
    place.mkdir()
    options = f"size={SIZE_MB}m,mode=700,uid={Path(data).stat().st_uid},gid={Path(data).stat().st_gid}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, check=False)
    try:
        if done.returncode:
            pytest.skip(f"no file system of limited size may be mounted here: {done.stderr.decode().strip()}")
        yield place
    finally:
        subprocess.run(["umount", str(place)], capture_output=True, check=False)
        place.rmdir()


@pytest.fixture
def disk(server_urls: DatabaseUrls) -> Iterator[Disk]:
    name = sql.Identifier(f"small_{os.getpid()}")
    with mounted(server_urls) as mount, psycopg.connect(server_urls.admin, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, sql.Literal(str(mount))))
        try:
            with scratch_database(server_urls, strategy="FILE_COPY") as url:
                database = sql.Identifier(urlsplit(url).path.strip("/"))
                admin.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE {}").format(database, name))
                yield Disk(url, mount)
                assert_checks_hold(url)
        finally:
            (mount / "ballast").unlink(missing_ok=True)
            admin.execute(sql.SQL("DROP TABLESPACE {}").format(name))


def steps(world: Path) -> dict[str, Step]:
    """What makes up a day, in order."""
    source = WorldSource(world)
    reads: dict[str, Callable[..., object]] = {
        "pull": pull_changes,
        "land": land_records,
        "prove": check_completeness,
    }

    def reading(name: str, entity: str) -> Step:
        return lambda store: reads[name](source, store, entity=entity)

    told = {
        f"{name} {entity}": reading(name, entity) for entity in ("invoices", "payments") for name in reads
    }
    told["reconcile"] = lambda store: reconcile(store, as_of=DAY, policy=load_policy())
    told["publish"] = lambda store: publish_run(store, as_of=DAY)
    return told


def test_a_full_disk_keeps_nothing_by_halves_and_room_is_all_it_takes_to_go_on(
    disk: Disk, draw: Draw, server_urls: DatabaseUrls
) -> None:
    day = steps(draw(invoices=INVOICES, payments=PAYMENTS))
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        undisturbed = {name: step(PostgresStore(url)) for name, step in day.items()}
    stopped, store = [], PostgresStore(disk.url)
    came = {}
    for name, step in day.items():
        before = Written.of(disk.url)
        disk.fill()
        try:
            came[name] = step(store)
        except Retryable as full:
            assert "the disk is full" in str(full)  # noqa: PT017
            stopped.append(name)
            # That what cannot be read was tried again is kept by itself, before anything is landed.
            assert set(Written.of(disk.url).differs_in(before)) <= {"ops.retried"}, name
        disk.make_room()
        if name in stopped:
            came[name] = step(store)
    assert came["publish"] == undisturbed["publish"]
    assert {"pull invoices", "land invoices", "reconcile", "publish"} <= set(stopped)
