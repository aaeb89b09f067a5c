"""Scores a run against the truth of its world: what it posted, what it held, what it named.

A posted pair is right when the truth has the pair. A payment that the truth calls unmatchable cannot be told from the
files: posting it is never sure, though the pair may happen to be right (then it is counted as lucky too).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tests.bench.truth import Named, Pair, Posted, Results, Truth, rates_at

EXAMPLES = 20
GENERIC = "DQ"
"""Data-quality breaks are about rows, not about cases; the truth does not list them."""


@dataclass(frozen=True)
class Wrong:
    """A pair that was posted and is not so; `truly` says what the truth has for each of its ids."""

    posted: Posted
    truly: tuple[str, ...]


@dataclass(frozen=True)
class LinkScore:
    """What was posted, against the true pairs. Values are in one currency; None where a rate is missing."""

    posted: int
    true: int
    right: int
    lucky: int  # right, though nobody could know
    exact: int  # right, with the true amount
    wrong: tuple[Wrong, ...]
    matchable: int  # true pairs that can be told from the files
    found: int  # of these
    posted_value: Decimal | None
    right_value: Decimal | None
    by_rule: dict[str, tuple[int, int]]  # rule -> posted, wrong

    @property
    def precision(self) -> Decimal | None:
        return ratio(self.right, self.posted)

    @property
    def precision_by_value(self) -> Decimal | None:
        if self.posted_value is None or self.right_value is None:
            return None
        return ratio(self.right_value, self.posted_value)

    @property
    def recall(self) -> Decimal | None:
        return ratio(self.found, self.matchable)


@dataclass(frozen=True)
class CashScore:
    """R3 payment by payment: how many were posted of those that can be, and of all received up to the day."""

    received: int
    matchable: int
    posted: int
    posted_matchable: int
    whole: int  # posted with exactly the true invoices
    unmatchable: dict[str, tuple[int, int]]  # reason -> payments, of these not posted
    kinds: dict[str, tuple[int, int]]  # kind of case -> matchable payments, of these posted

    @property
    def coverage(self) -> Decimal | None:
        return ratio(self.posted_matchable, self.matchable)

    @property
    def coverage_of_all(self) -> Decimal | None:
        return ratio(self.posted, self.received)

    @property
    def withheld(self) -> Decimal | None:
        """The part of the ambiguous payments that were not posted."""
        payments, held = self.unmatchable.get("ambiguous", (0, 0))
        return ratio(held, payments)


@dataclass(frozen=True)
class CodeScore:
    """One reason code: breaks that are so and were named, named only, and so only."""

    right: int
    invented: int
    missed: int

    @property
    def precision(self) -> Decimal | None:
        return ratio(self.right, self.right + self.invented)

    @property
    def recall(self) -> Decimal | None:
        return ratio(self.right, self.right + self.missed)

    @property
    def f1(self) -> Decimal | None:
        return ratio(2 * self.right, 2 * self.right + self.invented + self.missed)


@dataclass(frozen=True)
class Score:
    """A whole run. `codes` are by reconciliation and code, those the truth has and those only the run has."""

    links: dict[str, LinkScore]
    cash: CashScore
    codes: dict[str, dict[str, CodeScore]] = field(default_factory=dict)

    def macro_f1(self, recon: str | None = None) -> Decimal | None:
        """The mean F1 of the codes the truth has, of one reconciliation or of all."""
        values = [
            code.f1 or Decimal(0)
            for name, codes in self.codes.items()
            if recon in {None, name}
            for code in codes.values()
            if code.right + code.missed
        ]
        return ratio(sum(values, Decimal(0)), len(values))


def ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """part / whole to ten places, never rounded up to 1; None when there is nothing to divide by."""
    if not whole:
        return None
    found = (Decimal(part) / Decimal(whole)).quantize(Decimal(10) ** -10)
    return min(found, Decimal(1) - Decimal(10) ** -10) if 0 < part < whole else found


def score(truth: Truth, results: Results) -> Score:
    """Compare. A reconciliation that posted pairs of which the world has no truth at all is left out of `links`."""
    in_sgd = _in_one_currency(truth, results)
    posted: dict[str, list[Posted]] = {}
    for one in results.posted:
        posted.setdefault(one.recon, []).append(one)
    links = {
        recon: _links(posted.get(recon, []), true, truth.unmatchable.get(recon, {}), in_sgd)
        for recon, true in sorted(truth.links.items())
    }
    codes = {
        recon: _codes(truth.breaks.get(recon, set()), results.breaks.get(recon, set()))
        for recon in sorted({*truth.breaks, *results.breaks})
    }
    cash = _cash(truth, posted.get("R3", []), results.as_of)
    return Score(links, cash, {recon: found for recon, found in codes.items() if found})


def _in_one_currency(truth: Truth, results: Results) -> Mapping[str, Decimal]:
    """The world's rates; a world of one currency and no rates needs none."""
    rates = rates_at(truth, results.as_of)
    currencies = {one.currency for one in results.posted}
    if len(currencies) == 1 and not truth.rates:
        return dict.fromkeys(currencies, Decimal(1))
    return rates


