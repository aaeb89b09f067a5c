"""R4: follows payments into payouts and both to the bank's lines, and names whatever does not arrive as it should."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from include.domain.breaks import REPORTING_CURRENCY, Break
from include.domain.fx import rates_to
from include.domain.money import Money
from include.domain.payouts import (
    Conversion,
    FeeVote,
    FixedFee,
    Payout,
    fixed_fees,
    judge,
    missing_severity,
)
from include.flows.snapshot import Seen
from include.policy import Policy
from include.policy.payouts import Payouts
from include.ports import Row, Transaction


def settle_payouts(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Match what is sure, keep it, and return the breaks of payouts, bank lines and what reached neither.

    Afterwards `settled_pairs` holds what was matched, `bank_pool` the lines that nothing claimed.
    """
    rules = policy.payouts
    _fill_tables(tx, rules)
    tx.run("settle_charges")
    tx.run("settle_returns")
    tx.run("fill_named_payouts")
    tx.run("keep_longest_names")
    tx.run("settle_named_payouts")
    conversions = _settle_conversions(tx, rules)
    _settle_by_likeness(tx, rules)
    tx.run("keep_settled_pairs", run_id=seen.run_id)
    sides = tx.rows("sides_seen")[0]
    found = [
        *_judged_payouts(tx, seen, rules),
        *_misstated(tx),
        *(_of_conversion(one) for one in conversions),
        *_not_in_bank(tx, seen, rules, sides, judged=[one.payout_id for one in conversions]),
        *_in_no_payout(tx, seen, rules, sides),
        *_unexplained_lines(tx, rules, sides),
    ]
    return list({(one.code, one.key): one for one in reversed(found)}.values())


def _fill_tables(tx: Transaction, rules: Payouts) -> None:
    kinds = [(kind, word) for kind, words in rules.payout_item_kinds.items() for word in words]
    tx.run("create_settling_tables")
    tx.run("fill_run_payouts")
    tx.run("fill_run_payout_items", kinds=[kind for kind, _ in kinds], types=[word for _, word in kinds])
    tx.run("fill_run_returns")
    tx.run("fill_run_bank_lines", blank_references=list(rules.blank_references))
    tx.run("analyse_run_settling")
    tx.run("fill_payout_sums", percent_bps=rules.contract.percent_bps)


def _settle_conversions(tx: Transaction, rules: Payouts) -> list[Conversion]:
    """Payouts the platform paid out in another currency: posted where the day's rate confirms the amount."""
    found = [Conversion(**row) for row in tx.rows("converted_payouts")]
    near = [one.payout_id for one in found if one.is_near(within_percent=rules.conversion_within_percent)]
    tx.run("settle_converted_payouts", payouts=near)
    return found


def _settle_by_likeness(tx: Transaction, rules: Payouts) -> None:
    """Post the pairs nothing else speaks against, until there are no more: each may have been another's rival."""
    days = rules.days
    tx.run("fill_bank_pool")
    tx.run(
        "fill_money_on_its_way",
        blank_references=list(rules.blank_references),
        wire_before=days.wire_before,
        wire_after=days.wire_after,
        payout_after=days.payout_after,
    )
    tx.run("fill_money_by_day")
    tx.run("analyse_bank_pool")
    tx.run("fill_bank_pairs")
    tx.run("analyse_bank_pairs")
    tx.run("forget_payouts_from_payers")
    settled = 1
    while settled:
        tx.run("analyse_bank_pairs")
        tx.run("find_likely_pairs")
        tx.run("analyse_likely_pairs")
        tx.run("doubt_likely_pairs")
        settled = tx.run("settle_likely_pairs")
        tx.run("remove_pairs_of_settled_lines")
        tx.run("remove_pairs_of_settled_money")
        tx.run("remove_settled_money")
        tx.run("remove_settled_lines")
        tx.run("forget_likely_pairs")
    tx.run("suggest_bank_pairs")


def _judged_payouts(tx: Transaction, seen: Seen, rules: Payouts) -> Iterator[Break]:
    fees = _fixed_fees(tx, seen, rules)
    for row in tx.rows("payouts_to_judge"):
        payout = Payout(**row)
        for finding in judge(payout, fixed_fee=fees.get(payout.currency)):
            yield _break(
                finding.code,
                payout.payout_id,
                finding.evidence,
                currency=None if finding.amount_minor is None else payout.currency,
                amount_minor=finding.amount_minor,
                since=payout.arrival_date,
            )


def _fixed_fees(tx: Transaction, seen: Seen, rules: Payouts) -> dict[str, FixedFee]:
    contract = rules.contract
    rates = [
        (row["from_currency"], row["to_currency"], row["rate"])
        for row in tx.rows("rates_as_of", batch=seen.batch, as_of=seen.as_of)
    ]
    votes = tx.rows("fixed_fee_votes", percent_bps=contract.percent_bps)
    return fixed_fees(
        [FeeVote(**row) for row in votes],
        contract=contract.fixed_minor,
        in_reporting=rates_to(REPORTING_CURRENCY, rates),
        within_percent=contract.equivalent_within_percent,
        least_charges=contract.least_charges,
    )


