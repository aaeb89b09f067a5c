"""Asks in Airflow for the approvals that proposals wait for, and writes an answer as the console would.

A proposal is asked about once at a time. What somebody decides in the console meanwhile ends the question.
"""

from collections.abc import Sequence
from datetime import timedelta

from include.domain import break_life
from include.domain.break_life import Life, Move, NotAllowed, identity
from include.domain.recipients import HOME_LOCALE
from include.flows.act_on_break import By, act
from include.flows.asking import FRESH, PATIENCE, Answered, Ask, plain
from include.flows.resolve_break import approve_in
from include.ports import Rejected, Row, Store, Transaction
from include.report.figures import Figures

ASKED_MAX = 50
"""Questions of one run of the DAG; the others come with the next."""
ASKED_FOR = timedelta(hours=2)
"""Then a question ends and a later run asks it again: runs that wait may never be as many as there may be at once."""
NOTED_FOR = timedelta(hours=1)
"""Who was noted so lately is noted again only when something changed."""
MAY_APPROVE = "can_approve"
_FIGURES = Figures(HOME_LOCALE)


def ask_approvals(store: Store, *, asked_in: str, link_to: str = "") -> list[Ask]:
    """The questions of a run, which it keeps when it is repeated. `link_to`: where the console's breaks are."""
    with store.transaction() as tx:
        tx.run("give_up_asks", asked_in=asked_in, patience=PATIENCE)
        tx.run("ask_for_approvals", asked_in=asked_in, limit=ASKED_MAX)
        return [_ask(row, link_to) for row in tx.rows("asks_of", asked_in=asked_in)]


def asked(store: Store, ask_no: int, *, asked_in: str, link_to: str = "") -> Ask | None:
    """One question as its run asks it; None when it is over, or another run's."""
    with store.transaction() as tx:
        rows = [row for row in tx.rows("asks_of", asked_in=asked_in) if row["ask_no"] == ask_no]
    return _ask(rows[0], link_to) if rows else None


def look(store: Store, ask_no: int) -> Answered | None:
    """Whether the question is over: somebody decided it elsewhere, or nobody did for long; None while it waits."""
    ask, over = _looked_at(store, ask_no)
    if over or not ask["old"]:
        return over
    with store.transaction() as tx:
        return _close(
            tx, ask_no, "unanswered", by=None, words="nobody answered for long; a later run asks again"
        )


def _looked_at(store: Store, ask_no: int) -> tuple[Row, Answered | None]:
    with store.transaction() as tx:
        [ask] = tx.rows("look_at_ask", ask=ask_no, asked_for=ASKED_FOR)
        if ask["waits"] and not ask["closed"]:
            return ask, None
        words = "it was decided in the console, or lapsed"
        return ask, _close(tx, ask_no, "elsewhere", by=None, words=words)


def answer(store: Store, ask_no: int, *, actor: str, approves: bool, reason: str) -> Answered:
    """Write what somebody answered; what is refused is said, and asked again by the next run."""
    ask, over = _looked_at(store, ask_no)
    if over:
        return over
    try:
        _refuse_strangers(store, actor)
        by = By(actor=actor, reason=reason, seen=ask["version"])
        done = _decide(store, ask, by, approves=approves)
        outcome, words = ("approved" if approves else "sent back"), f"break {ask['break_id']} is {done}"
    except (Rejected, NotAllowed) as refused:
        outcome, words = "refused", str(refused)
    with store.transaction() as tx:
        return _close(tx, ask_no, outcome, by=actor, words=words)


def _decide(store: Store, ask: Row, by: By, *, approves: bool) -> str:
    def decide(tx: Transaction, life: Life, actor: str) -> Move:
        asked = life.proposal is not None and life.proposal.number == ask["proposal_no"]
        if life.state != "PROPOSED" or not asked:
            raise Rejected("what was asked about is not what is proposed any more")
        return approve_in(tx, life, by, actor) if approves else break_life.reject(life)

    return act(store, ask["break_id"], by, decide).state


def note_person(store: Store, name: str, may: Sequence[str]) -> None:
    """Keep what the console lets somebody do, for what they answer in Airflow; no write where that is known."""
    looks = {"person": identity(name), "may": sorted(may)}
    with store.transaction() as tx:
        if not tx.rows("person_is_known", **looks, kept_for=NOTED_FOR):
            tx.run("note_person", **looks)


def _refuse_strangers(store: Store, actor: str) -> None:
    with store.transaction() as tx:
        known = tx.rows("permissions_of", person=identity(actor), fresh=FRESH)
    if known and known[0]["stale"]:
        raise Rejected(
            f"{actor} has not looked at the console for {FRESH // timedelta(hours=1)} hours, and may have another role "
            "by now: open the console once, and answer again"
        )
    if not known or MAY_APPROVE not in known[0]["may"]:
        raise Rejected(
            f"{actor} may not approve: it takes the role of a controller, and one look at the console's breaks, "
            "which then knows them"
        )


def _close(tx: Transaction, ask_no: int, outcome: str, *, by: str | None, words: str) -> Answered:
    tx.run("close_ask", ask=ask_no, outcome=outcome, by=by, words=words)
    return Answered(outcome, words)


def _ask(row: Row, link_to: str) -> Ask:
    worth = _money(row["amount_minor"], row["currency"])
    kind = row["kind"].replace("_", " ")
    lines = [
        f"{plain(row['maker'])} proposes to {break_life.TO_DO[row['kind']]}: {plain(row['reason'])}",
        _paired(row),
        _eyes(row["checkers_needed"], row["checkers"]),
        f"The last answer was refused. {plain(_FIGURES.said(row['refused']))}." if row["refused"] else "",
        f"[The break in the console]({link_to}{row['break_id']})" if link_to else "",
    ]
    subject = f"{row['severity']} {row['code']} {row['key']}{worth and ', ' + worth}: {kind}?"
    return Ask(row["ask_no"], subject, "\n\n".join(filter(None, lines)))


def _paired(row: Row) -> str:
    if not row["invoice_ids"]:
        return ""
    parts = zip(row["invoice_ids"], row["amounts_minor"], strict=True)
    return "With " + ", ".join(
        f"{plain(one)} ({_money(minor, row['paired_currency'])})" for one, minor in parts
    )


def _eyes(needed: int, checkers: Sequence[str]) -> str:
    said = f"{needed} other {'person' if needed == 1 else 'people'} must approve it"
    return f"{said}; {plain(', '.join(checkers))} did." if checkers else f"{said}."


def _money(minor: int | None, currency: str | None) -> str:
    return _FIGURES.money(minor, currency) if minor is not None and currency else ""
