"""Acts on the command line that take a role: the console knows who has it."""

from collections.abc import Set as AbstractSet

from include.domain.break_life import identity
from include.flows.asking import FRESH
from include.ports import Rejected, Transaction


def need_permission(tx: Transaction, person: str, may: AbstractSet[str], *, refused: str) -> None:
    """Raises Rejected, with what was refused, for whom the console has not lately seen with these permissions."""
    known = tx.rows("permissions_of", person=identity(person), fresh=FRESH)
    if not known or known[0]["stale"] or not may <= set(known[0]["may"]):
        raise Rejected(refused)
