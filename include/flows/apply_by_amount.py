"""P4, P5, P6: payments that name nothing, posted where one explanation fits and nothing else does, bucket by bucket."""

from collections.abc import Iterable, Iterator, Mapping

from include.domain.breaks import Break
from include.domain.cash import Held, settle_by_amount
from include.domain.explanations import OpenCredit, OpenInvoice, OpenPayment
from include.domain.unposted import ambiguous
from include.flows.apply_remittances import post_lines, settings_around
from include.flows.snapshot import Seen
from include.policy import Pass, Policy
from include.ports import Transaction


def apply_by_amount(
    tx: Transaction, seen: Seen, policy: Policy, step: Pass, *, buckets: int
) -> Iterator[Break]:
    """Post or hold each payment that names nothing, and give a break for each that is held."""
    tx.run("create_open_cash", buckets=buckets)
    window = {"days_before_issue": step.days_before_issue, "days_after_due": step.days_after_due}
    tx.run("create_open_debts", **window)
    tx.run("analyse_open")
    [span] = tx.rows("open_cash_span")
    settings = settings_around(
        tx, policy, first=span["first_on"] or seen.as_of, last=span["last_on"] or seen.as_of
    )
    for bucket in range(buckets):
        payments = [OpenPayment(**row) for row in tx.rows("open_cash_of", bucket=bucket)]
        invoices = [OpenInvoice(**row) for row in tx.rows("open_debts_of", bucket=bucket)]
        credits = [OpenCredit(**row) for row in tx.rows("open_credits_of", bucket=bucket)]
        settled = settle_by_amount(
            payments, invoices, credits, most_invoices=step.most_invoices, settings=settings
        )
        post_lines(tx, settled.lines)
        tx.run("use_credit_notes", credits=settled.credits)
        tx.run("hold_payments", payments=sorted(settled.held))
        _suggest(tx, seen, settled.held, rule=step.name.partition(",")[0])
        yield from _held(payments, settled.held)


def _suggest(tx: Transaction, seen: Seen, held: Mapping[str, Held], *, rule: str) -> None:
    pairs = [(payment, invoice) for payment, one in held.items() for invoice in one.candidates]
    tx.run(
        "keep_suggestions",
        run_id=seen.run_id,
        rules=[rule] * len(pairs),
        payments=[payment for payment, _ in pairs],
        invoices=[invoice for _, invoice in pairs],
        amounts=[None] * len(pairs),
    )


def _held(payments: Iterable[OpenPayment], held: Mapping[str, Held]) -> Iterator[Break]:
    for payment in payments:
        if payment.payment_id in held:
            finding = ambiguous(held[payment.payment_id])
            yield Break(
                recon="R3",
                code=finding.code,
                key=payment.payment_id,
                evidence=finding.evidence,
                currency=payment.currency,
                amount_minor=payment.amount_minor,
                since=payment.paid_on,
            )
