"""Payouts of the card platform and the bank's lines, with the faults between them (R4).

Payouts gather all customers' card payments of a week and currency, so they are kept as running totals: their
number is bounded by weeks and currencies, whatever the size of the world.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from include.twin.generate.book import Book, Payment, Return, Rules
from include.twin.generate.dates import days_after
from include.twin.generate.draws import Stream, draws, pick
from include.twin.generate.files import Rows
from include.twin.generate.markets import HOME, MARKETS, RATE_SCALE, Market
from include.twin.generate.paying import card_fee

FRIDAY = 4
SETTLING_DAYS = 2  # a card payment is in the first payout at least that much later
RETRY_DAYS = 7
TIMING_DAYS = (5, 6, 7, 10, 11)  # how late a bank line can be; a Friday's that stay on banking days


@dataclass(slots=True)
class Payout:
    market: Market
    arrives: date
    fault: str
    draw: int
    gross: int = 0
    fee: int = 0
    net: int = 0
    overcharged: int = 0  # fees beyond the contract
    suffix: str = ""

    @property
    def id(self) -> str:
        return f"po_{self.market.currency.lower()}_{self.arrives:%Y%m%d}{self.suffix}"


class BankLine(NamedTuple):
    id: str
    market: Market
    on: date
    amount: int
    reference: str = ""
    payer: str = ""

    def cells(self) -> tuple[str, ...]:
        return (
            self.id,
            f"OPERATING-{self.market.currency}",
            self.on.isoformat(),
            self.market.currency,
            self.market.money(self.amount),
            self.reference,
            self.payer,
        )


@dataclass(slots=True)
class Treasury:
    rules: Rules
    payouts: dict[tuple[str, date], Payout] = field(default_factory=dict)

    def receive(self, book: Book) -> None:
        """Writes the payout items and wires of one customer into its book."""
        for payment in book.received:
            if payment.card:
                self._charge(book, payment)
            else:
                self._wire(book, payment)
        for back in book.returned:
            self._give_back(book, back)

    def _charge(self, book: Book, payment: Payment) -> None:
        fee = card_fee(payment.market, payment.amount)
        payout = self._payout(payment.market, payment.paid_on)
        if payout.fault == "fee":
            payout.overcharged += fee
            fee *= 2
        payout.gross += payment.amount
        self._item(book, payout, payment, side=payment.id, kind="charge", gross=payment.amount, fee=fee)

    def _give_back(self, book: Book, back: Return) -> None:
        market = back.payment.market
        if back.payment.card:
            payout = self._payout(market, back.on)
            self._item(book, payout, back.payment, side=back.id, kind=back.kind, gross=-back.amount)
        else:
            self._line(book, back.id, BankLine(f"BL{back.id}", market, back.on, -back.amount))

    def _item(
        self, book: Book, payout: Payout, payment: Payment, *, side: str, kind: str, gross: int, fee: int = 0
    ) -> None:
        if payout.arrives > self.rules.as_of:
            return
        payout.fee += fee
        payout.net += gross - fee
        book.add("payments/payout_items.csv", *_item_cells(payout, payment.id, kind, gross, fee))
        book.link("R4", side, payout.id, payout.market.money(gross - fee))

    def _wire(self, book: Book, payment: Payment) -> None:
        text = (payment.reference, payment.payer.upper()[:35])
        line = BankLine(f"BL{payment.id[3:]}", payment.market, payment.paid_on, payment.amount, *text)
        self._line(book, payment.id, line)

    def _line(self, book: Book, side: str, line: BankLine) -> None:
        book.add("bank/lines.csv", *line.cells())
        if line.on <= self.rules.as_of:
            book.link("R4", side, line.id, line.market.money(line.amount))

    def _payout(self, market: Market, on: date) -> Payout:
        ready = days_after(on, SETTLING_DAYS)
        arrives = days_after(ready, (FRIDAY - ready.weekday()) % 7)
        found = self.payouts.get((market.currency, arrives))
        if found is None:
            place = arrives.toordinal() * 64 + MARKETS.index(market)
            kind, draw = draws(self.rules.seed, Stream.PAYOUT, place, 2)
            fault: str = self.rules.profile.payouts.draw(kind)
            if fault == "fx" and market is HOME:
                fault = "clean"
            found = self.payouts[market.currency, arrives] = Payout(market, arrives, fault, draw)
        return found

    def close(self) -> Iterator[Rows]:
        """The rows of each payout, in order of arrival: itself, its bank line, and what is true of it."""
        for payout in sorted(
            self.payouts.values(), key=lambda payout: (payout.arrives, payout.market.currency)
        ):
            if payout.arrives <= self.rules.as_of:
                yield _Closing(self.rules, payout).rows()


@dataclass(slots=True)
class _Closing:
    """Ends one payout: its fault's own items, its row, its bank line."""

    rules: Rules
    payout: Payout
    written: Rows = field(default_factory=lambda: defaultdict(list))

    def rows(self) -> Rows:
        fault = self.payout.fault
        if fault == "negative":
            self._adjust("adjustment", -2 * abs(self.payout.net))
        elif fault == "reserve":
            held_back = -(abs(self.payout.net) // 4)
            self._adjust("reserve", held_back)
            self._break("PO06", held_back)
        elif fault == "fee" and self.payout.overcharged:  # without charges there is no fee to double
            self._break("PO04", self.payout.overcharged)
        if self.payout.net < 0:  # also without a fault, when a week gives back more than it takes
            self._break("PO07", self.payout.net)
        if fault != "clean":
            self._add("truth/faults.csv", "R4", fault, self.payout.id)
        self._write(self.payout, status="failed" if fault == "failed" else "paid")
        if fault == "failed":
            self._send_again()
        elif fault == "missing":
            self._break("PO01", self.payout.net)
        else:
            self._reach_bank(self.payout)
        return self.written

    def _add(self, path: str, *cells: str) -> None:
        self.written[path].append(cells)

    def _break(self, code: str, amount: int) -> None:
        self._add("truth/breaks.csv", "R4", code, self.payout.id, self.payout.market.money(amount))

    def _adjust(self, kind: str, amount: int) -> None:
        self.payout.net += amount
        self._add("payments/payout_items.csv", *_item_cells(self.payout, "", kind, amount, 0))

    def _write(self, payout: Payout, *, status: str) -> None:
        amounts = (payout.market.money(amount) for amount in (payout.gross, payout.fee, payout.net))
        cells = (payout.id, payout.market.currency, *amounts, payout.arrives.isoformat(), status)
        self._add("payments/payouts.csv", *cells)

    def _send_again(self) -> None:
        """A payout that failed comes back to the balance and is paid out a week later under a new id."""
        failed = self.payout
        later = days_after(failed.arrives, RETRY_DAYS)
        if later <= self.rules.as_of:
            again = Payout(failed.market, later, "clean", failed.draw, net=failed.net, suffix="_again")
            self._add("payments/payout_items.csv", *_item_cells(again, "", "payout_failure", again.net, 0))
            self._write(again, status="paid")
            if again.net < 0:
                self._add("truth/breaks.csv", "R4", "PO07", again.id, again.market.money(again.net))
            self._reach_bank(again)

    def _reach_bank(self, payout: Payout) -> None:
        late = TIMING_DAYS[pick(payout.draw, len(TIMING_DAYS))] if payout.fault == "timing" else 0
        day = days_after(payout.arrives, late)
        if day > self.rules.as_of:
            self._break("PO01", payout.net)
            return
        market, amount = payout.market, payout.net
        if payout.fault == "fx":
            market, amount = HOME, self._converted(payout)
        line = BankLine(f"BL{payout.id}", market, day, amount, payout.id.upper(), "CARD PLATFORM")
        self._add("bank/lines.csv", *line.cells())
        self._add("truth/links.csv", "R4", payout.id, line.id, payout.market.money(payout.net))

    def _converted(self, payout: Payout) -> int:
        """Singapore cents at 0.2 percent below the day's rate: the platform has converted by itself."""
        rate = self.rules.rates[payout.market.currency][(payout.arrives - self.rules.first_day).days]
        scale = RATE_SCALE * 10**payout.market.exponent
        fair = (payout.net * rate * 100 * 2 + scale) // (2 * scale)
        got: int = fair * 998 // 1000
        self._add("truth/breaks.csv", "R4", "PO08", payout.id, HOME.money(got - fair))
        return got


def _item_cells(payout: Payout, payment_id: str, kind: str, gross: int, fee: int) -> tuple[str, ...]:
    money = payout.market.money
    return payout.id, payment_id, kind, payout.market.currency, money(gross), money(fee), money(gross - fee)
