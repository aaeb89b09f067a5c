"""The ways a case is settled, one function a kind. Each writes its payments and says what is true of them."""

from datetime import date

from include.twin.generate.book import Payment, Return
from include.twin.generate.customers import parent_name
from include.twin.generate.dates import banking_day, days_after
from include.twin.generate.draws import choose, pick
from include.twin.generate.faults import Cash
from include.twin.generate.markets import HOME, RATE_SCALE
from include.twin.generate.paying import SOFT_DECLINES, apply, pay, write_attempts
from include.twin.generate.references import listed, noisy
from include.twin.generate.settlement import Case, Settle

FEES_SGD = (5, 10, 15, 20, 25, 30, 35)
FX_SPREAD = 45  # hundredths of a percent around the day's rate
LISTED_PERCENT = 70  # of those who pay several invoices at once; the others write nothing


def _break(case: Case, code: str, key: str, amount: int) -> None:
    case.book.breaks("R3", code, key, case.market.money(amount))


def _later(case: Case, place: int, most: int) -> date:
    return banking_day(days_after(case.paid_on, 1 + pick(case.numbers[place], most)))


def _exact(case: Case) -> None:
    payment = _in_full(case)
    apply(case, payment, case.invoice, case.gross)


def _in_full(case: Case, *, card: bool | None = None) -> Payment | None:
    by_card = case.book.customer.pays_by_card if card is None else card
    return pay(case, case.gross, case.invoice.number, card=by_card)


def _noisy(case: Case) -> None:
    reference = noisy(case.invoice, case.book.customer.company.legal_name, case.numbers[10])
    apply(case, pay(case, case.gross, reference), case.invoice, case.gross)


def _no_reference(case: Case) -> None:
    payment = pay(case, case.gross, "")
    if payment:
        case.book.blind.append(payment)
        for invoice in case.invoices:
            apply(case, payment, invoice, invoice.gross)


def _many_invoices(case: Case) -> None:
    if pick(case.numbers[10], 100) >= LISTED_PERCENT:
        _no_reference(case)
        return
    payment = pay(case, case.gross, listed(case.invoices))
    for invoice in case.invoices:
        apply(case, payment, invoice, invoice.gross)


def _partials(case: Case) -> None:
    first = case.gross * (30 + pick(case.numbers[10], 41)) // 100
    apply(case, pay(case, first, case.invoice.number), case.invoice, first)
    rest = case.gross - first
    second = pay(case, rest, case.invoice.number, nth=1, paid_on=_later(case, 11, 21))
    apply(case, second, case.invoice, rest)


