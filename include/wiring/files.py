"""Airflow to what comes in files: its connections become the bank's folder and the ECB's rates."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from include.ports import Fatal, Source
from include.wiring import vault
from include.wiring.environment import connection, connection_or_none

if TYPE_CHECKING:
    from include.connectors.ecb.client import Place

SETTLE_S = 60
"""A file changed more recently may still be growing."""


PLACES = {"bank": "bank_files", "fx": "fx_rates"}
"""System -> the connection that names where its files are."""


def file_sources() -> list[Source]:
    """The sources whose connections name a place."""
    placed = connected()
    return [make() for system, make in (("bank", bank), ("fx", fx)) if system in placed]


def connected() -> frozenset[str]:
    """The systems whose files have a place."""
    return frozenset(system for system, conn_id in PLACES.items() if place_of(conn_id))


def bank() -> Source:
    """The bank's statements: connection `bank_files`, the folder in its extra's `path`.

    Extra `settle_s`: how long a file must have been left alone. Raises AirflowSkipException when no folder is named.
    """
    from include.connectors.bank.client import StatementFolder
    from include.connectors.bank.source import BankSource
    from include.vault.edge import sealed

    extra = _extra("bank_files")
    folder = StatementFolder(_folder(extra, "bank_files"), settle_s=_settle(extra), required=True)
    return sealed(BankSource(folder), vault.vault())


def fx() -> Source:
    """The ECB's rates, from `since` in the extra of `fx_rates` on. Raises AirflowSkipException as `rates_place`."""
    from include.connectors.ecb.source import EcbSource

    return EcbSource(rates_place(), since=_day(_extra("fx_rates").get("since")))


def rates_place() -> "Place":
    """Where the ECB's rates are: connection `fx_rates`, a folder or an https address in its extra's `path`.

    Raises AirflowSkipException when no place is named.
    """
    from include.connectors.ecb.client import RatesAddress, RatesFolder

    extra = _extra("fx_rates")
    path = str(extra["path"])
    if "://" in path:
        return RatesAddress(path)
    return RatesFolder(_folder(extra, "fx_rates"), settle_s=_settle(extra), required=True)


def place_of(conn_id: str) -> str:
    """The folder or address a connection names; empty when it names none, or is not there."""
    found = connection_or_none(conn_id)
    return str(found.extra_dejson.get("path") or "") if found else ""


def _extra(conn_id: str) -> dict[str, Any]:
    if not place_of(conn_id):
        raise AirflowSkipException(
            f"connection {conn_id} names no path in its extra, so nothing is read from it"
        )
    return dict(connection(conn_id).extra_dejson)


def _folder(extra: dict[str, Any], conn_id: str) -> Path:
    folder = Path(str(extra["path"]))
    if not folder.is_absolute():
        raise Fatal(f"connection {conn_id}: the path {folder} is not absolute; workers start elsewhere")
    return folder


def _settle(extra: dict[str, Any]) -> int:
    stated = str(extra.get("settle_s") or SETTLE_S)
    if not stated.isdecimal():
        raise Fatal(f"settle_s in the connection's extra is {stated!r:.20}; give whole seconds")
    return int(stated)


def _day(stated: Any) -> date | None:
    try:
        return date.fromisoformat(str(stated)) if stated else None
    except ValueError:
        raise Fatal(
            f"since in the connection's extra is {stated!r:.20}; give a day, such as 2025-01-01"
        ) from None
