"""R3: applies payments to invoices, pass by pass, and says of every payment left why it was not posted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from include.domain.breaks import REPORTING_CURRENCY, Break
from include.domain.cash import Held, OpenCredit, OpenInvoice, OpenPayment, settle_by_amount
from include.domain.fx import DailyRates, rates_to
from include.domain.money import exponent
from include.domain.remittances import (
    Applied,
    CashLine,
    NamedInvoice,
    Remittance,
    Settings,
    apply_remittances,
)
from include.domain.residuals import fee_cap
from include.domain.unposted import unposted
from include.flows.explain_refunds import explain_returns
from include.flows.snapshot import Seen
from include.policy import Pass, Policy
from include.ports import Fatal, Transaction

_TABLES = (
    "payer_groups",
    "run_invoices",
    "pool_invoices",
    "pool_payments",
    "cash_lines",
    "namings",
    "named_invoices",
    "explained_payments",
    "used_credits",
)
_REMITTANCE_RULES = ["P3", "P9"]
_LINE = tuple(name for name in CashLine.__dataclass_fields__)


@dataclass
class Found:
    """What the passes leave for people: breaks, suggested lines, payments held by amount, payments explained so far."""

    breaks: list[Break] = field(default_factory=list)
    suggested: list[CashLine] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    explained: set[str] = field(default_factory=set)


def apply_cash(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Fill the pools, run the passes in order, keep the matches, and return the breaks of payments and what they pay.

    Afterwards `cash_lines` holds what was posted and the pools what was not. Raises Fatal on an unknown rule.
    """
    _fill_pools(tx)
    found = Found()
    for step in policy.matching["R3"]:
        if step.rule not in _RULES:
            raise Fatal(f"policy/matching.yaml: pass {step.name} asks for an unknown rule {step.rule!r}")
        _RULES[step.rule](tx, seen, policy, step, found)
    returned = explain_returns(tx)
    breaks = [*_less_returned(found.breaks, returned.of_cash), *returned.breaks]
    breaks += _unposted_payments(tx, found, returned.of_cash)
    _keep(tx, seen, found)
    return breaks


def _fill_pools(tx: Transaction) -> None:
    for table in _TABLES:
        tx.run(f"create_{table}")
    for table in ("payer_groups", "run_invoices", "pool_invoices", "pool_payments"):
        tx.run(f"fill_{table}")
    tx.run("analyse_pools")


def _by_application(tx: Transaction, _: Seen, __: Policy, step: Pass, ___: Found) -> None:
    tx.run("find_applications")
    tx.run("find_numbers")
    tx.run("analyse_namings")
    tx.run("name_by_application")
    _post_named(tx, step, hows=["application"], payers=["own", "unknown"])


def _by_number(tx: Transaction, _: Seen, __: Policy, step: Pass, ___: Found) -> None:
    tx.run("name_by_number")
    _post_named(tx, step, hows=["number"], payers=["own", "unknown"])


def _by_key(tx: Transaction, _: Seen, __: Policy, step: Pass, ___: Found) -> None:
    tx.run("find_keys")
    tx.run("analyse_namings")
    tx.run("name_by_key", how="key")
    tx.run("find_digits")
    tx.run("analyse_namings")
    tx.run("name_by_key", how="digits")
    _post_named(tx, step, hows=["key", "digits"], payers=["own"])


def _by_affiliate(tx: Transaction, _: Seen, __: Policy, step: Pass, ___: Found) -> None:
    _post_named(tx, step, hows=["number", "key", "digits"], payers=["affiliate"])


def _post_named(tx: Transaction, step: Pass, *, hows: list[str], payers: list[str]) -> None:
    tx.run("analyse_named")
    tx.run("find_explained", hows=hows, payers=payers)
    tx.run("analyse_explained")
    tx.run("post_explained", rule=step.name)
    tx.run("forget_explained")
    tx.run("remove_posted_payments")
    tx.run("remove_settled_invoices", rules=[step.name, "P6"])


def _by_remittance(tx: Transaction, seen: Seen, policy: Policy, _: Pass, found: Found) -> None:
    remittances = [
        Remittance(**row | {"invoice_ids": tuple(row["invoice_ids"])}) for row in tx.rows("remittances")
    ]
    wanted = sorted({invoice for one in remittances for invoice in one.invoice_ids})
    invoices = {
        row["invoice_id"]: NamedInvoice(**row) for row in tx.rows("remitted_invoices", invoices=wanted)
    }
    applied = apply_remittances(remittances, invoices, _settings(tx, seen, policy, remittances))
    _post_lines(tx, applied.posted)
    tx.run("remove_posted_payments")
    tx.run("reduce_open", rules=_REMITTANCE_RULES)
    tx.run("remove_closed_invoices")
    tx.run("create_on_account", rules=_REMITTANCE_RULES)
    found.breaks += _breaks_of(applied)
    found.suggested += applied.suggested
    found.explained |= applied.held