def _many_to_many(case: Case) -> None:
    """Two payments of uneven size for all the invoices together, oldest invoice first.

    Once both are there, the cascade suggests them (P7): which one paid which invoice is convention.
    """
    reference = listed(case.invoices)
    amounts = [case.gross * (35 + pick(case.numbers[10], 31)) // 100]
    amounts.append(case.gross - amounts[0])
    owed = [invoice.gross for invoice in case.invoices]
    arrived = []
    for nth, amount in enumerate(amounts):
        day = _later(case, 11, 5) if nth else case.paid_on
        payment = pay(case, amount, reference, nth=nth, paid_on=day)
        arrived += [payment] if payment else []
        left = amount
        for place, invoice in enumerate(case.invoices):
            part = min(left, owed[place])
            if part:
                apply(case, payment, invoice, part)
            left -= part
            owed[place] -= part
    for payment in arrived if len(case.invoices) > 1 else ():
        _break(case, "CA16", payment.id, payment.amount)
        case.book.hold(payment.id, "many_to_many")


def _short(
    case: Case, code: str, missing: int, *, paid_on: date | None = None, forgiven: bool = True
) -> None:
    """Pays with its reference, less `missing`, which the break explains (or, not forgiven, leaves open)."""
    payment = pay(case, case.gross - missing, case.invoice.number, paid_on=paid_on)
    if payment:
        apply(case, payment, case.invoice, payment.amount, forgiven=missing if forgiven else 0)
        _break(case, code, payment.id, missing)


def _bank_fee(case: Case) -> None:
    """At most one percent and SGD 35, the caps of the automatic write-off."""
    fee = case.market.from_sgd(100 * choose(case.numbers[10], FEES_SGD))
    _short(case, "CA07", max(1, min(fee, case.gross // 100)))


def _withholding(case: Case) -> None:
    """A percentage of net, never of gross (match goldens M05, M06), rounded half up."""
    percent = choose(case.numbers[10], case.market.withholding)
    _short(case, "CA08", (case.invoice.net * percent * 2 + 100) // 200)


def _rounding(case: Case) -> None:
    _short(case, "CA10", 1)


def _discount(case: Case) -> None:
    """Two percent for paying within ten days of the invoice."""
    early = banking_day(days_after(case.invoice.issued, 1 + pick(case.numbers[10], 8)))
    _short(case, "CA17", (case.gross * 2 + 50) // 100, paid_on=early)


def _unexplained(case: Case) -> None:
    """Between 11 and 40 percent are missing: more than any fee, tax or discount would be."""
    _short(case, "CA03", case.gross * (11 + pick(case.numbers[10], 30)) // 100, forgiven=False)


def _fx(case: Case) -> None:
    """Settles a foreign invoice in Singapore dollars at about the day's rate; the difference is realised."""
    rates = case.rules.rates[case.market.currency]
    rate = rates[(case.paid_on - case.rules.first_day).days]
    scale = RATE_SCALE * 10**case.market.exponent
    expected = (case.gross * rate * 10**HOME.exponent * 2 + scale) // (2 * scale)
    spread = pick(case.numbers[10], 2 * FX_SPREAD + 1) - FX_SPREAD
    paid = expected * (10_000 + spread) // 10_000
    payment = pay(case, paid, case.invoice.number, market=HOME)
    if payment:
        apply(case, payment, case.invoice, case.gross)
        case.book.breaks("R3", "CA09", payment.id, HOME.money(paid - expected))


def _affiliate(case: Case) -> None:
    """The parent company pays."""
    customer = case.book.customer
    case.book.has_parent = True
    payer = (customer.parent_id, parent_name(customer))
    payment = pay(case, case.gross, case.invoice.number, payer=payer)
    apply(case, payment, case.invoice, case.gross)


def _credit_note(case: Case) -> None:
    """Ten percent are credited before the payment, which is for the rest (match golden M12)."""
    credited = case.gross // 10
    _write_credit_note(case, credited, banking_day(days_after(case.invoice.issued, 1)))
    payment = pay(case, case.gross - credited, case.invoice.number)
    apply(case, payment, case.invoice, case.gross - credited, forgiven=credited)


def _write_credit_note(case: Case, amount: int, day: date) -> None:
    serial = case.invoice.id[1:]
    case.book.add(
        "erp/credit_notes.csv",
        f"N{serial}",
        f"CN-{day.year}-{int(serial):05d}",
        case.book.customer.id,
        case.invoice.id,
        day.isoformat(),
        case.market.currency,
        case.market.money(amount),
    )


def _overpayment(case: Case) -> None:
    extra = case.gross * (1 + pick(case.numbers[10], 20)) // 100
    payment = pay(case, case.gross + extra, case.invoice.number)
    if payment:
        apply(case, payment, case.invoice, case.gross)
        _break(case, "CA04", payment.id, extra)


def _refund(case: Case) -> None:
    """Paid in full, then given back wholly or by half; every second time the credit note is forgotten."""
    payment = _in_full(case)
    apply(case, payment, case.invoice, case.gross)
    day = _later(case, 10, 20)
    if payment is None or day > case.rules.as_of:
        return
    amount = case.gross // (1 + pick(case.numbers[11], 2))
    refund = f"re_{payment.id[3:]}"
    _write_return(case, "payments/refunds.csv", Return(refund, payment, "refund", amount, day), "succeeded")
    if pick(case.numbers[4], 2):
        _write_credit_note(case, amount, day)
    else:
        _break(case, "CA13", refund, amount)


def _chargeback(case: Case) -> None:
    """Half of the disputes are lost at once; the others are still open and take no money yet."""
    payment = _in_full(case, card=True)
    apply(case, payment, case.invoice, case.gross)
    day = _later(case, 10, 30)
    if payment is None or day > case.rules.as_of:
        return
    dispute, lost = f"du_{payment.id[3:]}", pick(case.numbers[11], 2) == 0
    status = "lost" if lost else "needs_response"
    taken = Return(dispute, payment, "dispute", case.gross, day)
    _write_return(case, "payments/disputes.csv", taken, status, moves_money=lost)
    _break(case, "CA14", dispute, case.gross)


def _write_return(case: Case, path: str, back: Return, status: str, *, moves_money: bool = True) -> None:
    money = case.market.money(back.amount)
    case.book.add(path, back.id, back.payment.id, case.market.currency, money, back.on.isoformat(), status)
    if moves_money:
        case.book.returned.append(back)


def _duplicate(case: Case) -> None:
    """The same payment again two days later: it belongs to no invoice (match golden M11)."""
    _exact(case)
    again = pay(
        case,
        case.gross,
        case.invoice.number,
        nth=1,
        paid_on=banking_day(days_after(case.paid_on, 2)),
        card=case.book.customer.pays_by_card,
    )
    if again:
        _break(case, "CA05", again.id, again.amount)
        case.book.hold(again.id, "duplicate")


def _unidentified(case: Case) -> None:
    """Beside the invoice's own payment there is one that names neither a customer nor an invoice."""
    text = f"TRF {case.numbers[11] % 10**9:09d}"
    stray = pay(case, case.gross + 1 + pick(case.numbers[10], 900), "", payer=("", text))
    if stray:
        _break(case, "CA02", stray.id, stray.amount)
        case.book.hold(stray.id, "no_counterpart")
    apply(case, pay(case, case.gross, case.invoice.number, nth=1), case.invoice, case.gross)


def _failed_after_success(case: Case) -> None:
    payment = pay(case, case.gross, case.invoice.number, status="failed", card=True)
    if payment:
        write_attempts(case, payment, ["", "payment_reversed"])
        _break(case, "CA18", payment.id, payment.amount)


def _void_invoice(case: Case) -> None:
    """The payment names an invoice that was cancelled."""
    case.book.cancelled.add(case.invoice.id)
    payment = pay(case, case.gross, case.invoice.number)
    if payment:
        _break(case, "CA19", payment.id, payment.amount)
        case.book.hold(payment.id, "void_invoice")


def _scale(case: Case) -> None:
    """A source with another idea of minor units: the amount is off by exactly a hundred."""
    amount = case.gross * 100 if case.gross % 100 else case.gross // 100
    payment = pay(case, amount, case.invoice.number)
    if payment:
        _break(case, "CA20", payment.id, amount - case.gross)
        case.book.hold(payment.id, "scale_error")


def never_paid(case: Case) -> None:
    """An invoice that stays open; by card the platform has tried, and failed, three times."""
    if case.rules.profile.clean or not case.book.customer.pays_by_card or case.paid_on > case.rules.as_of:
        return
    for invoice in case.invoices[:1]:
        payment = pay(case, invoice.gross, invoice.number, status="failed", card=True, nth=2)
        if payment:
            write_attempts(case, payment, [choose(number, SOFT_DECLINES) for number in case.numbers[9:12]])


WAYS: dict[Cash, Settle] = {
    Cash.EXACT: _exact,
    Cash.NOISY: _noisy,
    Cash.NO_REFERENCE: _no_reference,
    Cash.MANY_INVOICES: _many_invoices,
    Cash.PARTIALS: _partials,
    Cash.MANY_TO_MANY: _many_to_many,
    Cash.BANK_FEE: _bank_fee,
    Cash.WITHHOLDING: _withholding,
    Cash.FX: _fx,
    Cash.AFFILIATE: _affiliate,
    Cash.CREDIT_NOTE: _credit_note,
    Cash.OVERPAYMENT: _overpayment,
    Cash.REFUND: _refund,
    Cash.DUPLICATE: _duplicate,
    Cash.UNIDENTIFIED: _unidentified,
    Cash.ROUNDING: _rounding,
    Cash.DISCOUNT: _discount,
    Cash.FAILED_AFTER_SUCCESS: _failed_after_success,
    Cash.CHARGEBACK: _chargeback,
    Cash.VOID_INVOICE: _void_invoice,
    Cash.SCALE: _scale,
    Cash.UNEXPLAINED: _unexplained,
}
