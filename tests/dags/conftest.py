"""Airflow with an empty home of its own, set up before anything imports it. No database: nothing here needs one."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="tieout-airflow-"))

for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(HOME / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/nobody-asks-for-it.db",
}


@pytest.fixture(autouse=True)
def masked_anew() -> Iterator[None]:
    """Secrets of one test are not looked for in the next: each new one makes Airflow compile all of them anew."""
    from airflow.sdk.log import _secrets_masker  # noqa: PLC0415  # once AIRFLOW_HOME is set

    masker = _secrets_masker()
    known = set(masker.patterns)
    yield
    masker.patterns, masker.replacer = known, re.compile("|".join(known)) if known else None


def pytest_unconfigure(config: pytest.Config) -> None:  # noqa: ARG001  # pytest calls it by name
    assert not (HOME / "nobody-asks-for-it.db").exists()
    shutil.rmtree(HOME)
