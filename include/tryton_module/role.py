"""The role `Tieout`: who logs in for Tieout may do what its rows say, and nothing that Tryton opens to everybody.

To others Tryton opens whatever no row of access mentions, such as who is in which group, and each button and wizard
that has no groups of its own. A user of this role who is in other groups as well may also do what those groups' rows
say: `tieout doctor` names it.
"""

from typing import Any

from trytond.cache import Cache
from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction, check_access, without_check_access

GRANTS = ("read", "write", "create", "delete")

BUTTONS = frozenset(
    {
        *(("sale.sale", "quote"), ("sale.sale", "draft"), ("sale.sale", "confirm")),
        *(("sale.line", "bill"), ("account.invoice", "post")),
        *(("account.payment", "submit"), ("account.payment", "succeed")),
    }
)
WIZARDS = frozenset({"account.payment.process"})

_NOBODY = -1


def _role() -> int | None:
    """The role's id where the user has it and is no administrator."""
    pool = Pool()
    users = pool.get("res.user")
    with without_check_access():
        try:
            role = int(pool.get("ir.model.data").get_id("tieout", "group_tieout"))
        except KeyError:  # before the database is updated nobody has it
            return None
        return role if role in users.get_groups() and not users.is_administrator() else None


def _of_those(groups: set[int], *, listed: bool) -> set[int]:
    """The groups that may, for a user of the role: where Tryton names none, the role itself, or nobody."""
    role = _role()
    if role is None:
        return groups
    return groups | {role} if listed else groups or {_NOBODY}


class User(metaclass=PoolMeta):
    __name__ = "res.user"

    @classmethod
    def get_groups(cls) -> Any:
        """The user's own groups: Tryton would take them from the context, and REST has that from the caller."""
        with Transaction().reset_context():
            return super().get_groups()


class Access(metaclass=PoolMeta):
    __name__ = "ir.model.access"

    _granted_cache = Cache("tieout.role.granted", context=False)

    @classmethod
    def get_access(cls, models: Any) -> Any:
        """As Tryton has it; for a user of the role, what the rows of the user's own groups grant.

        Settings are read as by everybody: whatever is created begins with them, and each module has its own.
        """
        access = super().get_access(models)
        if _role() is None:
            return access
        groups = tuple(Pool().get("res.user").get_groups())
        granted = {model: cls._granted(model, groups) for model in models}
        return {
            model: grants | {"read": access[model]["read"]} if "configuration" in model.split(".") else grants
            for model, grants in granted.items()
        }

    @classmethod
    @without_check_access
    def _granted(cls, model: str, groups: tuple[int, ...]) -> dict[str, bool]:
        granted = cls._granted_cache.get((model, groups))
        if granted is None:
            # Asked for outright: whether rows that were switched off are found too is the caller's to say.
            those = [("model", "=", model), ("group", "in", groups), ("active", "=", True)]
            rows = cls.search(those)
            granted = {grant: any(getattr(row, f"perm_{grant}") for row in rows) for grant in GRANTS}
            cls._granted_cache.set((model, groups), granted)
        return granted

    @classmethod
    def on_modification(cls, mode: str, records: Any, field_names: Any = None) -> None:
        super().on_modification(mode, records, field_names=field_names)
        cls._granted_cache.clear()


class Button(metaclass=PoolMeta):
    __name__ = "ir.model.button"

    @classmethod
    def get_groups(cls, model: Any, name: Any) -> Any:
        return _of_those(super().get_groups(model, name), listed=(model, name) in BUTTONS)


class ActionWizard(metaclass=PoolMeta):
    __name__ = "ir.action.wizard"

    @classmethod
    def get_groups(cls, name: Any, action_id: Any = None) -> Any:
        return _of_those(super().get_groups(name, action_id), listed=name in WIZARDS)


def _may_write(records: Any) -> None:
    """Refuse a button where the user may not write the record: Tryton asks only whether it may be read."""
    if Transaction().check_access and records:
        Pool().get("ir.rule").check(records[0].__name__, [record.id for record in records], "write")


class Sale(metaclass=PoolMeta):
    __name__ = "sale.sale"

    @classmethod
    def quote(cls, sales: Any) -> None:
        _may_write(sales)
        super().quote(sales)

    @classmethod
    def draft(cls, sales: Any) -> None:
        _may_write(sales)
        super().draft(sales)

    @classmethod
    def confirm(cls, sales: Any) -> None:
        _may_write(sales)
        super().confirm(sales)


class SaleLine(metaclass=PoolMeta):
    __name__ = "sale.line"

    @classmethod
    def bill(cls, lines: Any) -> None:
        _may_write(lines)
        super().bill(lines)


class Invoice(metaclass=PoolMeta):
    __name__ = "account.invoice"

    @classmethod
    def post(cls, invoices: Any) -> None:
        _may_write(invoices)
        super().post(invoices)


class Payment(metaclass=PoolMeta):
    __name__ = "account.payment"

    @classmethod
    def submit(cls, payments: Any) -> None:
        _may_write(payments)
        super().submit(payments)

    @classmethod
    def succeed(cls, payments: Any) -> None:
        _may_write(payments)
        super().succeed(payments)


class ProcessPayment(metaclass=PoolMeta):
    __name__ = "account.payment.process"

    def do_process(self, action: Any) -> Any:
        with check_access():  # Tryton runs wizards without
            _may_write(self.records)
        return super().do_process(action)
