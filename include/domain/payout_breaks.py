"""What is told of payouts, transfers and lines of the bank that do not come together (R4): the breaks, in words.

`Facts` is a row of the query that found it, see sql/queries/settle_payouts.sql.
"""

from collections.abc import Mapping
from typing import Any

from include.domain.breaks import Break, Level
from include.domain.money import Money
from include.domain.payouts import Conversion
from include.domain.shown import cut

Facts = Mapping[str, Any]


def without_payout(row: Facts) -> Break:
    """PO05: the platform told what is in a payout, and of no such payout."""
    evidence = f"its items ({row['items']:,}) are known and no payout of that name is"
    money: dict[str, Any] = {}
    if len(row["currencies"]) == 1:
        [currency] = row["currencies"]
        money = {"currency": currency, "amount_minor": row["net_minor"]}
        evidence += f"; they come to {Money(row['net_minor'], currency)}"
    return _break("PO05", row["payout_id"], evidence, **money)


def misstated(row: Facts) -> Break:
    """PO03: a payout states a charge otherwise than the payment does, or several payouts hold it."""
    stated, paid = (Money(row[name], row["currency"]) for name in ("gross_minor", "amount_minor"))
    evidence = f"payment {row['payment_id']} is {stated} in the payout and {paid} itself"
    difference = row["gross_minor"] - row["amount_minor"]
    if row["payouts"] > 1:
        evidence += f"; {row['payouts']} payouts hold it"
        difference = difference or row["gross_minor"]
    money = {"currency": row["currency"], "amount_minor": difference}
    return _break("PO03", row["payout_id"], evidence, **money, since=row["arrival_date"])


def converted(one: Conversion) -> Break:
    """PO08."""
    finding = one.finding()
    currency = None if finding.amount_minor is None else one.received_currency
    money = {"currency": currency, "amount_minor": finding.amount_minor}
    return _break("PO08", one.payout_id, finding.evidence, **money, since=one.value_date)


def not_in_bank(row: Facts, *, severity: Level, unread: int) -> Break:
    """PO01; so many lines of the bank could not be read."""
    evidence = (
        f"{_net(row)} should have arrived on {row['arrival_date']} and no line of the bank is surely it"
    )
    if row["named_by"]:
        evidence += f"; named by {row['named_by']}, for {Money(row['named_minor'], row['currency'])}"
    evidence += _unread(unread, "lines of the bank")
    return _missing(row, evidence, severity=severity)


def not_sent_again(row: Facts) -> Break:
    """PO01, of a payout that failed."""
    return _missing(
        row, f"the payout of {_net(row)} failed on {row['arrival_date']} and no later one takes it along"
    )


def in_no_payout(row: Facts) -> Break:
    """PO05."""
    return _moved("PO05", row, "is in no payout, though one has been due")


def not_banked(row: Facts, *, unread: int) -> Break:
    """PO05, of a transfer."""
    words = "is in no payout, and no line of the bank is it"
    if row["candidates"]:
        words = f"is in no payout, and more such are known than the bank's lines ({row['candidates']})"
    return _moved("PO05", row, words + _unread(unread, "lines of the bank"))


def in_transit(row: Facts) -> Break:
    """CA11."""
    return _moved("CA11", row, "is not at the bank by the end of the month")


def unexplained(row: Facts, *, unread: int) -> Break:
    """PO02; so many payments, refunds and payouts could not be read."""
    amount = Money(row["amount_minor"], row["currency"])
    evidence = f"{amount} on {row['value_date']} is no payment, refund or payout we know"
    if row["candidates"]:
        evidence = f"{amount} on {row['value_date']}: there are more such lines than {row['candidates']}"
    if row["names"]:
        evidence = f"{amount} on {row['value_date']} names {row['names']}, which should not be this line"
    if row["reference"]:
        evidence += f"; its reference is {cut(row['reference'], 80)!r}"
    evidence += _unread(unread, "payments, refunds and payouts")
    money = {"currency": row["currency"], "amount_minor": row["amount_minor"]}
    return _break("PO02", row["line_id"], evidence, **money, since=row["value_date"])


def _net(row: Facts) -> Money:
    return Money(row["net_minor"], row["currency"])


def _missing(row: Facts, evidence: str, **facts: Any) -> Break:
    money = {"currency": row["currency"], "amount_minor": row["net_minor"]}
    return _break("PO01", row["payout_id"], evidence, **money, since=row["arrival_date"], **facts)


def _moved(code: str, row: Facts, words: str) -> Break:
    amount = Money(row["amount_minor"], row["currency"])
    evidence = f"the {row['side']} of {amount} on {row['moved_on']} {words}"
    money = {"currency": row["currency"], "amount_minor": row["amount_minor"]}
    return _break(code, row["side_id"], evidence, **money, since=row["moved_on"])


def _unread(count: int, what: str) -> str:
    return f" ({count:,} {what} could not be read)" if count else ""


def _break(code: str, key: str, evidence: str, **facts: Any) -> Break:
    return Break(recon="R4", code=code, key=key, evidence=evidence, **facts)
