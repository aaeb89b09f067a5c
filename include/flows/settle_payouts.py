"""R4: follows payments into payouts and both to the bank's lines, and names whatever does not arrive as it should."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from include.domain import payout_breaks
from include.domain.breaks import Break
from include.domain.dates import is_month_end
from include.domain.payouts import Conversion, missing_severity
from include.domain.sums import only_sums
from include.flows.judge_payouts import judge_payouts
from include.flows.settle_by_hand import COLUMNS, settle_by_hand, with_words
from include.flows.snapshot import Seen
from include.policy import Policy
from include.policy.payouts import Payouts
from include.ports import Row, Transaction


def settle_payouts(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Match what people decided and what is sure, keep it, and return the breaks of what does not come together.

    Afterwards `settled_pairs` holds what was matched, `bank_pool` the lines that nothing claimed.
    """
    rules = policy.payouts
    _fill_tables(tx, rules)
    tx.run("settle_charges")
    tx.run("settle_returns")
    words = settle_by_hand(tx)
    tx.run("fill_named_payouts")
    tx.run("analyse_named_payouts")
    tx.run("keep_longest_names")
    tx.run("forget_decided_names")
    tx.run("settle_named_payouts")
    conversions = _settle_conversions(tx, rules)
    _settle_by_likeness(tx, rules)
    tx.run("keep_settled_pairs", run_id=seen.run_id)
    sides = tx.rows("sides_seen")[0]
    found = [
        *judge_payouts(tx, rules.contract),
        *map(payout_breaks.without_payout, tx.rows("items_without_payout")),
        *map(payout_breaks.misstated, tx.rows("misstated_components")),
        *map(payout_breaks.converted, conversions),
        *_not_in_bank(tx, seen, policy, sides, judged=[one.payout_id for one in conversions]),
        *_in_no_payout(tx, seen, rules, sides),
        *_in_transit(tx, seen, sides),
        *_unexplained_lines(tx, rules, sides),
    ]
    return with_words({(one.code, one.key): one for one in reversed(found)}.values(), words)


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
    tx.run("forget_parted_pairs")
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
            COLUMNS,
            [_sum_row(row, line, of=row["amount_minor"], together=None) for row, line in together]
            + [_sum_row(row, line, of=line["amount_minor"], together=row["side_id"]) for row, line in apart],
        )


def _amounts(rows: Mapping[str, Row]) -> dict[str, int]:
    return {name: abs(row["amount_minor"]) for name, row in rows.items()}


def _sum_row(row: Row, line: Row, *, of: int, together: str | None) -> list[Any]:
    pair = [row["side"], row["side_id"], "bank_line", line["side_id"], row["currency"]]
    return ["P5", *pair, of, 0, "", "suggested", together]


def _not_in_bank(
    tx: Transaction, seen: Seen, policy: Policy, sides: Row, *, judged: Iterable[str]
) -> Iterator[Break]:
    """PO01. With no line of any bank loaded nothing is missing there; nor is what is older than the lines."""
    if sides["bank_from"] is None:
        return
    days, calendar = policy.payouts.days, policy.calendars.own
    for row in tx.rows("payouts_not_in_bank", bank_from=sides["bank_from"], judged=list(judged)):
        level = missing_severity(
            row["arrival_date"],
            as_of=seen.as_of,
            grace=days.payout_grace_business,
            timing=days.timing_business,
            calendar=calendar,
        )
        yield payout_breaks.not_in_bank(row, severity=level, unread=sides["unread_lines"])
    before = seen.as_of - timedelta(days=days.resend)
    yield from map(payout_breaks.not_sent_again, tx.rows("failed_payouts_not_sent_again", before=before))


def _in_no_payout(tx: Transaction, seen: Seen, rules: Payouts, sides: Row) -> Iterator[Break]:
    """PO05: charges no payout holds though one was due, and transfers the bank does not show.

    Where payouts are loaded without their items, any payment may be in one of them.
    """
    days = rules.days
    if sides["payouts_from"] is not None:
        until = seen.as_of - timedelta(days=days.settling + days.payout_every + days.payout_late)
        rows = tx.rows("transactions_in_no_payout", payouts_from=sides["payouts_from"], until=until)
        yield from map(payout_breaks.in_no_payout, rows)
    if sides["bank_from"] is not None and sides["payouts_told"]:
        for row in tx.rows("transfers_not_in_bank", bank_from=sides["bank_from"], as_of=seen.as_of):
            yield payout_breaks.not_banked(row, unread=sides["unread_lines"])


def _in_transit(tx: Transaction, seen: Seen, sides: Row) -> Iterator[Break]:
    """CA11: on the last day of a month, transfers the bank will show in the next; after it they are either there or
    missed (PO05). Named here and not in R3, where the same payment may have another break.
    """
    if sides["bank_from"] is not None and sides["payouts_told"] and is_month_end(seen.as_of):
        rows = tx.rows("transfers_in_transit", bank_from=sides["bank_from"], as_of=seen.as_of)
        yield from map(payout_breaks.in_transit, rows)


def _unexplained_lines(tx: Transaction, rules: Payouts, sides: Row) -> Iterator[Break]:
    """PO02. With neither payments nor payouts loaded nothing could explain a line; nor what is older than they are."""
    if sides["money_from"] is None:
        return
    wanted = {"money_from": sides["money_from"], "unexplained_debits": rules.unexplained_debits}
    for row in tx.rows("unexplained_bank_lines", **wanted):
        yield payout_breaks.unexplained(row, unread=sides["unread_money"])