def _misstated(tx: Transaction) -> Iterator[Break]:
    for row in tx.rows("misstated_components"):
        stated, paid = (
            Money(row[name], row["currency"]).__str__() for name in ("gross_minor", "amount_minor")
        )
        evidence = f"payment {row['payment_id']} is {stated} in the payout and {paid} itself"
        difference = row["gross_minor"] - row["amount_minor"]
        if row["payouts"] > 1:
            evidence += f"; {row['payouts']} payouts hold it"
            difference = difference or row["gross_minor"]
        money = {"currency": row["currency"], "amount_minor": difference}
        yield _break("PO03", row["payout_id"], evidence, **money, since=row["arrival_date"])


def _of_conversion(one: Conversion) -> Break:
    finding = one.finding()
    currency = None if finding.amount_minor is None else one.received_currency
    money = {"currency": currency, "amount_minor": finding.amount_minor}
    return _break("PO08", one.payout_id, finding.evidence, **money, since=one.value_date)


def _not_in_bank(
    tx: Transaction, seen: Seen, rules: Payouts, sides: Row, *, judged: Iterable[str]
) -> Iterator[Break]:
    """PO01. With no line of any bank loaded nothing is missing there; nor is what is older than the lines."""
    if sides["bank_from"] is None:
        return
    unread = _unread(sides["unread_lines"], "lines of the bank")
    days = rules.days
    for row in tx.rows("payouts_not_in_bank", bank_from=sides["bank_from"], judged=list(judged)):
        net = Money(row["net_minor"], row["currency"])
        named = f"; named by {row['named_by']}, for {Money(row['named_minor'], row['currency'])}"
        evidence = f"{net} should have arrived on {row['arrival_date']} and no line of the bank is surely it"
        yield _break(
            "PO01",
            row["payout_id"],
            f"{evidence}{named if row['named_by'] else ''}{unread}",
            **_money(row, "net_minor"),
            since=row["arrival_date"],
            severity=missing_severity(
                row["arrival_date"],
                as_of=seen.as_of,
                grace=days.payout_grace_business,
                timing=days.timing_business,
            ),
        )
    before = seen.as_of - timedelta(days=days.resend)
    for row in tx.rows("failed_payouts_not_sent_again", before=before):
        net = Money(row["net_minor"], row["currency"])
        evidence = f"the payout of {net} failed on {row['arrival_date']} and no later one takes it along"
        yield _break(
            "PO01", row["payout_id"], evidence, **_money(row, "net_minor"), since=row["arrival_date"]
        )


def _in_no_payout(tx: Transaction, seen: Seen, rules: Payouts, sides: Row) -> Iterator[Break]:
    """PO05: charges no payout holds though one was due, and transfers the bank does not show.

    Where payouts are loaded without their items, any payment may be in one of them.
    """
    days, found = rules.days, []
    if sides["payouts_from"] is not None:
        until = seen.as_of - timedelta(days=days.settling + days.payout_every + days.payout_late)
        rows = tx.rows("transactions_in_no_payout", payouts_from=sides["payouts_from"], until=until)
        found += [(row, "is in no payout, though one has been due") for row in rows]
    if sides["bank_from"] is not None and sides["payouts_told"]:
        unread = _unread(sides["unread_lines"], "lines of the bank")
        for row in tx.rows("transfers_not_in_bank", bank_from=sides["bank_from"], as_of=seen.as_of):
            words = "is in no payout, and no line of the bank is it"
            if row["candidates"]:
                words = (
                    f"is in no payout, and more such are known than the bank's lines ({row['candidates']})"
                )
            found.append((row, words + unread))
    for row, words in found:
        evidence = (
            f"the {row['side']} of {Money(row['amount_minor'], row['currency'])} on {row['moved_on']} {words}"
        )
        yield _break("PO05", row["side_id"], evidence, **_money(row, "amount_minor"), since=row["moved_on"])


def _unexplained_lines(tx: Transaction, rules: Payouts, sides: Row) -> Iterator[Break]:
    """PO02. With neither payments nor payouts loaded nothing could explain a line; nor what is older than they are."""
    if sides["money_from"] is None:
        return
    unread = _unread(sides["unread_money"], "payments, refunds and payouts")
    wanted = {"money_from": sides["money_from"], "unexplained_debits": rules.unexplained_debits}
    for row in tx.rows("unexplained_bank_lines", **wanted):
        amount = Money(row["amount_minor"], row["currency"])
        evidence = f"{amount} on {row['value_date']} is no payment, refund or payout we know"
        if row["candidates"]:
            evidence = f"{amount} on {row['value_date']}: there are more such lines than {row['candidates']}"
        if row["names"]:
            evidence = f"{amount} on {row['value_date']} names {row['names']}, which should not be this line"
        if row["reference"]:
            evidence += f"; its reference is {row['reference'][:80]!r}"
        yield _break(
            "PO02", row["line_id"], evidence + unread, **_money(row, "amount_minor"), since=row["value_date"]
        )


def _break(code: str, key: str, evidence: str, **facts: Any) -> Break:
    return Break(recon="R4", code=code, key=key, evidence=evidence, **facts)


def _money(row: Row, column: str) -> dict[str, Any]:
    return {"currency": row["currency"], "amount_minor": row[column]}


def _unread(count: int, what: str) -> str:
    return f" ({count} {what} could not be read)" if count else ""
