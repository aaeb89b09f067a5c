"""R3: posts what people matched by hand, and keeps apart what they parted."""

from collections.abc import Iterator

from include.domain.breaks import Break
from include.domain.money import Money
from include.domain.pairings import ByHand, CarriedOut, Debt, Item, carry_out, parted_words, people
from include.flows.apply_remittances import post_lines
from include.ports import Row, Transaction


def see_partings(tx: Transaction) -> None:
    """Note who must not be paired with what; before any pass."""
    for table in ("parted", "settled_by_hand", "ruled_words"):
        tx.run(f"create_{table}")
    tx.run("analyse_parted")


def carry_out_rulings(tx: Transaction) -> Iterator[Break]:
    """Post the matches by hand that facts still allow, whole or not at all, and give what their payments leave over.

    Of the others, and of what was parted, the words are kept for the break that the payment gets if it stays unposted.
    """
    rulings = [_by_hand(row) for row in tx.rows("matches_by_hand")]
    done = CarriedOut()
    if rulings:
        money = {row["item_id"]: _item(row) for row in _money(tx, rulings)}
        wanted = sorted({invoice for one in rulings for invoice in one.allocation})
        debts = {row["invoice_id"]: Debt(**row) for row in tx.rows("debts_by_hand", invoices=wanted)}
        done = carry_out(rulings, money, debts)
        yield from _post(tx, done)
    words = {
        row["payment_id"]: parted_words(row["numbers"], people(row["maker"], row["checkers"]))
        for row in tx.rows("partings_of_unposted")
    }
    kept = sorted((words | done.refused).items())
    tx.copy_in("ruled_words", ("payment_id", "words"), ([payment, said] for payment, said in kept))


def _money(tx: Transaction, rulings: list[ByHand]) -> list[Row]:
    return tx.rows("money_by_hand", payments=[one.item_id for one in rulings])


def _post(tx: Transaction, done: CarriedOut) -> Iterator[Break]:
    post_lines(tx, done.lines)
    tx.copy_in("settled_by_hand", ("invoice_id",), ([one] for one in sorted(done.in_part)))
    for row in tx.rows("left_on_account"):
        over = Money(row["left_minor"], row["currency"])
        yield Break(
            recon="R3",
            code="CA04",
            key=row["payment_id"],
            evidence=f"was matched by hand, and {over} of it is left on account",
            currency=row["currency"],
            amount_minor=row["left_minor"],
            since=row["paid_on"],
        )


def _by_hand(row: Row) -> ByHand:
    return ByHand(
        ruling_no=row["ruling_no"],
        item_id=row["item_id"],
        currency=row["currency"],
        allocation=dict(zip(row["invoice_ids"], row["amounts_minor"], strict=True)),
        maker=row["maker"],
        checkers=tuple(row["checkers"]),
    )


def _item(row: Row) -> Item:
    return Item(**row | {"used_for": tuple(row["used_for"])})
