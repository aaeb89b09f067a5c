"""Writes the console's pictures: `python -m tests.console.pictures [docs | docs/training]`, after `make browser`."""

import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from include.flows.raise_alerts import raise_alerts
from include.flows.tell_landed import tell_landed
from include.local.home import PROJECT
from include.local.postgres import server
from include.local.scratch import scratch_database
from include.offline import reconcile_world
from include.policy import load_policy
from include.store.postgres import PostgresStore
from include.twin.generate import generate_world
from tests.conftest import home_of_tests

DAY = date(2026, 6, 30)
USERS = {"finance": "Tie-out Analyst", "controller": "Tie-out Controller", "admin": "Admin"}
"""The people `make demo` makes."""

SETS = {"docs": ("console",), "training": ("finance", "operations")}
COLOURS = 128
LARGE_BYTES = 100_000
MESSAGES = 12


def main(folder: Path) -> None:
    """Reconcile the world of `make demo`, serve it to played people, and take the pictures of a folder."""
    from tests.console import conftest  # noqa: PLC0415 - sets Airflow up before anything imports it
    from tests.console.people import PEOPLE, know_our_roles  # noqa: PLC0415
    from tests.console.serving import served  # noqa: PLC0415
    from tests.console.test_journey import PYTHON  # noqa: PLC0415

    patch = pytest.MonkeyPatch()
    know_our_roles(patch)
    conftest.give_keys(patch)
    PEOPLE.update(USERS)
    script = Path(__file__).parent / "browser" / "pictures.py"
    with (
        tempfile.TemporaryDirectory() as made,
        server(home_of_tests()) as urls,
        scratch_database(urls) as url,
    ):
        world = Path(made) / "world"
        generate_world(out=world, seed=7, size=1000, profile="default")
        reconcile_world(
            world, as_of=DAY, out=Path(made) / "out", database_url=url, vault=conftest.vault_of_tests()
        )
        with served(lambda: PostgresStore(url)) as address:
            for name in SETS[folder.name]:
                if name == "operations":
                    _as_it_would_run(PostgresStore(url))
                subprocess.run([PYTHON, script, address, folder, name], check=True)
    for picture in folder.glob("*.png"):
        _make_small(picture)


def _as_it_would_run(store: PostgresStore) -> None:
    """What the flows leave that reconciling alone does not: messages on their way, and alerts some hours old."""
    tell_landed(store, load_policy(), most=MESSAGES)
    for ago in (timedelta(hours=2), timedelta()):
        raise_alerts(store, load_policy(), now=datetime.now(UTC) - ago)


def _make_small(picture: Path) -> None:
    """Fewer colours, where a picture is large: flat pages lose nothing that one sees."""
    if picture.stat().st_size > LARGE_BYTES:
        with Image.open(picture) as taken:
            small = taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(picture, optimize=True)


if __name__ == "__main__":
    main((PROJECT / (sys.argv[1] if sys.argv[1:] else "docs")).resolve())
