"""R4: posts what people matched by hand between payouts and the bank, before any rule looks; says what became of it."""

from collections.abc import Iterable
from dataclasses import replace

from include.domain.breaks import Break
from include.domain.pairings import BY_HAND, people
from include.domain.payout_pairings import Group, GroupByHand, Side, carry_out, parted_words
from include.ports import Row, Transaction

COLUMNS = (
    *("rule", "side_a_type", "side_a_id", "side_b_type", "side_b_id", "currency", "amount_minor"),
    *("residual_minor", "residual_reason", "state", "together"),
)
SPOKEN_OF = frozenset({"PO01", "PO02"})
"""The breaks of a payout and of a line that are matched with nothing: there it is said what people decided."""


def settle_by_hand(tx: Transaction) -> dict[str, str]:
    """Post the matches by hand that facts still allow; by id, words about what was decided otherwise."""
    tx.run("create_parted_payouts")
    rulings = [_group(row) for row in tx.rows("groups_by_hand")]
    words = {
        one: parted_words(others, people(row["maker"], row["checkers"]))
        for row in tx.rows("parted_sides")
        for one, others in _both_ways(row)
    }
    if not rulings:
        return words
    payouts = sorted({one for ruling in rulings for one in ruling.group.payouts})
    lines = sorted({one for ruling in rulings for one in ruling.group.lines})
    found = [Side(**row) for row in tx.rows("sides_by_hand", payouts=payouts, lines=lines)]
    sides = {(one.side, one.side_id): one for one in found}
    done = carry_out(rulings, sides)
    rows = [
        [
            *(BY_HAND, "payout", payout, "bank_line", line, sides["payout", payout].currency, minor),
            *(0, "", "posted", payout if len(group.lines) > 1 else None),
        ]
        for group, payout, line, minor in done.pairs
    ]
    tx.copy_in("settled_pairs", COLUMNS, rows)
    return words | done.refused


def with_words(breaks: Iterable[Break], words: dict[str, str]) -> list[Break]:
    """The breaks, of which those about what people decided say so."""
    return [
        replace(one, evidence=f"{one.evidence}; {words[one.key]}")
        if one.code in SPOKEN_OF and one.key in words
        else one
        for one in breaks
    ]


def _group(row: Row) -> GroupByHand:
    return GroupByHand(
        ruling_no=row["ruling_no"],
        group=Group.of(row["item_type"], row["item_id"], row["others"]),
        currency=row["currency"],
        maker=row["maker"],
        checkers=tuple(row["checkers"]),
    )


def _both_ways(row: Row) -> list[tuple[str, list[str]]]:
    return [(row["item_id"], row["others"]), *((one, [row["item_id"]]) for one in row["others"])]
