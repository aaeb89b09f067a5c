"""What is wrong with payouts whatever the bank says: they do not net, or the platform takes another fee than agreed."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from include.domain.breaks import Break
from include.domain.contracts import (
    ChargedFee,
    FeeVote,
    FixedFee,
    Misfit,
    fixed_fees,
    implied_rate,
    misfits,
)
from include.domain.payouts import Finding, Payout, judge
from include.flows.day_rates import rates_of_the_day
from include.policy.payouts import Contract
from include.ports import Transaction

FEES_LOOKED_AT = 500
"""Different fees of a currency from which a percentage is told, the most frequent first."""

Judged = Sequence[tuple[Payout, Finding]]


@dataclass
class _Terms:
    """What the platform may take: the percentages of currencies that have their own, and the fixed parts."""

    percents: dict[str, int]
    fixed: dict[str, FixedFee] = field(default_factory=dict)


def judge_payouts(tx: Transaction, contract: Contract) -> Iterator[Break]:
    """One break per payout and code; one per currency (PO04) where the contract in policy is not the platform's, and
    then payouts are held to what most charges were charged.
    """
    terms = _Terms(dict(contract.percent_bps_in))
    _sum_up(tx, contract, terms)
    terms.fixed = _fixed_fees(tx, contract, terms)
    payouts, found = _judge(tx, terms)
    differing = [(payout, finding) for payout, finding in found if finding.code == "PO04"]
    charged = Counter(payout.currency for payout in payouts if payout.charges)
    wrong = misfits(
        charged,
        Counter(payout.currency for payout, _ in differing),
        least_payouts=contract.misfit_least_payouts,
    )
    if wrong:
        yield from _misfits(tx, contract, terms, wrong, differing)
        _sum_up(tx, contract, terms)
        _, found = _judge(tx, terms)
    for payout, finding in found:
        yield Break(
            recon="R4",
            code=finding.code,
            key=payout.payout_id,
            evidence=finding.evidence,
            currency=None if finding.amount_minor is None else payout.currency,
            amount_minor=finding.amount_minor,
            since=payout.arrival_date,
        )


def _percents(contract: Contract, terms: _Terms) -> dict[str, object]:
    return {
        "percent_bps": contract.percent_bps,
        "currencies": list(terms.percents),
        "currency_bps": list(terms.percents.values()),
    }


def _sum_up(tx: Transaction, contract: Contract, terms: _Terms) -> None:
    tx.run("forget_payout_sums")
    tx.run("fill_payout_sums", **_percents(contract, terms))


def _judge(tx: Transaction, terms: _Terms) -> tuple[list[Payout], Judged]:
    payouts = [Payout(**row) for row in tx.rows("payouts_to_judge")]
    return payouts, [
        (payout, finding)
        for payout in payouts
        for finding in judge(payout, fixed_fee=terms.fixed.get(payout.currency))
    ]


def _fixed_fees(tx: Transaction, contract: Contract, terms: _Terms) -> dict[str, FixedFee]:
    votes = tx.rows("fixed_fee_votes", **_percents(contract, terms))
    return fixed_fees(
        [FeeVote(**row) for row in votes],
        contract=contract.fixed_minor,
        in_reporting=rates_of_the_day(tx),
        within_percent=contract.equivalent_within_percent,
        least_charges=contract.least_charges,
    )


def _misfits(
    tx: Transaction, contract: Contract, terms: _Terms, currencies: Sequence[str], differing: Judged
) -> Iterator[Break]:
    """Say so once a currency, and put what was found in the place of the terms that do not fit."""
    fees: defaultdict[str, list[ChargedFee]] = defaultdict(list)
    for row in tx.rows("charged_fees", currencies=list(currencies), most=FEES_LOOKED_AT):
        fees[row["currency"]].append(ChargedFee(**row))
    for currency in currencies:
        ours = [(payout, finding) for payout, finding in differing if payout.currency == currency]
        misfit = Misfit(
            currency=currency,
            percent_bps=terms.percents.get(currency, contract.percent_bps),
            fixed=terms.fixed[currency],
            payouts=len(ours),
            fees=fees[currency],
            rate=implied_rate(fees[currency]),
        )
        _put_in_place(terms, misfit)
        yield Break(
            recon="R4",
            code="PO04",
            key=f"contract {currency}",
            evidence=misfit.evidence(),
            currency=currency,
            amount_minor=sum(finding.amount_minor or 0 for _, finding in ours),
            since=_first(ours),
        )


def _put_in_place(terms: _Terms, misfit: Misfit) -> None:
    if misfit.rate:
        terms.percents[misfit.currency] = misfit.rate.percent_bps
        terms.fixed[misfit.currency] = FixedFee(misfit.rate.fixed_minor, 0, "as most charges have it")
    else:
        del terms.fixed[misfit.currency]


def _first(judged: Judged) -> date:
    return min(payout.arrival_date for payout, _ in judged)
