"""Airflow with an empty home of its own, set up before anything imports it. No database: permissions are played."""

import os
import tempfile
import warnings
from pathlib import Path

for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": tempfile.mkdtemp(prefix="tieout-airflow-"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{Path(tempfile.gettempdir())}/none.db",
}

with warnings.catch_warnings():
    # The API imports a test client whose own dependency has a newer name; nothing of ours uses it.
    warnings.simplefilter("ignore")
    import airflow.api_fastapi.core_api.security  # noqa: F401
