"""P3, P7, P9: payments that name invoices and do not pay exactly what is open of them, bucket by bucket."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from include.domain.applications import apply_remittances
from include.domain.breaks import REPORTING_CURRENCY, Break
from include.domain.cash_lines import CashLine
from include.domain.fx import DailyRates
from include.domain.money import Money, exponent
from include.domain.references import number_key
from include.domain.remittances import Applied, NamedCredit, NamedInvoice, Remittance
from include.domain.residuals import Settings, fee_cap, is_short
from include.flows.day_rates import rates_of_the_day
from include.flows.snapshot import Seen
from include.policy import Policy
from include.ports import Row, Transaction

NOBODY = -1
"""The bucket of payments whose payer nobody knows; the last, because they may name anybody's invoice."""


def apply_named_in_part(tx: Transaction, seen: Seen, policy: Policy, *, buckets: int) -> Iterator[Break]:
    """Post, suggest or hold each remittance, and give what is noteworthy about it."""
    _name_credits(tx)
    tx.run("create_remittances", buckets=buckets)
    [span] = tx.rows("remittance_span")
    settings = settings_around(
        tx, policy, first=span["first_on"] or seen.as_of, last=span["last_on"] or seen.as_of
    )
    for bucket in (*range(buckets), NOBODY):
        remittances = [_remittance(row) for row in tx.rows("remittances_of", bucket=bucket)]
        wanted = sorted({invoice for one in remittances for invoice in one.invoice_ids})
        found = tx.rows("remitted_invoices", invoices=wanted)
        invoices = {row["invoice_id"]: NamedInvoice(**row) for row in found}
        applied = apply_remittances(remittances, invoices, settings)
        post_lines(tx, applied.posted)
        suggest_lines(tx, seen, applied.suggested)
        tx.run("use_credit_notes", credits=applied.credits)
        tx.run("hold_payments", payments=sorted(applied.held))
        parts = applied.last_parts.items()
        tx.copy_in(
            "last_parts",
            ("invoice_id", "payment_id", "paid_on"),
            ([invoice, part.payment_id, part.paid_on] for invoice, part in parts),
        )
        yield from _breaks(applied, _returned(tx, applied))


def short_payments(tx: Transaction, seen: Seen, policy: Policy) -> Iterator[Break]:
    """CA03 for what is left of invoices paid in part, once every pass has had its turn."""
    for row in tx.rows("parts_left_open"):
        left, waited = row["open_minor"], (seen.as_of - row["paid_on"]).days
        if is_short(left, gross_minor=row["gross_minor"], waited_days=waited, rules=policy.residuals):
            short = Money(left, row["currency"])
            yield Break(
                recon="R3",
                code="CA03",
                key=row["payment_id"],
                evidence=f"left {short} of {row['number']} unpaid; nothing has followed for {waited:,} days",
                currency=row["currency"],
                amount_minor=left,
                since=row["paid_on"],
            )


def post_lines(tx: Transaction, lines: Iterable[CashLine]) -> None:
    """Post lines, and take what they settle out of the pools."""
    tx.copy_in("new_lines", CashLine.COLUMNS, (line.row() for line in lines))
    tx.run("analyse_new_lines")
    for step in ("keep_new_lines", "add_on_account", "spend_payments", "reduce_open", "forget_new_lines"):
        tx.run(step)


def suggest_lines(tx: Transaction, seen: Seen, lines: Sequence[CashLine]) -> None:
    """Keep lines as suggestions, as far as their invoices are still open."""
    tx.run(
        "keep_suggestions",
        run_id=seen.run_id,
        rules=[line.rule for line in lines],
        payments=[line.payment_id for line in lines],
        invoices=[line.invoice_id for line in lines],
        amounts=[line.amount_minor for line in lines],
    )


def settings_around(tx: Transaction, policy: Policy, *, first: date, last: date) -> Settings:
    """The rules, with the rates of the days from `first` to `last` and what is near enough to them."""
    rules = policy.residuals
    margin = timedelta(days=max(rules.fx_rate_days, rules.fee_rate_days))
    rates = tx.rows("rates_near", from_date=first - margin, to_date=last + margin)
    return Settings(
        rules=rules,
        rates=DailyRates(
            (row["rate_date"], row["from_currency"], row["to_currency"], row["rate"]) for row in rates
        ),
    )


def _name_credits(tx: Transaction) -> None:
    """Note which payments name a credit note of their customer that is for no invoice: they may deduct it."""
    tx.run("create_named_credits")
    keys = ([row["credit_note_id"], number_key(row["number"])] for row in tx.rows("unlinked_credits"))
    tx.copy_in("credit_keys", ("credit_note_id", "number_key"), keys)
    tx.run("analyse_credit_keys")
    tx.run("name_credits")


def _remittance(row: Row) -> Remittance:
    credits = tuple(NamedCredit(**credit) for credit in row["credits"])
    return Remittance(**row | {"invoice_ids": tuple(row["invoice_ids"]), "credits": credits})


def fee_caps(tx: Transaction, policy: Policy, currencies: Iterable[str]) -> dict[str, int]:
    """The fee cap of the day in each currency that has a rate, in its minor units."""
    in_sgd = rates_of_the_day(tx)
    caps = {}
    for currency in currencies:
        scale = Decimal(10) ** (exponent(currency) - exponent(REPORTING_CURRENCY))
        per_sgd = scale / in_sgd[currency] if currency in in_sgd else None
        caps[currency] = fee_cap(currency, per_sgd=per_sgd, rules=policy.residuals)
    return {currency: cap for currency, cap in caps.items() if cap is not None}


def _returned(tx: Transaction, applied: Applied) -> Mapping[str, int]:
    """Of overpaid payments: what was refunded of each."""
    payments = [one.payment_id for one in applied.differences if one.code == "CA04"]
    return {row["payment_id"]: row["amount_minor"] for row in tx.rows("refunded_of", payments=payments)}


def _breaks(applied: Applied, returned: Mapping[str, int]) -> Iterator[Break]:
    """The differences as breaks; an overpayment that was given back is nobody's work."""
    for one in applied.differences:
        if one.code != "CA04" or returned.get(one.payment_id, 0) < one.amount_minor:
            yield Break(
                recon="R3",
                code=one.code,
                key=one.payment_id,
                evidence=one.evidence,
                currency=one.currency,
                amount_minor=one.amount_minor,
                since=one.since,
            )
