"""Makes a ruling of an approved match, unmatch or withdrawal, unless facts forbid it by now; and ends one.

Rulings are granted one at a time: two people can never promise the same money, or the same invoice, at once.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from include.domain.money import Money
from include.domain.pairings import Allocation, Debt, Item, refusal
from include.domain.payout_pairings import SIDES, Group, Key, Side, SideType
from include.domain.payout_pairings import refusal as refusal_of_sides
from include.flows.snapshot import see_run
from include.ports import Rejected, Row, Transaction

ALL = 2**62
"""Rulings up to this number: all that stand."""


def look_at_newest_day(tx: Transaction) -> Row:
    """See the newest published day, with every ruling that stands by now. Raises Rejected before the first one."""
    runs = tx.rows("newest_published")
    if not runs:
        raise Rejected("no day was published yet: there is nothing to match")
    run = runs[0]
    see_run(tx, run, rulings=ALL)
    return run


def item_of(tx: Transaction, run: Row, key: str, *, kinds: Collection[str], worth_minor: int) -> Item:
    """The payment or credit note that a break is about, as the newest day and the rulings since have it.

    `kinds`: what the key may be the id of; `worth_minor`: what the break is about. Raises Rejected when the break is
    about neither.
    """
    rows = tx.rows("payment_to_pair", run_id=run["run_id"], payment=key) if "payment" in kinds else []
    if not rows and "credit_note" in kinds:
        rows = tx.rows("credit_note_to_pair", credit_note=key, left_minor=abs(worth_minor))
    if not rows:
        raise Rejected(f"{key} is no payment or credit note the newest published day knows: nothing to match")
    row = rows[0]
    head = _heads(tx, [row["customer_id"]]).get(row["customer_id"])
    return Item(**row | {"used_for": tuple(row["used_for"]), "group_id": head})


def debts_of(
    tx: Transaction, run: Row, item: Item, wanted: Sequence[str], *, numbers: Sequence[str] = ()
) -> dict[str, Debt]:
    """The invoices of these ids, or of these numbers, by id, as the newest day and the rulings since have them."""
    ids, named = list(wanted), list(numbers)
    rows = tx.rows("debts_to_pair", run_id=run["run_id"], wanted=ids, numbers=named, item=item.item_id)
    heads = _heads(tx, [row["customer_id"] for row in rows])
    return {row["invoice_id"]: _debt(row, heads, item) for row in rows}


def sides_of(tx: Transaction, run: Row, keys: Iterable[Key]) -> dict[Key, Side]:
    """These payouts and lines of the bank, as far as the newest day knows them, as rulings since have changed it."""
    named: dict[SideType, list[str]] = {"payout": [], "bank_line": []}
    for kind, name in keys:
        named[kind].append(name)
    rows = tx.rows("sides_to_pair", run_id=run["run_id"], payouts=named["payout"], lines=named["bank_line"])
    found = [Side(**row | {"used_for": tuple(row["used_for"])}) for row in rows]
    return {(one.side, one.side_id): one for one in found}


def grant_ruling(tx: Transaction, break_id: UUID, *, proposal_no: int, approved_in: int) -> None:
    """Let what was approved stand from now on, where it says what belongs together. Raises Rejected, saying why not."""
    proposal = {"break_id": break_id, "proposal_no": proposal_no}
    for pairing in tx.rows("pairing_of", **proposal):
        tx.run("claim_rulings")
        run = look_at_newest_day(tx)
        _still_possible(tx, run, pairing)
        item = {"item_type": pairing["item_type"], "item_id": pairing["item_id"]}
        tx.run("grant_ruling", **proposal, approved_in=approved_in)
        if pairing["kind"] == "unmatch":
            tx.run("end_standing", **item, kind="manual_match", why="parted")
        if pairing["kind"] == "withdraw":
            tx.run("end_parting", **proposal)
            tx.run("end_ruling", **proposal, why="carried out")


def end_ruling(tx: Transaction, break_id: UUID, *, proposal_no: int) -> None:
    """End what was approved and is sent back; nothing where it was no ruling."""
    tx.run("claim_rulings")
    tx.run("end_ruling", break_id=break_id, proposal_no=proposal_no, why="sent back")


def allocation_of(pairing: Row) -> Allocation:
    """Invoice id -> minor units."""
    return dict(zip(pairing["invoice_ids"], pairing["amounts_minor"], strict=True))


def _still_possible(tx: Transaction, run: Row, pairing: Row) -> None:
    wanted = allocation_of(pairing)
    if pairing["kind"] == "manual_match" and pairing["item_type"] in SIDES:
        group = Group.of(pairing["item_type"], pairing["item_id"], pairing["invoice_ids"])
        if why := refusal_of_sides(group, sides_of(tx, run, group.keys)):
            raise Rejected(why)
    elif pairing["kind"] == "manual_match":
        kinds = [pairing["item_type"]]
        item = item_of(tx, run, pairing["item_id"], kinds=kinds, worth_minor=pairing["break_minor"])
        if why := refusal(item, debts_of(tx, run, item, list(wanted)), wanted):
            raise Rejected(why)
    elif pairing["kind"] == "unmatch":
        refuse_unless_posted(tx, run, pairing)


def refuse_unless_posted(tx: Transaction, run: Row, pairing: Row) -> None:
    """Raise Rejected where the newest day, or a ruling since, no longer pairs what is to be parted."""
    name = {"run_id": run["run_id"], "item": pairing["item_id"], "item_type": pairing["item_type"]}
    query = "sides_paired_now" if pairing["item_type"] in SIDES else "paired_now"
    paired = {row["invoice_id"]: row["amount_minor"] for row in tx.rows(query, **name)}
    if paired != dict(allocation_of(pairing)):
        now = ", ".join(f"{one} ({Money(minor, pairing['currency'])})" for one, minor in paired.items())
        raise Rejected(
            f"{pairing['item_id']} is not matched so any more: the newest published day, {run['as_of']}, "
            f"has {f'it with {now}' if paired else 'it open'}, and days before it are closed"
        )


def _heads(tx: Transaction, customers: Sequence[str | None]) -> dict[str | None, str]:
    """Customer -> the topmost of its group, as the ERP has them."""
    known = sorted({one for one in customers if one})
    found: dict[str | None, str] = {one: one for one in known}
    return found | {row["customer_id"]: row["head"] for row in tx.rows("heads_of", customers=known)}


def _debt(row: Row, heads: dict[str | None, str], item: Item) -> Debt:
    facts: dict[str, Any] = {name: value for name, value in row.items() if name != "suggested"}
    # What the day suggests it had a reason for, of which the ERP's own hierarchy may know nothing.
    group = item.group_id if row["suggested"] and item.group_id else heads[row["customer_id"]]
    return Debt(**facts, group_id=group)
