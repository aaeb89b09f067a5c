"""Applying remittances that do not pay exactly what is open of what they name (P3, P7, P9)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from include.domain.cash_lines import cash_line
from include.domain.fx import convert
from include.domain.money import Money
from include.domain.remittances import (
    Applied,
    Difference,
    NamedInvoice,
    Remittance,
    settled_together,
)
from include.domain.residuals import (
    Settings,
    Shortfall,
    exact_reasons,
    explain,
    is_scale_error,
    within_fx_tolerance,
)
from include.domain.subset_sum import BudgetSpent, exact_subsets

RESIDUAL_NAMES = {
    "CA07": "a bank fee within its cap",
    "CA08": "withholding tax on net",
    "CA10": "rounding",
    "CA17": "the discount for early payment",
}


def apply_remittances(
    remittances: Sequence[Remittance], invoices: Mapping[str, NamedInvoice], settings: Settings
) -> Applied:
    """Apply each remittance in the order of payment (date, amount, id) to what is then open of the invoices it names;
    doubtful ones, of which nothing is posted, come last.

    A remittance none of whose invoices is open, or one of which may not be posted against, is left alone.
    """
    work = _Application(settings, invoices, {key: one.open_minor for key, one in invoices.items()})
    ordered = sorted(
        remittances, key=lambda one: (bool(one.doubt), one.paid_on, one.amount_minor, one.payment_id)
    )
    together = settled_together(ordered, invoices)
    for one in ordered:
        work.waiting[one.invoice_ids].append(one)
    for one in ordered:
        work.waiting[one.invoice_ids].remove(one)
        if one.payment_id not in together:
            work.decide(one)
    for component in {id(found): found for found in together.values()}.values():
        work.suggest_together(component)
    return work.found


@dataclass
class _Application:
    """Remittances being applied: what is still open of each invoice, what was found so far, and by the invoices they
    name the remittances whose turn is still to come.
    """

    settings: Settings
    invoices: Mapping[str, NamedInvoice]
    open: dict[str, int]
    found: Applied = field(default_factory=Applied)
    waiting: defaultdict[tuple[str, ...], list[Remittance]] = field(default_factory=lambda: defaultdict(list))

    def decide(self, one: Remittance) -> None:
        named = sorted(
            (self.invoices[i] for i in one.invoice_ids),
            key=lambda invoice: (invoice.due_date, invoice.invoice_id),
        )
        owed = sum(self.open[invoice.invoice_id] for invoice in named)
        if not owed or not all(invoice.postable for invoice in named):
            return
        if one.doubt:
            self._hold(one, named, f"{one.doubt}, and it does not pay exactly what they are for")
        elif named[0].currency != one.currency:
            self._exchange(one, named, owed)
        elif one.credits:
            self._less_credits(one, named, owed)
        elif one.amount_minor != owed and is_scale_error(one.amount_minor, sum(i.gross_minor for i in named)):
            self._differ(
                "CA20", one, one.amount_minor - owed, f"is an exact multiple of {self._named(named, owed)}"
            )
            self.found.held.add(one.payment_id)
        elif one.amount_minor < owed:
            self._short(one, named, owed)
        else:
            self._full(one, named, owed)

    def _exchange(self, one: Remittance, named: Sequence[NamedInvoice], owed: int) -> None:
        """CA09: paid in another currency, at about the rate of the day."""
        base, rules = named[0].currency, self.settings.rules
        near = self.settings.rates.near(base, one.currency, on=one.paid_on, within_days=rules.fx_rate_days)
        expected = [
            (day, rate, convert(owed, rate=rate, base=base, quote=one.currency)) for day, rate in near
        ]
        fits = [
            it for it in expected if within_fx_tolerance(one.amount_minor, expected_minor=it[2], rules=rules)
        ]
        if not fits:
            self._hold(one, named, _no_rate_explains(one, base, expected))
            return
        day, rate, worth = fits[0]
        left = one.amount_minor
        for place, invoice in enumerate(named):
            part = self.open[invoice.invoice_id]
            last = place == len(named) - 1
            paid = left if last else convert(part, rate=rate, base=base, quote=one.currency)
            self._post("P3", one, invoice, part, paid_minor=paid, reason="CA09")
            left -= paid
        evidence = f"pays {self._named(named, owed)}, worth {Money(worth, one.currency)} at {rate} of {day}"
        self._differ("CA09", one, one.amount_minor - worth, evidence)

    def _less_credits(self, one: Remittance, named: Sequence[NamedInvoice], owed: int) -> None:
        """P6: what is named less the credit notes that are named too, to the minor unit; or nothing."""
        credited = sum(credit.left_minor for credit in one.credits)
        ids = [credit.credit_note_id for credit in one.credits]
        numbers = ", ".join(credit.number for credit in one.credits)
        if set(ids) & set(self.found.credits):
            self._hold(one, named, f"of {numbers}, which it deducts, another payment has deducted some")
        elif one.amount_minor != owed - credited:
            less = f"{self._named(named, owed)} less {numbers} ({Money(credited, one.currency)})"
            self._hold(one, named, f"it is not {less}")
        else:
            self._settle(one, named, rule="P6", reason="credit_on_account")
            self.found.credits += ids

    def _short(self, one: Remittance, named: Sequence[NamedInvoice], owed: int) -> None:
        missing = owed - one.amount_minor
        lacking = self._shortfall(one, named, missing)
        code = explain(lacking, self.settings.rules)
        if code and not self._follows(one, missing):
            self._settle(one, named, rule="P3", reason=code)
            self._differ(code, one, missing, self._why(one, self._named(named, owed), lacking, code))
        elif len(named) == 1:
            self._post("P9", one, named[0], one.amount_minor)
            self.found.last_parts[named[0].invoice_id] = one
        else:
            short = Money(missing, one.currency)
            self._hold(
                one,
                named,
                f"names {len(named):,} invoices and is {short} short; which of them it pays is open",
            )

    def _follows(self, one: Remittance, missing: int) -> bool:
        """Whether other payments for the same invoices bring exactly what is missing: then nothing was deducted."""
        others = [other for other in self.waiting[one.invoice_ids] if other.currency == one.currency]
        try:
            return bool(exact_subsets(tuple(o.amount_minor for o in others), target=missing, limit=1))
        except BudgetSpent:
            return True

    def _shortfall(self, one: Remittance, named: Sequence[NamedInvoice], missing: int) -> Shortfall:
        nets = [invoice.net_minor for invoice in named]
        return Shortfall(
            missing_minor=missing,
            gross_minor=sum(invoice.gross_minor for invoice in named),
            net_minor=None if None in nets else sum(net for net in nets if net is not None),
            currency=one.currency,
            country=named[0].country,
            days_after_issue=min((one.paid_on - invoice.issue_date).days for invoice in named),
            lines=len(named),
            fee_cap_minor=self.settings.fee_cap(one.currency, on=one.paid_on),
        )

    def _settle(self, one: Remittance, named: Sequence[NamedInvoice], *, rule: str, reason: str) -> None:
        """All that is open is settled; the last invoices bear what is missing, for the reason."""
        left = one.amount_minor
        for invoice in named:
            part = self.open[invoice.invoice_id]
            cash = min(part, left)
            self._post(rule, one, invoice, cash, residual=part - cash, reason=reason if part > cash else "")
            left -= cash

    def _why(self, one: Remittance, named: str, short: Shortfall, code: str) -> str:
        """The shortfall by its reason, and what else would give the same amount."""
        others = [
            RESIDUAL_NAMES[other] for other in exact_reasons(short, self.settings.rules) if other != code
        ]
        also = f"; {' or '.join(others)} would be as much" if others and code != "CA10" else ""
        return f"pays {named} less {Money(short.missing_minor, one.currency)}, {RESIDUAL_NAMES[code]}{also}"

    def _full(self, one: Remittance, named: Sequence[NamedInvoice], owed: int) -> None:
        """P9: settles all that is open; what is over stays on account, unless it is rounding."""
        extra = one.amount_minor - owed
        rounding = 0 < extra <= self.settings.rules.rounding(one.currency, lines=len(named))
        for place, invoice in enumerate(named):
            over = extra if rounding and place == len(named) - 1 else 0
            cash = self.open[invoice.invoice_id] + over
            self._post(
                "P3" if over else "P9", one, invoice, cash, residual=-over, reason="CA10" if over else ""
            )
        if extra:
            evidence = f"pays {self._named(named, owed)} and is {Money(extra, one.currency)} over"
            self._differ("CA10" if rounding else "CA04", one, extra, evidence)

    def suggest_together(self, component: Sequence[Remittance]) -> None:
        """P7: payments and invoices that add up only together; which payment is for which invoice is convention."""
        ids = sorted({i for one in component for i in one.invoice_ids})
        named = sorted(
            (self.invoices[i] for i in ids), key=lambda invoice: (invoice.due_date, invoice.invoice_id)
        )
        left = dict(self.open)
        for one in component:
            money = one.amount_minor
            for invoice in named:
                part = min(money, left[invoice.invoice_id])
                if part:
                    self.found.suggested.append(cash_line("P7", one, invoice, part))
                money -= part
                left[invoice.invoice_id] -= part
            others = " + ".join(other.payment_id for other in component if other is not one)
            evidence = f"pays {len(named):,} invoices together with {others}; which payment is for which would decide"
            self._differ("CA16", one, one.amount_minor, evidence)
            self.found.held.add(one.payment_id)

    def _hold(self, one: Remittance, named: Sequence[NamedInvoice], why: str) -> None:
        money = one.amount_minor if one.currency == named[0].currency else sum(i.gross_minor for i in named)
        for invoice in named:
            part = min(money, self.open[invoice.invoice_id])
            if part:
                self.found.suggested.append(cash_line("P9", one, invoice, part))
            money -= part
        self._differ("CA16", one, one.amount_minor, f"names {_numbers(named)}; {why}")
        self.found.held.add(one.payment_id)

    def _post(
        self,
        rule: str,
        one: Remittance,
        invoice: NamedInvoice,
        cash: int,
        *,
        paid_minor: int | None = None,
        residual: int = 0,
        reason: str = "",
    ) -> None:
        if cash or residual:
            line = cash_line(
                rule, one, invoice, cash, paid_minor=paid_minor, residual=residual, reason=reason
            )
            self.found.posted.append(line)
            self.open[invoice.invoice_id] -= cash + residual

    def _differ(self, code: str, one: Remittance, amount_minor: int, evidence: str) -> None:
        self.found.differences.append(
            Difference(
                code=code,
                payment_id=one.payment_id,
                currency=one.currency,
                amount_minor=amount_minor,
                since=one.paid_on,
                evidence=evidence,
            )
        )

    def _named(self, named: Sequence[NamedInvoice], owed: int) -> str:
        return f"{_numbers(named)} ({Money(owed, named[0].currency)} open)"


def _numbers(named: Sequence[NamedInvoice], *, shown: int = 5) -> str:
    more = f" and {len(named) - shown:,} more" if len(named) > shown else ""
    return ", ".join(invoice.number for invoice in named[:shown]) + more


def _no_rate_explains(one: Remittance, base: str, expected: Sequence[tuple[date, object, int]]) -> str:
    if not expected:
        return f"no {base}-{one.currency} rate is known around {one.paid_on}"
    return f"which are worth {Money(expected[0][2], one.currency)} at the rate of {expected[0][0]}, too far from it"
