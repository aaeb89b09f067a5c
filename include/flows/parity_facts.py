"""Gathers what we know about keys that differ, kind by kind, in a few queries each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from include.domain.parity import KINDS, Kind, Pair, Told, told_of
from include.domain.parity_classes import tax_of
from include.domain.parity_evidence import Facts, alike
from include.domain.subscriptions import NOT_SOLD, Amendment, life_of
from include.flows.parity_books import Played, books_of
from include.flows.recalculate_arr import stated_amendment, subscription_of
from include.policy import Policy
from include.ports import Row, Transaction

FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""A file is complete for good; no driver can read Postgres' infinity."""

SOURCES: Mapping[Kind, Sequence[str]] = {
    "orders": ("orders", "opportunities"),
    "invoices": ("invoices",),
    "statuses": ("invoices", "payments"),
    "arr": ("subscriptions", "amendments", "opportunities"),
    "matches": ("invoices", "payments"),
}
"""What stands behind a kind: only where all of it is proven complete, what is not there does not exist."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """The day that is compared, and the run whose snapshot the views of `seen` show."""

    tx: Transaction
    run: Row
    day: date
    edition: int
    policy: Policy

    @property
    def settled_by(self) -> date:
        """The last day of which both should know everything."""
        return self.day - timedelta(days=self.policy.parity.settle_days)

    @cached_property
    def proof_through(self) -> int:
        return int(self.tx.rows("parity_proof_through", run_id=self.run["run_id"])[0]["proof_through"])

    def proven_through(self, kind: Kind) -> datetime | None:
        """Up to when the sources behind a kind are complete, as the run knew it."""
        entities = list(SOURCES[kind])
        [row] = self.tx.rows(
            "parity_proven_through", proof_through=self.proof_through, entities=entities, far=FAR
        )
        found: datetime | None = row["proven_through"]
        return found


def facts_of(pairs: Sequence[Pair], known: Known) -> Iterator[tuple[Pair, Facts]]:
    """Each pair with what we know about it, in the order given."""
    by_kind: defaultdict[Kind, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_kind[pair.kind].append(pair)
    common = _common(pairs, known)
    for kind in sorted(by_kind):
        proven = known.proven_through(kind)
        for pair, facts in _GATHER[kind](by_kind[kind], known):
            yield pair, replace(facts, proven_through=proven, **common(pair))


def _common(pairs: Sequence[Pair], known: Known) -> Callable[[Pair], dict[str, Any]]:
    """What is asked for every kind alike: rows of theirs that were unreadable, first ones of several, what we hold."""
    rows = known.tx.rows("unread_keys")
    unread = {(row["kind"], row["key"]): row["told"] for row in rows if row["key"] is not None}
    nameless = {row["kind"]: row["rows"] for row in rows if row["key"] is None}
    further = [pair for pair in pairs if pair.seq > 1 and pair.theirs]
    firsts = {
        (row["kind"], row["key"]): told_of(row)
        for row in known.tx.rows(
            "first_told",
            day=known.day,
            edition=known.edition,
            kinds=[pair.kind for pair in further],
            keys=[pair.key for pair in further],
        )
    }
    held, otherwise = dict(_held(pairs, known)), alike(pairs)

    def common(pair: Pair) -> dict[str, Any]:
        at = (pair.kind, pair.key)
        first = firsts.get(at) if pair.seq > 1 else None
        return {
            "unread": unread.get(at, ""),
            "unread_nameless": nameless.get(pair.kind, 0),
            "first": first,
            "known": held.get(at, ""),
            "alike": otherwise.get(at, "") if pair.seq == 1 else "",
        }

    return common


def _held(pairs: Iterable[Pair], known: Known) -> Iterator[tuple[tuple[Kind, str], str]]:
    """What our sources hold of keys that only they have."""
    params: dict[str, Mapping[str, Any]] = {
        "orders": {"day": known.day},
        "invoices": {"day": known.day},
        "matches": {"day": known.day, "run_id": known.run["run_id"]},
        "arr": {"run_id": known.run["run_id"]},
    }
    for kind in KINDS:
        keys = sorted({pair.key for pair in pairs if pair.kind == kind and pair.ours is None})
        asked = "invoices" if kind == "statuses" else kind
        for row in known.tx.rows(f"parity_known_{asked}", keys=keys, **params[asked]) if keys else ():
            yield (kind, row["key"]), row["known"]


def _orders(pairs: Sequence[Pair], _known: Known) -> Iterator[tuple[Pair, Facts]]:
    for pair in pairs:
        yield pair, Facts(since=pair.ours.on_date if pair.ours else None)


def _invoices(pairs: Sequence[Pair], known: Known) -> Iterator[tuple[Pair, Facts]]:
    keys = [pair.key for pair in pairs]
    terms = {
        row["key"]: row
        for row in known.tx.rows("parity_invoice_terms", run_id=known.run["run_id"], keys=keys)
    }
    for pair in pairs:
        since = pair.ours.on_date if pair.ours else None
        yield pair, replace(_terms(terms.get(pair.key), known.policy), since=since)


def _terms(row: Row | None, policy: Policy) -> Facts:
    """The tax of an invoice: the rate that comes to it, the rates of other days, and its lines."""
    if row is None or row["net_minor"] is None:
        return Facts()
    rates = policy.orders.taxes.get(row["country"] or "", ())
    percents = [rate.percent for rate in rates]
    net, tax = row["net_minor"], row["tax_minor"]
    percent = next((one for one in percents if tax_of(net, one) == tax), None)
    others = {rate.percent: f"from {rate.valid_from}" for rate in rates if rate.percent != percent}
    quantity = row["quantity"] or 0
    lines = int(quantity) if quantity == int(quantity) else 0
    return Facts(lines=lines, percent=percent, other_percents=others)


def _statuses(pairs: Sequence[Pair], known: Known) -> Iterator[tuple[Pair, Facts]]:
    books = _books_of(pairs, known)
    for pair in pairs:
        mine = books.get(pair.key)
        if mine is None:
            yield pair, Facts()
            continue
        status = mine.before.statuses.get(pair.key)
        before = Told(status=status[0], on_date=status[1]) if status else None
        paid_on = pair.ours.on_date if pair.ours else None
        yield (
            pair,
            Facts(
                since=max(filter(None, (paid_on, mine.changed.get(pair.key))), default=None),
                at=pair.ours.at if pair.ours else None,
                before=before,
                replays=mine.replays,
                own=mine.own,
            ),
        )


def _matches(pairs: Sequence[Pair], known: Known) -> Iterator[tuple[Pair, Facts]]:
    books = _books_of(pairs, known)
    asked = {"run_id": known.run["run_id"], "keys": [pair.key for pair in pairs if pair.theirs is None]}
    named = {row["key"]: row["named"] for row in known.tx.rows("parity_named_payments", **asked)}
    for pair in pairs:
        mine = books.get(pair.key)
        if mine is None:
            yield pair, Facts()
            continue
        match = mine.before.matches.get(pair.key)
        currency = pair.ours.currency if pair.ours else None
        before = Told(text=match[0], amount_minor=match[1], currency=currency) if match else None
        yield (
            pair,
            Facts(
                since=mine.paid.get(pair.key),
                before=before,
                named=named.get(pair.key, False),
                replays=mine.replays,
                own=mine.own,
            ),
        )


def _books_of(pairs: Sequence[Pair], known: Known) -> dict[str, Played]:
    """Key of a status or match -> the books it is in."""
    return books_of(
        known.tx,
        [(pair.kind, pair.key) for pair in pairs],
        run_id=known.run["run_id"],
        day=known.day,
        settled_by=known.settled_by,
        zone=known.policy.calendars.entity.zone.key,
    )


def _arr(pairs: Sequence[Pair], known: Known) -> Iterator[tuple[Pair, Facts]]:
    keys = [pair.key for pair in pairs]
    sold: dict[str, Row] = {row["subscription_id"]: row for row in known.tx.rows("parity_sold", keys=keys)}
    amended: defaultdict[str, list[Amendment]] = defaultdict(list)
    for row in known.tx.rows("parity_amended", keys=keys):
        amended[row.pop("subscription_id")].append(stated_amendment(row))
    for pair in pairs:
        found = sold.get(pair.key)
        yield pair, _life(found, amended[pair.key], known) if found else Facts()


def _life(row: Row, amendments: Sequence[Amendment], known: Known) -> Facts:
    """ARR before what may still settle, and without each amendment that has come into force."""
    subscription, rules = subscription_of(row), known.policy.arr.rules
    in_force = [one for one in amendments if one.effective_on <= known.day]

    def arr(some: Iterable[Amendment], day: date) -> int:
        life = life_of(subscription, some, rules=rules, as_of=day)
        return 0 if row["state"] in NOT_SOLD else life.arr_on(day)

    without = {
        one.amendment_id: arr((other for other in in_force if other is not one), known.day)
        for one in in_force
    }
    if len(in_force) > 1:
        without[", ".join(one.amendment_id for one in in_force)] = arr((), known.day)
    since = max((one.effective_on for one in in_force), default=row["start_date"])
    started = row["start_date"] <= known.settled_by
    before = (
        Told(amount_minor=arr(amendments, known.settled_by), currency=row["currency"]) if started else None
    )
    return Facts(since=since, before=before, without=without)


_GATHER: Mapping[Kind, Callable[[Sequence[Pair], Known], Iterator[tuple[Pair, Facts]]]] = {
    "orders": _orders,
    "invoices": _invoices,
    "statuses": _statuses,
    "arr": _arr,
    "matches": _matches,
}
