"""What a break's item could be matched with, each with why it was not posted, and whether they make it up together."""

from collections.abc import Callable, Mapping
from typing import Any

from include.domain.candidates import Candidate, why_not_posted
from include.domain.money import Money
from include.domain.side_by_side import amount_of
from include.flows.explain_break import ENTITY_OF, Explained
from include.policy import Policy
from include.ports import Row

COUNTED = (
    "currency",
    "amount_minor",
    "residual_minor",
    "several",
    "rivals",
    "taken_by",
    "of_a",
    "stated_minor",
)


def weigh_candidates(
    explained: Explained, policy: Policy, *, key: str, say: Callable[[Money], str]
) -> list[Row]:
    """The candidates of the item `key`, each with `other`, what it is, and `why` it was not posted.

    `say` writes an amount.
    """
    together = make_up(key, explained)
    return [_weighed(row, explained, policy, together=together, say=say) for row in explained.candidates]


def make_up(key: str, explained: Explained) -> bool:
    """Whether the candidates are one set: several, whose amounts together are exactly the item's; however many."""
    own = next((amount_of(one) for one in explained.records if one.native_id == key), None)
    if own is None or len(explained.candidates) < 2:  # noqa: PLR2004 - a set has two at least
        return False
    first = explained.candidates[0]
    same = first["one_currency"] and first["currency"] == own.currency
    return bool(same and first["together_minor"] == own.minor)


def _weighed(
    row: Row, explained: Explained, policy: Policy, *, together: bool, say: Callable[[Money], str]
) -> Row:
    sides: dict[str, Any] = {
        side: _facts(explained, policy, row[f"side_{side}_type"], row[f"side_{side}_id"]) for side in "ab"
    }
    counted = {name: row[name] for name in COUNTED}
    one = Candidate(recon=row["recon"], rule=row["rule"], together=together, **counted, **sides)
    other = row["side_b_id"] if row["of_a"] else row["side_a_id"]
    return row | {"other": other, "why": why_not_posted(one, say=say)}


def _facts(explained: Explained, policy: Policy, side: str, native_id: str) -> Mapping[str, Any]:
    """What a side's record says, and what policy reads in its status; nothing where there is no such record now."""
    entity = ENTITY_OF[side]
    known = (*explained.records, *explained.unshown)
    found = next((one.facts for one in known if (one.entity, one.native_id) == (entity, native_id)), None)
    if found is None:
        return {}
    word, meant = found.get("status"), policy.canonical_status.get(entity, {})
    return {
        **found,
        "native_id": native_id,
        "state": meant.get(str(word).lower(), "UNKNOWN") if word else None,
    }
