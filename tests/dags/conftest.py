"""Airflow with an empty home of its own, set up before anything imports it. No database: nothing here needs one."""

import os
import shutil
import tempfile
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


def pytest_unconfigure(config: pytest.Config) -> None:  # noqa: ARG001  # pytest calls it by name
    assert not (HOME / "nobody-asks-for-it.db").exists()
    shutil.rmtree(HOME)
