"""People match payouts with lines of the bank, and part them (R4); `pair_by_hand` leads here."""

from collections.abc import Sequence

from include.domain.break_life import Life, Move
from include.domain.payout_pairings import Group, Side, refusal
from include.flows.act_on_break import By
from include.flows.grant_ruling import sides_of
from include.flows.resolve_break import keep_proposal
from include.policy import Policy
from include.ports import Rejected, Row, Transaction


def side_of(tx: Transaction, run: Row, key: str) -> Side:
    """The payout or line that a break is about. Raises Rejected when it is about neither."""
    found = sides_of(tx, run, [("payout", key), ("bank_line", key)])
    if not found:
        raise Rejected(
            f"{key} is no payout and no line of the bank the newest published day knows: nothing to match"
        )
    return next(iter(found.values()))


def propose_group(
    tx: Transaction, run: Row, life: Life, by: By, *, others: Sequence[str], policy: Policy
) -> Move:
    """Propose that a break's payout is these lines of the bank, or its line these payouts. Raises Rejected."""
    group = Group.of(side_of(tx, run, life.key).side, life.key, others)
    sides = sides_of(tx, run, group.keys)
    if why := refusal(group, sides):
        raise Rejected(why)
    item = sides[group.item]
    if (life.currency, abs(life.amount_minor or 0)) != (item.currency, abs(item.amount_minor)):
        raise Rejected(
            f"the break is about another amount than {item.said}: its approval would say nothing of that"
        )
    move = keep_proposal(tx, life, by, kind="manual_match", policy=policy)
    tx.run(
        "keep_pairing",
        break_id=life.break_id,
        kind="manual_match",
        item_type=item.side,
        item_id=item.side_id,
        currency=item.currency,
        break_minor=life.amount_minor,
        invoices=list(group.others),
        amounts=group.amounts(sides),
        match_id=None,
    )
    return move
