"""R3: applies payments to invoices, pass by pass, and says of every payment left why it was not posted."""

from collections.abc import Callable, Iterator, Mapping

from include.domain.breaks import Break
from include.domain.names import may_be_same
from include.domain.unposted import unposted
from include.flows.apply_by_amount import apply_by_amount
from include.flows.apply_remittances import apply_named_in_part, short_payments
from include.flows.carry_out_rulings import carry_out_rulings, see_partings
from include.flows.explain_refunds import explain_returns, unseen_payments
from include.flows.snapshot import Seen
from include.policy import Pass, Policy
from include.ports import Fatal, Transaction

PAYMENTS_AT_ONCE = 25_000
"""About so many payments are decided in memory at a time; customers are spread over as many buckets as that takes."""

_TABLES = (
    "run_invoices",
    "pool_invoices",
    "pool_payments",
    "cash_lines",
    "new_lines",
    "namings",
    "named_invoices",
    "explained_payments",
    "on_account",
    "cash_returned",
    "reversals",
    "used_credits",
    "held_payments",
    "foreign_payers",
    "last_parts",
)


def apply_cash(tx: Transaction, seen: Seen, policy: Policy) -> Iterator[Break]:
    """Fill the pools, run the passes in order, keep the matches, and give the breaks of payments and what they pay.

    Afterwards `cash_lines` holds what was posted and the pools what was not. Raises Fatal on an unknown rule.
    """
    _fill_pools(tx)
    for step in policy.matching["R3"]:
        if step.rule not in _RULES:
            raise Fatal(f"policy/matching.yaml: pass {step.name} asks for an unknown rule {step.rule!r}")
        yield from _RULES[step.rule](tx, seen, policy, step)
    yield from short_payments(tx, seen, policy)
    yield from explain_returns(tx, zone=policy.calendars.entity.zone.key)
    yield from unseen_payments(tx)
    yield from _unposted_payments(tx)
    tx.run("keep_cash_matches", run_id=seen.run_id)
    for kept in ("customer_balances", "unapplied_payments"):
        tx.run(f"keep_{kept}", run_id=seen.run_id)


def _fill_pools(tx: Transaction) -> None:
    for table in _TABLES:
        tx.run(f"create_{table}")
    see_partings(tx)
    tx.run("fill_run_invoices")
    tx.run("create_refunded_whole")
    for pool in ("pool_invoices", "pool_payments"):
        tx.run(f"fill_{pool}", only=None)
    for step in (
        "find_reversals",
        "set_aside_charged_back",
        "set_aside_reversed",
        "remove_returned",
        "analyse_pools",
    ):
        tx.run(step)


def _carried(tx: Transaction, seen: Seen, _: Policy, __: Pass) -> Iterator[Break]:
    if seen.opening:
        tx.run("carry_matches", opening=seen.opening["run_id"], opening_batch=seen.opening["batch_through"])
        rules = [row["rule"] for row in tx.rows("carried_rules")]
        for pool in ("remove_posted_payments", "remove_settled_invoices"):
            tx.run(pool, rules=rules)
    yield from ()


def _by_hand(tx: Transaction, _: Seen, __: Policy, ___: Pass) -> Iterator[Break]:
    yield from carry_out_rulings(tx)


def _by_application(tx: Transaction, _: Seen, __: Policy, step: Pass) -> Iterator[Break]:
    tx.run("find_applications")
    tx.run("find_numbers")
    tx.run("forget_parted")
    tx.run("forget_strangers_numbers")
    tx.run("analyse_namings")
    tx.run("create_contradicted")
    tx.run("analyse_contradicted")
    tx.run("name_by_application")
    yield from _post_named(tx, step, hows=["application"], payers=["own", "unknown"])


def _by_number(tx: Transaction, _: Seen, __: Policy, step: Pass) -> Iterator[Break]:
    tx.run("name_by_number")
    yield from _post_named(tx, step, hows=["number"], payers=["own", "unknown"])


