"""Puts our database back to how it was after a commit of a recipe; other systems keep what they were told since."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from include.flows.note_restore import note_restore
from include.local.databases import database_name
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.kills.checkpoints import Checkpoints, Watched
from tests.kills.desk import Desk
from tests.kills.flows import FLOWS, run
from tests.kills.matrix import Matrix, difference_of
from tests.kills.process import pass_time


@dataclass(frozen=True)
class Loss:
    """What is lost: all that our database was told after its `commit`-th commit (from 1), found out `hours` later."""

    recipe: str
    commit: int
    hours: float

    def __str__(self) -> str:
        return f"{self.recipe}, restored to its commit {self.commit}, {self.hours} h later"


def losses(matrix: Matrix, recipe: str) -> list[Loss]:
    """Every loss of a recipe."""
    commits = [name for name in matrix.checkpoints(recipe) if name == "after commit"]
    return [
        Loss(recipe, commit, hours) for commit in range(len(commits) + 1) for hours in FLOWS[recipe].pauses
    ]


def difference(matrix: Matrix, loss: Loss, *, noted: bool = True) -> str:
    """What is otherwise after a restore than without one; empty when nothing is. `noted`: as whoever restores must."""
    with matrix.place(FLOWS[loss.recipe]) as place, _kept(place.url) as backup:
        points = _Backups(place.url, backup, loss.commit)
        run(loss.recipe, Desk(Watched(PostgresStore(place.url), points), place.ports))
        assert points.made, f"{loss.recipe} has no commit {loss.commit}"
        with PostgresStore(backup).keeping() as store:
            desk = Desk(store, place.ports)
            if noted:
                note_restore(store, actor="ops", reason="the disk was lost", pace=desk.policy.delivery.pace)
        place.clock.now += timedelta(hours=loss.hours)
        moved = 1
        while moved:  # what waits for another try has its time come
            pass_time(backup, hours=loss.hours)
            with PostgresStore(backup).keeping() as store:
                moved = run(loss.recipe, Desk(store, place.ports))
        try:
            assert_checks_hold(backup)
        except AssertionError as broken:
            return str(broken)
        found = place.state(backup)
        return difference_of(matrix.expected(loss.recipe), found)


class _Backups(Checkpoints):
    """Copies the database at one of its commits; at 0 before the first."""

    def __init__(self, url: str, backup: str, commit: int) -> None:
        super().__init__()
        self._url, self._backup, self._commit = url, backup, commit
        self.made = False
        self._copy_at(0)

    def reach(self, name: str) -> None:
        super().reach(name)
        if name == "after commit":
            self._copy_at(self.names.count(name))

    def _copy_at(self, commit: int) -> None:
        if commit == self._commit:
            names = (sql.Identifier(database_name(url)) for url in (self._backup, self._url))
            _administer(
                self._url, sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(*names)
            )
            self.made = True


@contextmanager
def _kept(url: str) -> Iterator[str]:
    """The URL of a backup that is yet to be made, and is dropped at the end."""
    backup = url + "_back"
    try:
        yield backup
    finally:
        name = sql.Identifier(database_name(backup))
        _administer(url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def _administer(url: str, statement: Any) -> None:
    place = url.removesuffix(database_name(url)) + "postgres"
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(statement)
