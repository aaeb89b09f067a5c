"""A world's ERP files, served by the twin and read like a Tryton: what arrives is what the files say."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.source import TrytonSource
from include.connectors.tryton.translate import READINGS
from include.connectors.world.client import WorldSource
from include.domain.entities import ENTITIES
from include.ports import Source, Translated
from include.twin.generate import generate_world
from include.twin.server import running
from tests.connectors.conftest import KEYS

WORLD_OF_DEC = datetime(2027, 12, 31, tzinfo=UTC)


def kept(entity: str, row: Translated) -> Translated:
    """Without what is only judged when it is received: no file states it."""
    return {field.name: row.get(field.name) for field in ENTITIES[entity].fields}


def everything(source: Source, entity: str) -> dict[str, Translated]:
    cursor, found = None, {}
    while True:
        page = source.fetch_page(entity, cursor)
        found |= {one.native_id: kept(entity, source.translate(entity, one.payload)) for one in page.records}
        cursor = page.next_cursor
        if not page.has_more:
            return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "world"
    generate_world(out=folder, seed=7, size=400, profile="hostile")
    return folder


@pytest.mark.parametrize("entity", sorted(READINGS))
def test_every_row_of_a_file_arrives_as_it_stands_there(world: Path, tmp_path: Path, entity: str):
    stated = everything(WorldSource(world), entity)
    twin = running(world=world, mailbox=tmp_path / "mailbox", keys=KEYS, clock=lambda: WORLD_OF_DEC)
    with twin as ports:
        client = TrytonClient(f"http://127.0.0.1:{ports.erp}/erp", key=KEYS.erp_key)
        read = everything(TrytonSource(client), entity)
    assert stated
    assert set(read) == set(stated)
    assert {key: read[key] for key in stated if read[key] != stated[key]} == {}
