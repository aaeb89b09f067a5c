"""What people decided about matches and where each decision is; what a break's item may be matched with, or why not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from include.domain.break_life import BY_HAND, CASH, Life
from include.domain.pairings import Debt, Item, people, refusal, spread
from include.domain.payout_pairings import MANY, SAID, SideType, unusable
from include.domain.subjects import kinds_of
from include.flows.grant_ruling import debts_of, item_of, look_at_newest_day, sides_of
from include.flows.pair_payouts import side_of
from include.ports import Rejected, Row, Store, Transaction

SHOWN = 50

Stage = Literal["waits", "pending", "done", "over"]
"""For a checker; for the next run; carried out; or it holds no longer."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A match by hand, an unmatch or a withdrawal. `parts`: invoice_id, number and minor of each; `where` in words.

    `of`: how many decisions were asked for. `parted_by_its_id`: it stands, and is in no run's matches.
    """

    break_id: UUID
    kind: str
    item_id: str
    currency: str
    parts: Sequence[Row]
    people: str
    reason: str
    proposed_at: datetime
    stage: Stage
    where: str
    of: int
    parted_by_its_id: bool


@dataclass(frozen=True)
class Choice:
    """What the item could be matched with, as people call it, and why not, if so."""

    name: str
    refused: str


@dataclass(frozen=True)
class Pairable:
    """What may be matched by hand: `refused` says why nothing may be. `parted`: there is a parting to withdraw.

    `other` is what it is matched with; where that is `whole`, nobody says how much of it.
    """

    refused: str = ""
    choices: dict[str, Choice] = field(default_factory=dict)
    parted: bool = False
    other: str = "invoice"
    others: str = "invoices"
    whole: bool = False


def pairable(store: Store, life: Life, candidates: Iterable[str]) -> Pairable | None:
    """What the break's item may be matched with of these; None where the break is about no such thing."""
    if life.recon not in BY_HAND:
        return None
    with store.transaction() as tx:
        try:
            run = look_at_newest_day(tx)
            found = _of_cash if life.recon == CASH else _of_payouts
            return found(tx, run, life, list(candidates))
        except Rejected:
            return None


def _of_cash(tx: Transaction, run: Row, life: Life, candidates: list[str]) -> Pairable:
    item = item_of(tx, run, life.key, kinds=kinds_of(life.code, ""), worth_minor=life.amount_minor or 0)
    debts = debts_of(tx, run, item, candidates)
    nothing = refusal(item, {}, {})
    refused = nothing if item.used_for or item.ruled_by or not item.usable else ""
    choices = {one.invoice_id: _choice(item, one) for one in debts.values()}
    return Pairable(refused, choices, _was_parted(tx, item.item_id))


def _of_payouts(tx: Transaction, run: Row, life: Life, candidates: list[str]) -> Pairable:
    item = side_of(tx, run, life.key)
    other: SideType = "bank_line" if item.side == "payout" else "payout"
    sides = sides_of(tx, run, [(other, one) for one in candidates])
    choices = {name: Choice(name, unusable(side)) for (_, name), side in sides.items()}
    return Pairable(
        unusable(item),
        choices,
        _was_parted(tx, item.side_id),
        other=SAID[other],
        others=MANY[other],
        whole=True,
    )


def _was_parted(tx: Transaction, item: str) -> bool:
    return bool(tx.rows("partings_of", item=item))


def decisions_about(tx: Transaction, item: str) -> list[Decision]:
    """Of one payment, credit note, payout or line of the bank, newest first."""
    return [_decision(row) for row in tx.rows("decisions", item=item, **_by_now(tx))]


def decisions_pending(tx: Transaction) -> list[Decision]:
    """Those that wait for a checker, or for a run, newest first."""
    return [_decision(row) for row in tx.rows("decisions", item=None, **_by_now(tx))]


def _by_now(tx: Transaction) -> dict[str, Any]:
    runs = tx.rows("newest_published")
    newest = runs[0] if runs else {"run_id": None, "rulings_through": 0}
    return {"run_id": newest["run_id"], "rulings": newest["rulings_through"], "limit": SHOWN}


def _choice(item: Item, debt: Debt) -> Choice:
    minor = spread([debt], money_minor=item.amount_minor)[debt.invoice_id]
    return Choice(debt.number, refusal(item, {debt.invoice_id: debt}, {debt.invoice_id: minor}))


def _decision(row: Row) -> Decision:
    stage, where = _stage(row)
    return Decision(
        break_id=row["break_id"],
        kind=row["kind"],
        item_id=row["item_id"],
        currency=row["currency"],
        parts=row["parts"],
        people=people(row["maker"], row["checkers"]),
        reason=row["reason"],
        proposed_at=row["proposed_at"],
        stage=stage,
        where=where,
        of=row["decisions"],
        parted_by_its_id=stage == "done"
        and (row["kind"], row["item_type"]) == ("manual_match", "credit_note"),
    )


def _stage(row: Row) -> tuple[Stage, str]:
    if row["waits"]:
        left = row["checkers_needed"] - len(row["checkers"])
        return "waits", f"waits for {left} other {'person' if left == 1 else 'people'} to approve it"
    if row["ruling_no"] is None:
        return "over", "was not approved"
    if row["ended_why"]:
        return ("done" if row["ended_why"] == "carried out" else "over"), row["ended_why"]
    if row["seen"] and not row["carried"]:
        return "pending", "approved; the newest reconciliation could not carry it out, and its break says why"
    if not row["carried"]:
        return "pending", "approved; the next reconciliation carries it out"
    return "done", "stands: every reconciliation since has kept to it"
