"""Airflow's connections under the names they have where this is (policy/environments.yaml)."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring.py

import os
from functools import cache
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from include.ports import Fatal

if TYPE_CHECKING:
    from include.policy.environments import Environment


def named(usual: str) -> str:
    """What the connection of this usual name is called here. Raises Fatal when nobody knows where this is."""
    return _environment(os.environ.get("TIEOUT_ENVIRONMENT", "")).named(usual)


def connection(usual: str) -> Connection:
    """The connection of this usual name. Raises Fatal naming it when there is none."""
    name = named(usual)
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        raise Fatal(f"there is no connection {name}") from None


@cache
def _environment(name: str) -> "Environment":
    """Asked for with each connection, and read once."""
    from include.policy import load_policy

    return load_policy(environment=name or None).environment