def _by_key(tx: Transaction, _: Seen, __: Policy, step: Pass) -> Iterator[Break]:
    for find, how in (("find_keys", "key"), ("find_digits", "digits")):
        tx.run(find)
        tx.run("forget_parted")
        tx.run("analyse_namings")
        tx.run("name_by_key", how=how)
    yield from _post_named(tx, step, hows=["key", "digits"], payers=["own"])


def _by_affiliate(tx: Transaction, _: Seen, __: Policy, step: Pass) -> Iterator[Break]:
    yield from _post_named(tx, step, hows=["number", "key", "digits"], payers=["affiliate"])


def _post_named(tx: Transaction, step: Pass, *, hows: list[str], payers: list[str]) -> Iterator[Break]:
    """Post what is named plainly and paid exactly: nothing is left to say about it."""
    tx.run("analyse_named")
    tx.run("find_explained", hows=hows, payers=payers)
    tx.run("analyse_explained")
    tx.run("post_explained", rule=step.name)
    tx.run("forget_explained")
    for pool in ("remove_posted_payments", "remove_settled_invoices"):
        tx.run(pool, rules=[step.name, "P6"])
    yield from ()


def _in_part(tx: Transaction, seen: Seen, policy: Policy, _: Pass) -> Iterator[Break]:
    for step in ("remove_credited_invoices", "set_aside_refunded", "remove_returned"):
        tx.run(step)
    _name_foreign_payers(tx)
    _give_way_to_earlier(tx)
    yield from apply_named_in_part(tx, seen, policy, buckets=_buckets(tx, seen))


def _name_foreign_payers(tx: Transaction) -> None:
    """Note the payments whose payer's name, as the bank has it, is not their customer's."""
    foreign = [
        [row["payment_id"]]
        for row in tx.rows("unlike_payers")
        if row["sealed"] or not may_be_same(row["payer_text"], row["name"])
    ]
    tx.copy_in("foreign_payers", ("payment_id",), foreign)
    tx.run("analyse_foreign_payers")


def _give_way_to_earlier(tx: Transaction) -> None:
    """Take back what was posted whole where another payment came before it, so that both are applied in their order.

    A day by day run has applied the earlier one already; a run over all days at once must give the same.
    """
    [overtaken] = tx.rows("overtaken_payments")
    if overtaken["payments"]:
        tx.run("take_back_payments", payments=overtaken["payments"])
        tx.run("fill_pool_payments", only=overtaken["payments"])
        tx.run("fill_pool_invoices", only=overtaken["invoices"])


def _by_amount(tx: Transaction, seen: Seen, policy: Policy, step: Pass) -> Iterator[Break]:
    yield from apply_by_amount(tx, seen, policy, step, buckets=_buckets(tx, seen))


def _buckets(tx: Transaction, seen: Seen) -> int:
    payments: int = tx.rows("count_pool_payments")[0]["payments"]
    return seen.buckets or 1 + payments // PAYMENTS_AT_ONCE


def _unposted_payments(tx: Transaction) -> Iterator[Break]:
    """A break for every payment that no pass posted or explained."""
    for payment in tx.stream("unmatched_payments"):
        finding = unposted(payment)
        yield Break(
            recon="R3",
            code=finding.code,
            key=payment["payment_id"],
            evidence=finding.evidence,
            currency=payment["currency"],
            amount_minor=payment["amount_minor"],
            since=payment["paid_on"],
        )


_Rule = Callable[[Transaction, Seen, Policy, Pass], Iterator[Break]]
_RULES: Mapping[str, _Rule] = {
    "carried_forward": _carried,
    "decided_by_hand": _by_hand,
    "existing_application": _by_application,
    "exact_reference": _by_number,
    "normalised_reference": _by_key,
    "affiliate_reference": _by_affiliate,
    "remittance": _in_part,
    "amount_and_date": _by_amount,
}
