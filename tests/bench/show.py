"""A score as text for people and as plain values for var/bench/*.json."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.bench.score import CashScore, CodeScore, LinkScore, Score


def figure(value: Decimal | None, places: int = 6) -> str:
    """A ratio with so many places, cut and not rounded: 0.99999961 is not shown as 1."""
    if value is None:
        return "-"
    return f"{value.quantize(Decimal(10) ** -places, rounding='ROUND_FLOOR')}"


def as_text(score: Score) -> Iterator[str]:
    """Line by line: links per reconciliation, cash payment by payment, reason codes."""
    for recon, links in score.links.items():
        yield from _links(recon, links)
    if score.cash.received:
        yield from _cash(score.cash)
    for recon, codes in score.codes.items():
        yield f"{recon} codes      right  invented  missed  precision    recall        F1"
        for code, one in codes.items():
            yield _code(code, one)
        yield f"   macro-F1 of the codes the truth has: {figure(score.macro_f1(recon))}"
    yield f"macro-F1 over all codes the truth has: {figure(score.macro_f1())}"


def _links(recon: str, one: LinkScore) -> Iterator[str]:
    yield (
        f"{recon} pairs: {one.posted:,} posted, {one.true:,} true, {one.posted - one.right:,} wrong, "
        f"{one.lucky:,} right by luck, {one.exact:,} of {one.right:,} right ones with the true amount"
    )
    yield (
        f"   precision {figure(one.precision)} by count, {figure(one.precision_by_value)} by value; "
        f"recall of the matchable {figure(one.recall)} ({one.found:,} of {one.matchable:,})"
    )
    for rule, (posted, mistaken) in one.by_rule.items():
        yield f"   {rule}: {posted:,} posted, {mistaken:,} wrong"
    for wrong in one.wrong:
        pair = wrong.posted
        yield f"   wrong by {pair.rule}: {pair.side_a} - {pair.side_b} {pair.amount} {pair.currency}"
        yield f"      truly: {'; '.join(wrong.truly)}"


def _cash(cash: CashScore) -> Iterator[str]:
    yield (
        f"R3 payments: {cash.received:,} received, {cash.matchable:,} matchable, {cash.posted:,} posted "
        f"({cash.whole:,} with exactly the true invoices)"
    )
    yield f"   coverage {figure(cash.coverage)} of the matchable, {figure(cash.coverage_of_all)} of all"
    for reason, (payments, held) in cash.unmatchable.items():
        yield f"   {reason}: {held:,} of {payments:,} withheld"
    for kind, (payments, posted) in cash.kinds.items():
        yield f"   {kind}: {posted:,} of {payments:,} posted"


def _code(code: str, one: CodeScore) -> str:
    figures = "  ".join(f"{figure(value):>8}" for value in (one.precision, one.recall, one.f1))
    return f"   {code:<8}{one.right:>8}  {one.invented:>8}  {one.missed:>6}  {figures}"


def as_values(score: Score) -> dict[str, Any]:
    """The same as numbers and texts that JSON can hold; ratios stay decimal text."""
    return {
        "links": {recon: _link_values(links) for recon, links in score.links.items()},
        "cash": {
            "received": score.cash.received,
            "matchable": score.cash.matchable,
            "posted": score.cash.posted,
            "whole": score.cash.whole,
            "coverage": _text(score.cash.coverage),
            "coverage_of_all": _text(score.cash.coverage_of_all),
            "withheld": _text(score.cash.withheld),
            "unmatchable": score.cash.unmatchable,
            "kinds": score.cash.kinds,
        },
        "codes": {
            recon: {code: [one.right, one.invented, one.missed, _text(one.f1)] for code, one in codes.items()}
            for recon, codes in score.codes.items()
        },
        "macro_f1": {recon: _text(score.macro_f1(recon)) for recon in score.codes}
        | {"all": _text(score.macro_f1())},
    }


def _link_values(links: LinkScore) -> dict[str, Any]:
    return {
        "posted": links.posted,
        "true": links.true,
        "wrong": links.posted - links.right,
        "lucky": links.lucky,
        "exact": links.exact,
        "precision": _text(links.precision),
        "precision_by_value": _text(links.precision_by_value),
        "recall": _text(links.recall),
        "by_rule": links.by_rule,
        "examples": [" ".join([one.posted.rule, *one.posted.pair]) for one in links.wrong],
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
