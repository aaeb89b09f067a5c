"""R4: follows payments into payouts and both to the bank's lines, and names whatever does not arrive as it should."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from include.domain.breaks import Break
from include.domain.dates import is_month_end
from include.domain.money import Money
from include.domain.payouts import Conversion, missing_severity
from include.domain.sums import only_sums
from include.flows.judge_payouts import judge_payouts
from include.flows.snapshot import Seen
from include.policy import Policy
from include.policy.payouts import Payouts
from include.ports import Row, Transaction

_PAIR = (
    "rule side_a_type side_a_id side_b_type side_b_id currency amount_minor residual_minor residual_reason state "
    "together"
)


def settle_payouts(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Match what is sure, keep it, and return the breaks of payouts, bank lines and what reached neither.

    Afterwards `settled_pairs` holds what was matched, `bank_pool` the lines that nothing claimed.
    """
    rules = policy.payouts
    _fill_tables(tx, rules)
    tx.run("settle_charges")
    tx.run("settle_returns")
    tx.run("fill_named_payouts")
    tx.run("analyse_named_payouts")
    tx.run("keep_longest_names")
    tx.run("settle_named_payouts")
    conversions = _settle_conversions(tx, rules)
    _settle_by_likeness(tx, rules)
    tx.run("keep_settled_pairs", run_id=seen.run_id)
    sides = tx.rows("sides_seen")[0]
    found = [
        *judge_payouts(tx, rules.contract),
        *_items_without_payout(tx),
        *_misstated(tx),
        *(_of_conversion(one) for one in conversions),
        *_not_in_bank(tx, seen, policy, sides, judged=[one.payout_id for one in conversions]),
        *_in_no_payout(tx, seen, rules, sides),
        *_in_transit(tx, seen, sides),
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
    _suggest_sums(tx)


def _suggest_sums(tx: Transaction) -> None:
    """Suggest lines that are only together like one payout, or alone like several payouts or transfers of their day."""
    days: defaultdict[tuple[str, date, bool], list[Row]] = defaultdict(list)
    for row in tx.rows("lonely_money"):
        days[row["currency"], row["day"], row["amount_minor"] > 0].append(row)
    for rows in days.values():
        lines = {row["side_id"]: row for row in rows if row["side"] == "bank_line"}
        money = {f"{row['side']}|{row['side_id']}": row for row in rows if row["side"] != "bank_line"}
        payouts = {name: row for name, row in money.items() if row["side"] == "payout"}
        together = [
            (money[part], lines[line])
            for line, parts in only_sums(_amounts(lines), _amounts(money)).items()
            for part in parts
        ]
        apart = [
            (payouts[payout], lines[line])
            for payout, parts in only_sums(_amounts(payouts), _amounts(lines)).items()
            for line in parts
        ]
        tx.copy_in(
            "settled_pairs",
            _PAIR.split(),
            [_sum_row(row, line, of=row["amount_minor"], together=None) for row, line in together]
            + [_sum_row(row, line, of=line["amount_minor"], together=row["side_id"]) for row, line in apart],
        )


def _amounts(rows: Mapping[str, Row]) -> dict[str, int]:
    return {name: abs(row["amount_minor"]) for name, row in rows.items()}


def _sum_row(row: Row, line: Row, *, of: int, together: str | None) -> list[Any]:
    pair = [row["side"], row["side_id"], "bank_line", line["side_id"], row["currency"]]
    return ["P5", *pair, of, 0, "", "suggested", together]


def _items_without_payout(tx: Transaction) -> Iterator[Break]:
    """PO05: the platform told what is in a payout, and of no such payout."""
    for row in tx.rows("items_without_payout"):
        evidence = f"its {row['items']} items are known and no payout of that name is"
        money: dict[str, Any] = {}
        if len(row["currencies"]) == 1:
            [currency] = row["currencies"]
            money = {"currency": currency, "amount_minor": row["net_minor"]}
            evidence += f"; they come to {Money(row['net_minor'], currency)}"
        yield _break("PO05", row["payout_id"], evidence, **money)


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
    tx: Transaction, seen: Seen, policy: Policy, sides: Row, *, judged: Iterable[str]
) -> Iterator[Break]:
    """PO01. With no line of any bank loaded nothing is missing there; nor is what is older than the lines."""
    if sides["bank_from"] is None:
        return
    unread = _unread(sides["unread_lines"], "lines of the bank")
    days, calendar = policy.payouts.days, policy.calendars.own
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
                calendar=calendar,
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


def _in_transit(tx: Transaction, seen: Seen, sides: Row) -> Iterator[Break]:
    """CA11: on the last day of a month, transfers the bank will show in the next; after it they are either there or
    missed (PO05). Named here and not in R3, where the same payment may have another break.
    """
    if sides["bank_from"] is None or not sides["payouts_told"] or not is_month_end(seen.as_of):
        return
    for row in tx.rows("transfers_in_transit", bank_from=sides["bank_from"], as_of=seen.as_of):
        amount = Money(row["amount_minor"], row["currency"])
        evidence = (
            f"the {row['side']} of {amount} on {row['moved_on']} is not at the bank by the end of the month"
        )
        yield _break("CA11", row["side_id"], evidence, **_money(row, "amount_minor"), since=row["moved_on"])


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
