"""Writes one payment of a case as the payments platform has it, and its true application."""

from datetime import date

from include.twin.generate.book import Invoice, Payment
from include.twin.generate.dates import days_after
from include.twin.generate.draws import choose, pick
from include.twin.generate.faults import Cash
from include.twin.generate.markets import Market
from include.twin.generate.settlement import LATEST_DAYS, Case

SOFT_DECLINES = ("insufficient_funds", "do_not_honor", "processing_error", "try_again_later")
RETRIED_PERCENT = 8


def pay(
    case: Case,
    amount: int,
    reference: str,
    *,
    nth: int = 0,
    paid_on: date | None = None,
    card: bool = False,
    status: str = "succeeded",
    market: Market | None = None,
    payer: tuple[str, str] | None = None,
) -> Payment | None:
    """The case's nth payment; None when as_of must not see it. `payer` is (customer id, text), if another."""
    day = paid_on or case.paid_on
    if day > days_after(case.rules.as_of, 0 if case.rules.profile.clean else LATEST_DAYS):
        return None
    identity = f"{'ch' if card else 'py'}_{case.numbers[-1 - nth]:016x}"
    customer_id, text = payer or (case.book.customer.id, _payer_text(case))
    payment = Payment(identity, amount, market or case.market, day, reference, text, card)
    _write(case, payment, status, customer_id)
    if status == "succeeded":
        case.book.received.append(payment)
    if day > case.rules.as_of:
        return None
    if nth == 0 and not case.rules.profile.clean:
        case.book.fault("R3", case.kind, payment.id)
    return payment


def _write(case: Case, payment: Payment, status: str, customer_id: str) -> None:
    by_metadata = payment.card and case.kind is Cash.EXACT and pick(case.numbers[6], 2) == 0
    case.book.add(
        "payments/payments.csv",
        payment.id,
        customer_id,
        payment.payer,
        payment.reference,
        payment.market.currency,
        payment.market.money(payment.amount),
        payment.market.money(card_fee(payment.market, payment.amount)) if payment.card else "",
        payment.paid_on.isoformat(),
        status,
        case.invoice.id if by_metadata else "",
    )
    if payment.card and status == "succeeded":
        retried = not case.rules.profile.clean and pick(case.numbers[8], 100) < RETRIED_PERCENT
        declines = [choose(case.numbers[9], SOFT_DECLINES)] if retried else []
        write_attempts(case, payment, [*declines, ""])


def write_attempts(case: Case, payment: Payment, declines: list[str]) -> None:
    """One attempt a day up to the payment's; an empty decline code is a success."""
    for place, decline in enumerate(declines):
        day = days_after(payment.paid_on, place + 1 - len(declines))
        case.book.add(
            "payments/attempts.csv",
            f"at_{payment.id[3:]}_{place + 1}",
            payment.id,
            case.invoice.id,
            str(place + 1),
            "failed" if decline else "succeeded",
            decline,
            f"{day.isoformat()}T03:{place:02d}:00Z",
        )


def _payer_text(case: Case) -> str:
    """A bank cuts and capitalises names; others keep them."""
    name = case.book.customer.company.legal_name
    return choose(case.numbers[7], (name, name.upper()[:35]))


def card_fee(market: Market, amount: int) -> int:
    """3.4 percent and half a Singapore dollar, rounded half up (match golden M07)."""
    return (amount * 34 + 500) // 1000 + market.from_sgd(50)


def apply(case: Case, payment: Payment | None, invoice: Invoice, amount: int, *, forgiven: int = 0) -> None:
    """Records the true pair. `forgiven` is what the payer may leave out: it closes the rest."""
    if payment is None:
        return
    book = case.book
    book.link("R3", payment.id, invoice.id, case.market.money(amount))
    if payment.reference:
        book.settled[invoice.id] += amount + forgiven
        book.last_paid[invoice.id] = max(payment.paid_on, book.last_paid.get(invoice.id, payment.paid_on))
