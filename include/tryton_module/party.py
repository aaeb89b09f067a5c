"""Customers as the CRM knows them, and changes of their parts that the customer itself must show."""

from typing import Any

from trytond.model import Unique, fields
from trytond.pool import PoolMeta

from .keys import by_stamp


class Party(metaclass=PoolMeta):
    """`crm_account` is the natural key of a customer created for a CRM account; `parent` is the group's head.

    `legal_hold`: lawyers have its debts, and nobody else asks for them.
    """

    __name__ = "party.party"

    crm_account = fields.Char("CRM Account", strip=False)
    parent = fields.Many2One("party.party", "Parent", ondelete="RESTRICT")
    legal_hold = fields.Boolean("Legal Hold")

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            ("crm_account_unique", Unique(table, table.crm_account), "tieout.msg_crm_account_unique")
        )
        cls._sql_indexes.add(by_stamp(table))

    @classmethod
    def copy(cls, records: Any, default: Any = None) -> Any:
        return super().copy(records, default={"crm_account": None, **(default or {})})


class PartOf:
    """A change of the part counts as a change of the whole.

    Tryton stamps only the row written: whoever reads by write date would miss a customer's new address.
    """

    __slots__ = ()
    _whole = ""

    @classmethod
    def on_modification(cls, mode: str, records: Any, field_names: Any = None) -> None:
        super().on_modification(mode, records, field_names=field_names)
        wholes = list({getattr(record, cls._whole) for record in records} - {None})
        if wholes:
            type(wholes[0]).write(wholes, {})


class Address(PartOf, metaclass=PoolMeta):
    __name__ = "party.address"
    _whole = "party"


class Identifier(PartOf, metaclass=PoolMeta):
    __name__ = "party.identifier"
    _whole = "party"


class ContactMechanism(PartOf, metaclass=PoolMeta):
    __name__ = "party.contact_mechanism"
    _whole = "party"
