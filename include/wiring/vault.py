"""Airflow to the vault: its keys are the password of connection `tieout_vault`."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from typing import TYPE_CHECKING

from include.ports import Fatal
from include.wiring.environment import connection

if TYPE_CHECKING:
    from include.vault.edge import Vault
    from include.vault.keys import Keyring

CONNECTION = "tieout_vault"


def vault() -> "Vault":
    """What seals and opens here. Its keys are asked for when they are first needed, and once."""
    from include.vault.edge import Vault

    return Vault(keyring)


def keyring() -> "Keyring":
    """The keys. Raises Fatal when there are none: nothing personal is kept in clear for want of them."""
    from include.vault.keys import read_keyring

    password = connection(CONNECTION).password
    if not password:
        raise Fatal(f"connection {CONNECTION} has no password; the keys that seal personal data belong there")
    return read_keyring(str(password))
