"""People match by hand and part what was matched: proposed here, approved like anything else, carried out by runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from include.domain import break_life
from include.domain.break_life import Life, Move, NotAllowed
from include.domain.breaks import break_id as id_of
from include.domain.breaks import in_reporting_currency
from include.domain.money import InexactAmount, Money, to_minor
from include.domain.pairings import Debt, Item, refusal, spread
from include.domain.payout_pairings import SIDES
from include.domain.shown import cut
from include.domain.subjects import kinds_of
from include.flows.act_on_break import Acted, By, Conflict, act, act_in
from include.flows.day_rates import rates_of_the_day
from include.flows.grant_ruling import debts_of, item_of, look_at_newest_day, refuse_unless_posted
from include.flows.pair_payouts import propose_group
from include.flows.reasons import need_reason
from include.flows.resolve_break import keep_proposal
from include.policy import Policy
from include.ports import Rejected, Row, Store, Transaction

QUESTIONED, MISSING = "CA21", "PO01"
"""What a questioned match is told as; whoever follows up missing payouts follows up theirs."""


@dataclass(frozen=True)
class Part:
    """An invoice, by its id or number, and how much is for it in major units; empty takes what is open of it.

    For payouts it is a line of the bank, or another payout, by its id, and always whole.
    """

    invoice: str
    amount: str = ""


def match(store: Store, break_id: UUID, by: By, *, parts: Sequence[Part], policy: Policy) -> Acted:
    """Propose that a break's payment or credit note is for these invoices, or its payout these lines of the bank.

    Raises Conflict, Rejected saying why not.
    """

    def decide(tx: Transaction, life: Life, _: str) -> Move:
        run = look_at_newest_day(tx)
        if life.recon == break_life.PAYOUTS:
            if any(part.amount for part in parts):
                raise Rejected("payouts and lines of the bank are matched whole: leave the amounts out")
            return propose_group(tx, run, life, by, others=[part.invoice for part in parts], policy=policy)
        item = item_of(tx, run, life.key, kinds=kinds_of(life.code, ""), worth_minor=life.amount_minor or 0)
        named = [part.invoice for part in parts]
        known = debts_of(tx, run, item, named)
        known |= debts_of(tx, run, item, (), numbers=[one for one in named if one not in known])
        debts = _in_order(known, parts)
        wanted = _allocation(item, debts, parts)
        if why := refusal(item, {debt.invoice_id: debt for debt in debts}, wanted):
            raise Rejected(why)
        _refuse_more_than_the_break(life, item, sum(wanted.values()))
        move = keep_proposal(tx, life, by, kind="manual_match", policy=policy)
        _keep(tx, life, "manual_match", item.item_type, wanted, match_id=None)
        return move

    return act(store, break_id, by, decide)


def unmatch(store: Store, subject: str, by: By, *, policy: Policy, run_id: str = "") -> Acted:
    """Propose to part a posted match of cash or payouts, by its id, or a credit note matched by hand, by its own.

    It opens its break.

    `run_id`: the published run somebody looked at, if any. Raises Conflict, Rejected saying why not.
    """
    with store.transaction() as tx:
        run = look_at_newest_day(tx)
        if run_id and run_id != str(run["run_id"]):
            raise Conflict(f"{run['as_of']} was published anew since you looked: look at the match again")
        legs = _legs(tx, run, subject)
        life_id = _question(tx, run, legs, by, policy)
        joined = {leg["invoice_id"]: leg["amount_minor"] for leg in legs}

        def decide(tx: Transaction, life: Life, _: str) -> Move:
            move = keep_proposal(tx, life, by, kind="unmatch", policy=policy)
            _keep(tx, life, "unmatch", legs[0]["item_type"], joined, match_id=legs[0]["match_id"])
            return move

        return act_in(tx, life_id, By(actor=by.actor, reason=by.reason), decide)


@dataclass(frozen=True)
class Parting:
    """Whether a posted match may be parted now: `refused` says why not. `eyes`: how many others must approve it."""

    refused: str
    eyes: int


def offer_unmatch(store: Store, subject: str, *, policy: Policy) -> Parting:
    """What `unmatch` would say, before anybody tries."""
    with store.transaction() as tx:
        try:
            run = look_at_newest_day(tx)
            legs = _legs(tx, run, subject)
            life_id, _ = _life_of(legs, policy)
            rows = tx.rows("life_state", break_id=life_id)
            break_life.question(rows[0]["state"] if rows else "NEW")
            refuse_unless_posted(tx, run, _as_pairing(legs))
        except (Rejected, NotAllowed) as why:
            return Parting(str(why), 0)
        limits, worth = policy.lives.four_eyes, _worth(tx, legs)
        return Parting("", break_life.checkers_needed("unmatch", **worth, limits=limits))


def withdraw(store: Store, break_id: UUID, by: By, *, policy: Policy) -> Acted:
    """Propose that the rules may pair a break's payment with what it was parted from. Raises Conflict, Rejected."""

    def decide(tx: Transaction, life: Life, _: str) -> Move:
        look_at_newest_day(tx)
        partings = tx.rows("partings_of", item=life.key)
        if not partings:
            raise Rejected(f"nobody parted {life.key} from anything: there is nothing to withdraw")
        newest = partings[-1]
        wanted = dict(zip(newest["invoice_ids"], newest["amounts_minor"], strict=True))
        parted, worth = sum(wanted.values()), abs(life.amount_minor or 0)
        whole = newest["item_type"] in SIDES
        if life.currency != newest["currency"] or (parted != worth if whole else parted > worth):
            raise Rejected(f"{life.key} is not the money any more that was parted: match it by hand")
        move = keep_proposal(tx, life, by, kind="withdraw", policy=policy)
        _keep(tx, life, "withdraw", newest["item_type"], wanted, match_id=newest["match_id"])
        return move

    return act(store, break_id, by, decide)


