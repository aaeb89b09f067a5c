"""One act, one record: the caller's own key of what it created, which the database keeps unique."""

from typing import Any

from sql.conditionals import Coalesce
from trytond.model import Index, Unique, fields
from trytond.pool import PoolMeta


def by_stamp(table: Any) -> Any:
    """The index behind reading what changed: without it every page is a walk through the whole table."""
    stamp = Coalesce(table.write_date, table.create_date)
    return Index(table, (stamp, Index.Range()), (table.id, Index.Range()))


class _Keyed(metaclass=PoolMeta):
    """Records without a key are as before: a database takes no two unknown values for equal."""

    __slots__ = ()

    tieout_key = fields.Char("Tieout Key", strip=False, help="What the record was created for, stated once.")

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            ("tieout_key_unique", Unique(table, table.tieout_key), "tieout.msg_key_unique")
        )
        cls._sql_indexes.add(by_stamp(table))

    @classmethod
    def copy(cls, records: Any, default: Any = None) -> Any:
        """A copy is another record, so it starts without a key."""
        return super().copy(records, default={"tieout_key": None, **(default or {})})


class Sale(_Keyed):
    __name__ = "sale.sale"


class Invoice(_Keyed):
    """`disputed`: the customer objects, so nobody is reminded and nothing is written off.

    `promised_until`: the customer said when it will be paid, and is not reminded before.
    """

    __name__ = "account.invoice"

    disputed = fields.Boolean("Disputed")
    promised_until = fields.Date("Promised Until")

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        # Customers object to what is posted, and promise to pay it: drafts are nobody's debt.
        cls._check_modify_exclude |= {"disputed", "promised_until"}


class Payment(_Keyed):
    __name__ = "account.payment"
