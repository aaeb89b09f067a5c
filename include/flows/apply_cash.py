"""R3: applies payments to invoices, pass by pass, and says of every payment left why it was not posted."""

from collections.abc import Callable, Mapping

from include.domain.breaks import Break
from include.domain.cash import Held, OpenInvoice, OpenPayment, settle_by_amount, unposted
from include.flows.snapshot import Seen
from include.policy import Pass, Policy
from include.ports import Fatal, Transaction


def apply_cash(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Fill the pools, run the passes in order, keep the matches, and return a break for every payment left.

    Afterwards `cash_matches` holds what was posted and the pools what was not. Raises Fatal on an unknown rule.
    """
    _fill_pools(tx)
    held: dict[str, Held] = {}
    for step in policy.matching["R3"]:
        if step.rule not in _RULES:
            raise Fatal(f"policy/matching.yaml: pass {step.name} asks for an unknown rule {step.rule!r}")
        found = _RULES[step.rule](tx, step)
        held = held if found is None else found
        tx.run("remove_matched_payments")
        tx.run("remove_matched_invoices")
    _keep_matches(tx, seen, held, rule=_suggesting(policy))
    return _unposted_payments(tx, held)


def _fill_pools(tx: Transaction) -> None:
    for table in (
        "run_invoices",
        "invoice_pool",
        "payment_pool",
        "cash_matches",
        "namings",
        "named_invoices",
    ):
        tx.run(f"create_{table}")
    tx.run("fill_run_invoices")
    tx.run("fill_invoice_pool")
    tx.run("fill_payment_pool")
    tx.run("analyse_pools")
    tx.run("fill_namings")
    tx.run("analyse_namings")


def _suggesting(policy: Policy) -> str:
    """The pass whose candidates are shown as suggestions: the first that matches by amount."""
    return next(step.name for step in policy.matching["R3"] if step.rule == "amount_and_date")


def _keep_matches(tx: Transaction, seen: Seen, held: Mapping[str, Held], *, rule: str) -> None:
    tx.run("keep_cash_matches", run_id=seen.run_id)
    tx.run(
        "keep_suggestions",
        run_id=seen.run_id,
        rule=rule,
        payments=[payment for payment, one in held.items() for _ in one.candidates],
        invoices=[invoice for one in held.values() for invoice in one.candidates],
    )


def _unposted_payments(tx: Transaction, held: Mapping[str, Held]) -> list[Break]:
    """A break for every payment that no pass posted."""
    breaks = []
    for payment in tx.rows("unmatched_payments"):
        finding = unposted(payment, held.get(payment["payment_id"]))
        breaks.append(
            Break(
                recon="R3",
                code=finding.code,
                key=payment["payment_id"],
                evidence=finding.evidence,
                currency=payment["currency"],
                amount_minor=payment["amount_minor"],
                since=payment["paid_on"],
            )
        )
    return breaks


def _by_application(tx: Transaction, step: Pass) -> None:
    _post_named(tx, "name_by_application", step)


def _by_number(tx: Transaction, step: Pass) -> None:
    _post_named(tx, "name_by_number", step)


def _by_key(tx: Transaction, step: Pass) -> None:
    _post_named(tx, "name_by_key", step)


def _post_named(tx: Transaction, naming: str, step: Pass) -> None:
    tx.run(naming)
    tx.run("analyse_named")
    tx.run("post_named", rule=step.name)
    tx.run("forget_named")


def _by_amount(tx: Transaction, step: Pass) -> dict[str, Held]:
    payments = [OpenPayment(**row) for row in tx.rows("open_payments")]
    payers = sorted({payment.customer_id for payment in payments})
    window = {"days_before_issue": step.days_before_issue, "days_after_due": step.days_after_due}
    invoices = [OpenInvoice(**row) for row in tx.rows("open_invoices_of", customers=payers, **window)]
    settled, held = settle_by_amount(payments, invoices, most_invoices=step.most_invoices)
    tx.run(
        "post_settlements",
        rule=step.name,
        payments=[one.payment_id for one in settled for _ in one.invoice_ids],
        invoices=[invoice for one in settled for invoice in one.invoice_ids],
    )
    return held


_RULES: Mapping[str, Callable[[Transaction, Pass], dict[str, Held] | None]] = {
    "existing_application": _by_application,
    "exact_reference": _by_number,
    "normalised_reference": _by_key,
    "amount_and_date": _by_amount,
}