def _links(
    posted: list[Posted],
    true: Mapping[Pair, Decimal],
    unmatchable: Mapping[str, str],
    in_sgd: Mapping[str, Decimal],
) -> LinkScore:
    right = [one for one in posted if one.pair in true]
    matchable = {ids for ids in true if not unmatchable.keys() & set(ids)}
    counts, wrongs = (
        Counter(one.rule for one in posted),
        Counter(one.rule for one in posted if one.pair not in true),
    )
    return LinkScore(
        posted=len(posted),
        true=len(true),
        right=len(right),
        lucky=sum(1 for one in right if one.pair not in matchable),
        exact=sum(1 for one in right if abs(one.amount) == abs(true[one.pair])),
        wrong=_examples(posted, true, unmatchable),
        matchable=len(matchable),
        found=len({one.pair for one in right} & matchable),
        posted_value=_value(posted, in_sgd),
        right_value=_value(right, in_sgd),
        by_rule={rule: (count, wrongs[rule]) for rule, count in sorted(counts.items())},
    )


def _value(posted: Iterable[Posted], in_sgd: Mapping[str, Decimal]) -> Decimal | None:
    total = Decimal(0)
    for one in posted:
        if one.currency not in in_sgd:
            return None
        total += abs(one.amount) * in_sgd[one.currency]
    return total


def _examples(
    posted: list[Posted], true: Mapping[Pair, Decimal], unmatchable: Mapping[str, str]
) -> tuple[Wrong, ...]:
    wrong = sorted(one for one in posted if one.pair not in true)[:EXAMPLES]
    asked = {identity for one in wrong for identity in one.pair}
    truly: dict[str, list[str]] = {}
    for one, other in true if asked else ():
        for identity, opposite in ((one, other), (other, one)):
            if identity in asked:
                truly.setdefault(identity, []).append(opposite)
    return tuple(
        Wrong(
            one,
            (
                *(
                    f"{identity} is {unmatchable[identity]}"
                    for identity in one.pair
                    if identity in unmatchable
                ),
                *(
                    f"{identity} - {', '.join(sorted(truly.get(identity, ['nothing'])))}"
                    for identity in one.pair
                ),
            ),
        )
        for one in wrong
    )


def _cash(truth: Truth, posted: list[Posted], as_of: date | None) -> CashScore:
    received = {
        payment for payment, (paid_on, _) in truth.payments.items() if as_of is None or paid_on <= as_of
    }
    unmatchable = truth.unmatchable.get("R3", {})
    true = _by_payment(truth.links.get("R3", {}), received)
    ours = _by_payment((one.pair for one in posted), received)
    matchable = true.keys() - unmatchable.keys()
    reasons = Counter(reason for payment, reason in unmatchable.items() if payment in received)
    kinds = Counter(truth.kinds.get(payment, "unnamed") for payment in matchable)
    covered = Counter(truth.kinds.get(payment, "unnamed") for payment in ours.keys() & matchable)
    slipped = Counter(unmatchable[payment] for payment in ours if payment in unmatchable)
    return CashScore(
        received=len(received),
        matchable=len(matchable),
        posted=len(ours),
        posted_matchable=len(ours.keys() & matchable),
        whole=sum(1 for payment, invoices in ours.items() if true.get(payment) == invoices),
        unmatchable={reason: (count, count - slipped[reason]) for reason, count in sorted(reasons.items())},
        kinds={kind: (count, covered[kind]) for kind, count in sorted(kinds.items())},
    )


def _by_payment(pairs: Iterable[Pair], payments: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        payment, invoice = (one, other) if one in payments else (other, one)
        if payment in payments:
            found.setdefault(payment, set()).add(invoice)
    return found


def _codes(true: set[Named], named: set[Named]) -> dict[str, CodeScore]:
    right, invented, missed = (
        Counter(one.code for one in some) for some in (true & named, named - true, true - named)
    )
    codes = sorted({one.code for one in true | named if not one.code.startswith(GENERIC)})
    return {code: CodeScore(right[code], invented[code], missed[code]) for code in codes}
