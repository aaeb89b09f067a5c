"""Seals what an earlier release kept in clear: whose payloads are read by which connector. No system is asked."""

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from include.connectors.bank.client import StatementFolder
from include.connectors.bank.source import BankSource
from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.source import SalesforceSource
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.source import StripeSource
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.source import TrytonSource
from include.connectors.world.client import WorldSource
from include.domain.entities import ENTITIES
from include.flows.keep_personal import held_by
from include.flows.seal_in_place import Sealed, seal_in_place
from include.ports import Fatal, Personal, Store, Translated
from include.vault.edge import Seal, Vault


def seal_before(store: Store, vault: Vault, *, by: str) -> Sealed:
    """Seal what lies in clear in the store; how much that was. Raises as `seal_in_place`."""
    held = held_by(store)
    readers: list[Personal] = [
        SalesforceSource(SalesforceClient(_nobody)),
        TrytonSource(TrytonClient("", key="")),
        StripeSource(StripePayments("none"), zone=UTC),
        BankSource(StatementFolder(Path())),
        WorldSource(Path()),
    ]
    payloads = {one.system: Seal(one, vault, held).records for one in readers}
    return seal_in_place(store, payloads=payloads, rows=Seal(_Rows(), vault, held).records, by=by)


def _nobody() -> Any:
    raise Fatal("Salesforce is not asked when its payloads are sealed")


class _Rows(WorldSource):
    """Rows of the canonical model as payloads: their names are ours."""

    system = "canonical"

    def __init__(self) -> None:
        super().__init__(Path())

    def personal(self, entity: str) -> frozenset[str]:
        """The personal fields."""
        return frozenset(one.name for one in ENTITIES[entity].personal)

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002 - the protocol's
        """The same."""
        return field

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:  # noqa: ARG002
        """The same."""
        return payload
