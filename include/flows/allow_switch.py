"""On what grounds ours may begin to write: a sign-off of what runs, and nothing since against it; or an emergency."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from include.flows.asking import FRESH
from include.flows.judge_parity import red_since
from include.flows.need_permission import need_permission
from include.flows.rollback_due import due_in
from include.policy import Policy
from include.ports import Rejected, Row, Transaction
from include.version import code_sha256

ADMIN = frozenset({"can_deliver", "can_audit"})
"""What whoever goes without a sign-off must be allowed in the console: an administrator's, and nobody else's."""
UNSIGNED = (
    "parity is not signed off, or not since anybody had to go back: let Controller, RevOps and IT sign days that end "
    "after that"
)
SHORT, SHOWN_MAX = 12, 5


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """The rules that run here, and what whoever switches says: that other rules or code than these were signed, or that
    it is an emergency.
    """

    policy: Policy
    changed: bool = False
    emergency: bool = False


def allowed(tx: Transaction, actor: str, grounds: Grounds) -> dict[str, Any]:
    """What makes going allowed, as the switch keeps it. Raises Rejected with everything that speaks against it."""
    signed, about, others = sign_off(tx, grounds.policy)
    against = [UNSIGNED] if signed is None else list(_against(tx, about, others, grounds))
    if signed and not against:
        return _told(signed) | ({"changed": others} if others else {})
    if not grounds.emergency:
        more = f"; and {len(against) - SHOWN_MAX} more" if len(against) > SHOWN_MAX else ""
        raise Rejected(
            f"{'; '.join(against[:SHOWN_MAX])}{more}; or have an administrator say that it is an emergency, and why"
        )
    need_permission(
        tx,
        actor,
        ADMIN,
        refused=f"{actor} is not known as an administrator: without a sign-off it takes the role Tie-out Admin, and a "
        f"look at the console in the last {FRESH // timedelta(hours=1)} hours, which then knows them",
    )
    return {"admin": actor, "against": against[:SHOWN_MAX]}


def sign_off(tx: Transaction, policy: Policy) -> tuple[Row | None, Row | None, list[str]]:
    """The sign-off that stands, its days, and the rules and code behind these besides those that run here."""
    signed = next(iter(tx.rows("parity_signed")), None)
    about = next(iter(tx.rows("signed_by", pack=signed["pack_sha256"])), None) if signed else None
    return signed, about, _others(about, policy) if about else []


def _told(one: Row) -> dict[str, Any]:
    return {"signed": {"at": f"{one['signed_at']}", "by": list(one["signers"]), "pack": one["pack_sha256"]}}


def _others(about: Row, policy: Policy) -> list[str]:
    """Rules and code behind the days that were signed, besides those that run here."""
    rules = [f"rules {one[:SHORT]}" for one in about["rules"] if one != policy.sha256]
    return rules + [f"code {one[:SHORT] or 'unknown'}" for one in about["codes"] if one != code_sha256()]


def _against(tx: Transaction, about: Row | None, others: list[str], grounds: Grounds) -> Iterator[str]:
    if others and not grounds.changed:
        yield (
            f"the days that were signed were computed by {', '.join(others)}, and here run rules "
            f"{grounds.policy.sha256[:SHORT]} and code {code_sha256()[:SHORT]}: tie out, compare and sign days by "
            "these, or say --changed, which is kept with the switch"
        )
    if any(row["cut_over"] for row in tx.rows("writers", flow=None)):
        # The old path writes no more where ours does, and cannot be held to what it said while it did.
        for one in due_in(tx, grounds.policy):
            yield f"going back is due: {one['what']} (docs/playbooks/rollback_due.md)"
    elif about:
        for red in red_since(tx, about["last_day"], grounds.policy):
            yield f"since the days that were signed {red} (docs/playbooks/parity_differs.md)"
