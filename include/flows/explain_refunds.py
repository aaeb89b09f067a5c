"""Money that went back or failed after it came: refunds and their credit notes, disputes, returned payments (R3)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from include.domain.breaks import Break
from include.domain.money import Money
from include.domain.refunds import Credit, Refund, explain_refunds
from include.ports import Row, Transaction


def explain_returns(tx: Transaction, *, zone: str) -> Iterator[Break]:
    """Spread credit notes over invoices and refunds; CA12, CA13, CA14 and CA18 for what is left, or failed.

    `zone` is where the days of instants are read. Leaves `run_credits` and `unexplained_refunds`, and adds to
    `cash_returned`. Reads `cash_lines`, `on_account` and the pools.
    """
    for table in ("run_credits", "unexplained_refunds"):
        tx.run(f"create_{table}")
    rows = tx.rows("credits_left")
    credits = {row["credit_note_id"]: _credit(row) for row in rows}
    refunds = tx.rows("run_refunds")
    found = explain_refunds(
        [_refund(row) for row in refunds],
        unapplied={row["payment_id"]: row["unapplied_minor"] for row in refunds},
        credits_of=_by_invoice(credits.values()),
    )
    tx.run("use_credits", credits=list(credits), left=[credit.left_minor for credit in credits.values()])
    currency = {row["payment_id"]: row["currency"] for row in refunds}
    tx.run(
        "keep_returned",
        payments=list(found.of_cash),
        currencies=[currency[payment] for payment in found.of_cash],
        amounts=list(found.of_cash.values()),
    )
    uncovered = [
        (row, found.uncovered[row["refund_id"]]) for row in refunds if row["refund_id"] in found.uncovered
    ]
    tx.copy_in(
        "unexplained_refunds",
        ("refund_id", "currency", "amount_minor"),
        ((row["refund_id"], row["currency"], minor) for row, minor in uncovered),
    )
    yield from _unapplied_credits(rows, credits)
    yield from _unexplained_refunds(uncovered)
    yield from _disputes(tx.rows("disputes_taken"))
    yield from _failed(tx.rows("failed_after_success", zone=zone))
    yield from _reversed(tx.rows("reversed_payments"))
    yield from _takings_of_nothing(tx.rows("takings_of_nothing"))


def unseen_payments(tx: Transaction) -> Iterator[Break]:
    """CA15: invoices the ERP calls paid that nothing we know can have paid.

    Of customers whose money we do not see at all nothing is said, nor where unapplied money or a credit note of the
    group, or a payment of nobody, might be it, nor where the customer's later payments explain today's word.
    """
    for row in tx.rows("paid_unseen"):
        owed = Money(row["open_minor"], row["currency"])
        evidence = (
            f"the ERP calls {row['number']} paid, and no payment or credit note we know pays its {owed}"
        )
        yield _break("CA15", row, evidence, key="invoice_id", on="issue_date", minor=row["open_minor"])


def _credit(row: Row) -> Credit:
    return Credit(**{name: row[name] for name in Credit.__dataclass_fields__})


def _refund(row: Row) -> Refund:
    facts = {name: row[name] for name in Refund.__dataclass_fields__}
    return Refund(**facts | {"invoice_ids": tuple(row["invoice_ids"])})


def _by_invoice(credits: Iterable[Credit]) -> dict[str, list[Credit]]:
    found: defaultdict[str, list[Credit]] = defaultdict(list)
    for credit in credits:
        if credit.invoice_id:
            found[credit.invoice_id].append(credit)
    return found


def _unapplied_credits(rows: Sequence[Row], credits: dict[str, Credit]) -> Iterator[Break]:
    for row in rows:
        left = credits[row["credit_note_id"]].left_minor
        if left:
            names = (
                f"names {row['invoice_id']}, which needs no more of it"
                if row["invoice_id"]
                else "names no invoice"
            )
            evidence = (
                f"{row['number']} has {Money(left, row['currency'])} left and {names}; apply or pay it back"
            )
            yield _break("CA12", row, evidence, key="credit_note_id", on="issue_date", minor=left)


def _unexplained_refunds(uncovered: Iterable[tuple[Row, int]]) -> Iterator[Break]:
    for row, minor in uncovered:
        settled = ", ".join(row["invoice_ids"]) or "no invoice"
        money = Money(minor, row["currency"])
        evidence = f"{money} of {row['payment_id']}, which settled {settled}, went back without a credit note"
        yield _break("CA13", row, evidence, key="refund_id", on="created_on", minor=minor)


def _disputes(rows: Iterable[Row]) -> Iterator[Break]:
    for row in rows:
        state = (row["state"] or "open").lower()
        evidence = (
            f"{Money(row['amount_minor'], row['currency'])} of {row['payment_id']} are disputed ({state})"
        )
        yield _break("CA14", row, evidence, key="dispute_id", on="opened_on", minor=row["amount_minor"])


def _failed(rows: Iterable[Row]) -> Iterator[Break]:
    for row in rows:
        evidence = f"succeeded first and is {row['state'].lower()} now: its money is gone, what it paid is owed again"
        yield _break("CA18", row, evidence, key="payment_id", on="paid_on", minor=row["amount_minor"])


def _reversed(rows: Iterable[Row]) -> Iterator[Break]:
    for row in rows:
        by = f"{row['reversal_id']} of {row['taken_on']}"
        evidence = f"{by} takes it back: its money is gone, what it paid is owed again"
        yield _break("CA18", row, evidence, key="payment_id", on="paid_on", minor=row["amount_minor"])


def _takings_of_nothing(rows: Iterable[Row]) -> Iterator[Break]:
    for row in rows:
        taken = Money(-row["amount_minor"], row["currency"])
        evidence = f"takes {taken} back, and which payment it reverses is not said; naming it would decide"
        yield _break("CA01", row, evidence, key="payment_id", on="paid_on", minor=row["amount_minor"])


def _break(code: str, row: Row, evidence: str, *, key: str, on: str, minor: int) -> Break:
    return Break(
        recon="R3",
        code=code,
        key=row[key],
        evidence=evidence,
        currency=row["currency"],
        amount_minor=minor,
        since=row[on],
    )
