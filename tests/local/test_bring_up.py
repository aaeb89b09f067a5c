from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from include.local.bring_up import _prepare_tables
from include.local.databases import DatabaseUrls, recreate_database
from include.local.home import Home, SetUpFailed
from include.local.postgres import server


@pytest.fixture
def urls(home: Home) -> Iterator[DatabaseUrls]:
    with server(home) as found:
        recreate_database(found.app, admin=found.admin)
        yield found


def world(folder: Path, text: str) -> Path:
    (folder / text / "erp").mkdir(parents=True)
    (folder / text / "erp" / "invoices.csv").write_text(text)
    return folder / text


def prepare(urls: DatabaseUrls, folder: Path, *, replace: bool = True) -> str:
    said: list[str] = []
    _prepare_tables(urls, folder, replace=replace, say=said.append)
    return said[-1]


def mark(urls: DatabaseUrls) -> None:
    with psycopg.connect(urls.app) as connection:
        connection.execute("CREATE TABLE mark (id int)")


def is_marked(urls: DatabaseUrls) -> bool:
    with psycopg.connect(urls.app) as connection:
        row = connection.execute("SELECT to_regclass('mark')").fetchone()
        return bool(row and row[0])


def test_the_same_world_keeps_its_database(urls: DatabaseUrls, tmp_path: Path):
    one = world(tmp_path, "one")
    assert "migrations" in prepare(urls, one)
    mark(urls)
    assert prepare(urls, one) == "up to date"
    assert is_marked(urls)


def test_another_world_gets_an_empty_database(urls: DatabaseUrls, tmp_path: Path):
    prepare(urls, world(tmp_path, "one"))
    mark(urls)
    prepare(urls, world(tmp_path, "two"))
    assert not is_marked(urls)


def test_another_world_replaces_nothing_unless_asked(urls: DatabaseUrls, tmp_path: Path):
    prepare(urls, world(tmp_path, "one"))
    mark(urls)
    with pytest.raises(SetUpFailed, match="to replace it run: make demo WORLD="):
        prepare(urls, world(tmp_path, "two"), replace=False)
    assert is_marked(urls)


def test_the_database_of_somebody_else_is_never_emptied(
    urls: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    prepare(urls, world(tmp_path, "one"))
    mark(urls)
    monkeypatch.setenv("TIEOUT_DATABASE_URL", urls.app)
    with pytest.raises(SetUpFailed, match="point TIEOUT_DATABASE_URL to an empty one"):
        prepare(urls, world(tmp_path, "two"))
    assert is_marked(urls)