def _settings(tx: Transaction, seen: Seen, policy: Policy, remittances: Sequence[Remittance]) -> Settings:
    rules = policy.residuals
    margin = timedelta(days=rules.fx_rate_days)
    days = [one.paid_on for one in remittances] or [seen.as_of]
    rates = tx.rows("rates_near", from_date=min(days) - margin, to_date=max(days) + margin)
    return Settings(
        as_of=seen.as_of,
        rules=rules,
        rates=DailyRates(
            (row["rate_date"], row["from_currency"], row["to_currency"], row["rate"]) for row in rates
        ),
        fee_caps=_fee_caps(tx, seen, policy, {one.currency for one in remittances}),
    )


def _fee_caps(tx: Transaction, seen: Seen, policy: Policy, currencies: Iterable[str]) -> dict[str, int]:
    rows = tx.rows("rates_as_of", batch=seen.batch, as_of=seen.as_of)
    in_sgd = rates_to(REPORTING_CURRENCY, [(r["from_currency"], r["to_currency"], r["rate"]) for r in rows])
    caps = {}
    for currency in sorted(currencies):
        scale = Decimal(10) ** (exponent(currency) - exponent(REPORTING_CURRENCY))
        per_sgd = scale / in_sgd[currency] if currency in in_sgd else None
        caps[currency] = fee_cap(currency, per_sgd=per_sgd, rules=policy.residuals)
    return {currency: cap for currency, cap in caps.items() if cap is not None}


def _by_amount(tx: Transaction, _: Seen, __: Policy, step: Pass, found: Found) -> None:
    payments = [OpenPayment(**row) for row in tx.rows("open_payments")]
    payers = sorted({payment.customer_id for payment in payments})
    window = {"days_before_issue": step.days_before_issue, "days_after_due": step.days_after_due}
    invoices = [OpenInvoice(**row) for row in tx.rows("open_invoices_of", customers=payers, **window)]
    credits = [OpenCredit(**row) for row in tx.rows("open_credits_of", customers=payers)]
    settled = settle_by_amount(payments, invoices, credits, most_invoices=step.most_invoices)
    _post_lines(tx, settled.lines)
    tx.run("remove_posted_payments")
    tx.run("remove_settled_invoices", rules=["P4", "P5", "P6"])
    tx.run("use_credit_notes", credits=settled.credits)
    found.held.update(settled.held)


def _post_lines(tx: Transaction, lines: Iterable[CashLine]) -> None:
    tx.copy_in("cash_lines", _LINE, ([getattr(line, name) for name in _LINE] for line in lines))


def _breaks_of(applied: Applied) -> Iterator[Break]:
    for one in applied.differences:
        yield Break(
            recon="R3",
            code=one.code,
            key=one.payment_id,
            evidence=one.evidence,
            currency=one.currency,
            amount_minor=one.amount_minor,
            since=one.since,
        )


def _less_returned(breaks: Iterable[Break], returned: Mapping[str, int]) -> Iterator[Break]:
    """An overpayment that was given back is nobody's work."""
    for one in breaks:
        if one.code != "CA04" or returned.get(one.key, 0) < (one.amount_minor or 0):
            yield one


def _unposted_payments(tx: Transaction, found: Found, returned: Mapping[str, int]) -> Iterator[Break]:
    """A break for every payment that no pass posted or explained, unless it was given back."""
    for payment in tx.rows("unmatched_payments"):
        left = payment["amount_minor"] - returned.get(payment["payment_id"], 0)
        if left and payment["payment_id"] not in found.explained:
            finding = unposted(payment, found.held.get(payment["payment_id"]))
            yield Break(
                recon="R3",
                code=finding.code,
                key=payment["payment_id"],
                evidence=finding.evidence,
                currency=payment["currency"],
                amount_minor=left,
                since=payment["paid_on"],
            )


def _keep(tx: Transaction, seen: Seen, found: Found) -> None:
    tx.run("keep_cash_matches", run_id=seen.run_id)
    by_amount = [
        ("P4", payment, invoice, None) for payment, one in found.held.items() for invoice in one.candidates
    ]
    by_name = [(line.rule, line.payment_id, line.invoice_id, line.amount_minor) for line in found.suggested]
    rules, payments, invoices, amounts = (
        zip(*by_amount, *by_name, strict=True) if by_amount or by_name else [()] * 4
    )
    tx.run(
        "keep_suggestions",
        run_id=seen.run_id,
        rules=list(rules),
        payments=list(payments),
        invoices=list(invoices),
        amounts=list(amounts),
    )
    tx.run("keep_customer_balances", run_id=seen.run_id)


_Rule = Callable[[Transaction, Seen, Policy, Pass, Found], None]
_RULES: Mapping[str, _Rule] = {
    "existing_application": _by_application,
    "exact_reference": _by_number,
    "normalised_reference": _by_key,
    "affiliate_reference": _by_affiliate,
    "remittance": _by_remittance,
    "amount_and_date": _by_amount,
}
