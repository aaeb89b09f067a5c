"""Writes the console's pictures into docs/: `python -m tests.console.pictures`, after `make browser`."""

import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pytest

from include.local.home import PROJECT
from include.local.postgres import server
from include.local.scratch import scratch_database
from include.offline import reconcile_world
from include.store.postgres import PostgresStore
from include.twin.generate import generate_world
from tests.conftest import home_of_tests

DAY = date(2026, 6, 30)


def main() -> None:
    """Reconcile a generated world, serve it to a played controller, and take the pictures."""
    from tests.console import conftest  # noqa: F401, PLC0415 - sets Airflow up before anything imports it
    from tests.console.people import know_our_roles  # noqa: PLC0415
    from tests.console.serving import served  # noqa: PLC0415
    from tests.console.test_journey import PYTHON  # noqa: PLC0415

    know_our_roles(pytest.MonkeyPatch())
    with (
        tempfile.TemporaryDirectory() as folder,
        server(home_of_tests()) as urls,
        scratch_database(urls) as url,
    ):
        world = Path(folder) / "world"
        generate_world(out=world, seed=7, size=1000, profile="default")
        reconcile_world(world, as_of=DAY, out=Path(folder) / "out", database_url=url)
        with served(lambda: PostgresStore(url), whoever="ben") as address:
            script = Path(__file__).parent / "browser" / "pictures.py"
            sys.exit(subprocess.run([PYTHON, script, address, PROJECT / "docs"], check=False).returncode)


if __name__ == "__main__":
    main()
