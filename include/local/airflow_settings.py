"""Reads airflow_settings.yaml (the Astro CLI's schema) and loads it into Airflow.

A value may hold ${NAME}, filled from the environment or from what this machine generated, so that the file
itself holds no secret.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from include.local.airflow_api import Airflow
from include.local.home import SetUpFailed
from include.policy import load_policy

PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
FIELDS: dict[str, dict[str, type]] = {
    "connections": {
        "conn_id": str,
        "conn_type": str,
        "conn_host": str,
        "conn_schema": str,
        "conn_login": str,
        "conn_password": str,
        "conn_port": int,
        "conn_uri": str,
        "conn_extra": dict,
    },
    "pools": {"pool_name": str, "pool_slot": int, "pool_description": str},
    "variables": {"variable_name": str, "variable_value": str},
}
REQUIRED = {
    "connections": ("conn_id",),
    "pools": ("pool_name", "pool_slot"),
    "variables": ("variable_name", "variable_value"),
}

Entry = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Settings:
    """What the file says, in the shape of Airflow's API. It has no repr: it carries passwords."""

    connections: list[Entry]
    pools: list[Entry]
    variables: list[Entry]


def read_settings(path: Path, *, values: Mapping[str, str]) -> Settings:
    """The settings with their placeholders filled from the environment, then from `values`.

    Raises SetUpFailed naming file, entry and key for whatever is wrong.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise SetUpFailed(f"{path} cannot be read: {' '.join(str(problem).split())}") from None
    sections = (
        document.get("airflow") if isinstance(document, dict) and set(document) == {"airflow"} else None
    )
    if not isinstance(sections, dict):
        raise SetUpFailed(f"{path} must have one top-level key, airflow")
    if unknown := set(sections) - set(FIELDS):
        raise SetUpFailed(f"{path}: unknown section {min(unknown)}; allowed are {', '.join(FIELDS)}")
    known = {**values, **os.environ}
    checked = {
        section: [_checked(path, section, entry, known) for entry in sections.get(section) or []]
        for section in FIELDS
    }
    return Settings(
        connections=[_named(_connection(path, entry)) for entry in checked["connections"]],
        pools=[_pool(entry) for entry in checked["pools"]],
        variables=[
            {"key": one["variable_name"], "value": one["variable_value"]} for one in checked["variables"]
        ],
    )


def load_settings(airflow: Airflow, settings: Settings) -> None:
    """Create or replace everything; twice is once. Raises SetUpFailed when Airflow refuses."""
    airflow.overwrite("connections", settings.connections)
    airflow.overwrite("pools", settings.pools)
    airflow.overwrite("variables", settings.variables)


def _checked(path: Path, section: str, entry: Any, known: Mapping[str, str]) -> Entry:
    """The entry with its placeholders filled and its types checked; keys without a value are dropped."""
    fields = FIELDS[section]
    if not isinstance(entry, dict):
        raise SetUpFailed(f"{path}: an entry of {section} is not a mapping: {entry!r}")
    place = f"{path}: {section[:-1]} {entry.get(next(iter(fields)))}"
    if unknown := set(entry) - set(fields):
        raise SetUpFailed(f"{place}: unknown key {min(unknown)}; allowed are {', '.join(fields)}")
    given = _without_blanks(_filled(place, entry, known))
    if missing := [key for key in REQUIRED[section] if key not in given]:
        raise SetUpFailed(f"{place}: {missing[0]} is missing")
    return {key: _typed(f"{place}: {key}", value, fields[key]) for key, value in given.items()}


def _without_blanks(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if value not in (None, "")}


def _filled(place: str, value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(place, inner, known) for key, inner in value.items()}
    if not isinstance(value, str):
        return value

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name not in known:
            raise SetUpFailed(f"{place}: ${{{name}}} has no value; set {name} in the environment")
        return known[name]

    return PLACEHOLDER.sub(fill, value)


def _typed(place: str, value: Any, kind: type) -> Any:
    """The value as its kind; a placeholder always fills in text, so text that reads as the kind is taken."""
    if isinstance(value, bool) or not isinstance(value, kind | str):
        raise SetUpFailed(f"{place} must be {kind.__name__}, not {value!r}")
    if isinstance(value, kind):
        return value
    try:
        read = json.loads(str(value))
    except ValueError:
        read = None
    if not isinstance(read, kind):
        raise SetUpFailed(f"{place} must be {kind.__name__}, not text")
    return read


def _connection(path: Path, entry: Entry) -> Entry:
    parts = _from_uri(entry["conn_uri"]) if "conn_uri" in entry else {}
    names = ("type", "host", "schema", "login", "password", "port")
    parts |= {name: entry[f"conn_{name}"] for name in names if f"conn_{name}" in entry}
    if "type" not in parts:
        raise SetUpFailed(f"{path}: connection {entry['conn_id']}: conn_type or conn_uri is missing")
    given = _without_blanks({**parts.pop("extra", {}), **entry.get("conn_extra", {})})
    extra = {key: _flag(value) for key, value in given.items()}
    kind = parts.pop("type")
    return {
        "connection_id": entry["conn_id"],
        "conn_type": kind,
        **parts,
        "extra": json.dumps(extra) if extra else None,
    }


def _named(connection: Entry) -> Entry:
    """Under its name where this is (policy/environments.yaml). Raises Fatal when nobody knows where that is."""
    here = load_policy().environment
    return {**connection, "connection_id": here.named(connection["connection_id"])}


def _from_uri(uri: str) -> Entry:
    address = urlsplit(uri)
    found = {
        "type": {"postgresql": "postgres"}.get(address.scheme, address.scheme),
        "host": address.hostname,
        "schema": unquote(address.path.lstrip("/")),
        "login": address.username and unquote(address.username),
        "password": address.password and unquote(address.password),
        "port": address.port,
        "extra": dict(parse_qsl(address.query)),
    }
    return {name: value for name, value in found.items() if value}


def _flag(value: Any) -> Any:
    """A placeholder fills in text, but Airflow's providers would take the text "false" for true."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _pool(entry: Entry) -> Entry:
    return {
        "name": entry["pool_name"],
        "slots": entry["pool_slot"],
        "description": entry.get("pool_description", ""),
    }
