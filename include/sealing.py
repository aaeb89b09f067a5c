"""Looks for, and seals, what an earlier release kept in clear: whose payloads are read by which connector.

No system is asked.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
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
from include.domain.stand_ins import is_stand_in
from include.flows.keep_personal import held_by
from include.flows.seal_in_place import Sealed, seal_in_place
from include.ports import Fatal, Personal, Store, Translated
from include.vault.edge import Seal, Vault
from include.vault.payloads import hide, refused_as_it_is

OF_EACH = 40
"""Payloads of a kind that are looked into: with so many, what one in ten has is missed once in seventy times."""


def seal_before(store: Store, vault: Vault, *, by: str) -> Sealed:
    """Seal what lies in clear in the store; how much that was. Raises as `seal_in_place`."""
    held = held_by(store)
    payloads = {one.system: Seal(one, vault, held).records for one in _readers()}
    return seal_in_place(store, payloads=payloads, rows=Seal(_Rows(), vault, held).records, by=by)


@dataclass(frozen=True)
class Looked:
    """How many payloads were looked into, and of each system, entity and field in how many it is in clear."""

    payloads: int
    clear: Counter[str]


def look_for_clear(store: Store, *, of_each: int = OF_EACH) -> Looked:
    """Look into some payloads of every kind, from the oldest to the newest. Nothing of them is told."""
    readers = {one.system: one for one in _readers()}
    looked, clear = 0, Counter[str]()
    with store.transaction() as tx:
        for kind in tx.rows("pulled_kinds"):
            system, entity = kind["system"], kind["entity"]
            reader = readers.get(system)
            if reader is None or not reader.personal(entity):
                continue
            for row in tx.rows("payloads_here_and_there", system=system, entity=entity, most=of_each):
                looked += 1
                clear.update(
                    f"{system} {entity} {name}" for name in _in_clear(reader, entity, row["payload"])
                )
    return Looked(looked, clear)


def _in_clear(reader: Personal, entity: str, payload: Mapping[str, Any]) -> set[str]:
    """The names under which the edge would find something to hide."""
    found: set[str] = set()

    def stand_in(name: str, text: str) -> str:
        if not is_stand_in(text) and refused_as_it_is(text) is None:
            found.add(name)
        return text

    hide(payload, reader.personal(entity), stand_in, reader.shown, of=entity)
    return found


def _readers() -> list[Personal]:
    """Whose payloads are read by whom; none of them calls anybody here."""
    return [
        SalesforceSource(SalesforceClient(_nobody)),
        TrytonSource(TrytonClient("", key="")),
        StripeSource(StripePayments("none"), zone=UTC),
        BankSource(StatementFolder(Path())),
        WorldSource(Path()),
    ]


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