def _in_order(debts: dict[str, Debt], parts: Sequence[Part]) -> list[Debt]:
    """The invoice each part means. Raises Rejected where none is called so, or several are, or one is named twice."""
    found: list[Debt] = []
    for part in parts:
        named = [one for one in debts.values() if one.number == part.invoice]
        fitting = [debts[part.invoice]] if part.invoice in debts else named
        if not fitting:
            raise Rejected(f"the newest published day knows no invoice {cut(part.invoice, 60)}")
        if len(fitting) > 1:
            ids = ", ".join(one.invoice_id for one in fitting)
            raise Rejected(f"several invoices are called {part.invoice}: say which by its id, {ids}")
        if fitting[0] in found:
            raise Rejected(f"{part.invoice} is named twice")
        found += fitting
    return found


def _allocation(item: Item, debts: Sequence[Debt], parts: Sequence[Part]) -> dict[str, int]:
    stated = {
        debt.invoice_id: _minor(part.amount, item.currency)
        for debt, part in zip(debts, parts, strict=True)
        if part.amount
    }
    left = item.amount_minor - sum(stated.values())
    rest = [debt for debt in debts if debt.invoice_id not in stated]
    given = spread(rest, money_minor=max(0, left)) | stated
    return {debt.invoice_id: given[debt.invoice_id] for debt in debts}


def _minor(amount: str, currency: str) -> int:
    try:
        minor = to_minor(amount, currency=currency)
    except InexactAmount as inexact:
        raise Rejected(str(inexact)) from None
    if minor <= 0:
        raise Rejected(f"{amount} is no amount to match")
    return minor


def _about(life: Life) -> str:
    if life.amount_minor is None or life.currency is None:
        return "no money"
    return str(Money(life.amount_minor, life.currency))


def _refuse_more_than_the_break(life: Life, item: Item, total: int) -> None:
    """What is approved is approved by what the break is worth."""
    if life.currency != item.currency or total > abs(life.amount_minor or 0):
        raise Rejected(
            f"the break is about {_about(life)}, and the match about {Money(total, item.currency)}: its approval would "
            "say nothing of that"
        )


def _keep(
    tx: Transaction, life: Life, kind: str, item_type: str, wanted: dict[str, int], *, match_id: str | None
) -> None:
    tx.run(
        "keep_pairing",
        break_id=life.break_id,
        kind=kind,
        item_type=item_type,
        item_id=life.key,
        currency=life.currency,
        break_minor=life.amount_minor,
        invoices=list(wanted),
        amounts=list(wanted.values()),
        match_id=match_id,
    )


def _legs(tx: Transaction, run: Row, subject: str) -> list[Row]:
    wanted = {"run_id": run["run_id"], "subject": subject}
    legs = tx.rows("legs_to_part", **wanted) or tx.rows("payout_legs_to_part", **wanted)
    if not legs:
        raise Rejected(
            f"the newest published day, {run['as_of']}, posts no match of cash or payouts called {subject}; "
            "what only an earlier day posted is closed"
        )
    return legs


def _life_of(legs: Sequence[Row], policy: Policy) -> tuple[UUID, dict[str, Any]]:
    """The break in which a posted match is questioned: its id, and what it is about."""
    of_payouts, family = legs[0]["item_type"] in SIDES, policy.breaks.codes[QUESTIONED].family
    recon, key = break_life.PAYOUTS if of_payouts else break_life.CASH, legs[0]["item_id"]
    owner = policy.breaks.codes[MISSING if of_payouts else QUESTIONED].owner
    about = {"recon": recon, "family": family, "key": key}
    return id_of(**about), about | {"owner": owner}


def _worth(tx: Transaction, legs: Sequence[Row]) -> dict[str, int | None]:
    total, currency = sum(leg["amount_minor"] for leg in legs), legs[0]["currency"]
    sgd = in_reporting_currency(total, currency=currency, rates=rates_of_the_day(tx))
    return {"amount_minor": total, "amount_sgd_minor": sgd}


def _question(tx: Transaction, run: Row, legs: Sequence[Row], by: By, policy: Policy) -> UUID:
    """Open the break of a posted match, with what the match is worth."""
    life_id, about = _life_of(legs, policy)
    tx.run("claim_question", break_id=life_id)
    rows = tx.rows("claim_lives_of", break_ids=[life_id])
    before = rows[0] if rows else None
    try:
        actor = break_life.identity(by.actor)
        state = break_life.question(before["state"] if before else "NEW")
    except NotAllowed as refused:
        raise Rejected(f"{about['key']}: {refused}") from None
    need_reason(by.reason)
    facts: dict[str, Any] = {
        "break_id": life_id,
        "version": before["version"] + 1 if before else 1,
        "severity": policy.breaks.codes[QUESTIONED].severity,
        "code": QUESTIONED,
        "currency": legs[0]["currency"],
        **_worth(tx, legs),
    }
    refuse_unless_posted(tx, run, _as_pairing(legs))
    tx.run("record_question", **facts, actor=actor, reason=by.reason, from_state=state)
    tx.run("question_life", **facts, **about, run_id=run["run_id"], as_of=run["as_of"])
    return life_id


def _as_pairing(legs: Sequence[Row]) -> Row:
    return {
        "item_id": legs[0]["item_id"],
        "item_type": legs[0]["item_type"],
        "currency": legs[0]["currency"],
        "invoice_ids": [leg["invoice_id"] for leg in legs],
        "amounts_minor": [leg["amount_minor"] for leg in legs],
    }
