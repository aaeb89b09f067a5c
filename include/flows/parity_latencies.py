"""How long effects took, where ours writes, and how many tasks it wrote twice; beside what the old path takes."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from include.ports import Transaction

BASELINE_DAYS = 31
"""So many days up to the last one the old path's times are taken from: those of which it wrote invoices itself."""


def latencies(
    tx: Transaction, days: Sequence[date], *, zone: ZoneInfo
) -> dict[date, dict[str, Decimal | None]]:
    """Of each day: how long statuses took, how long invoices took in percent of the old path, and doubled tasks.

    None where nothing of it happened: in shadow ours writes nothing, and later the old path does not.
    """
    measured = {day: _of_day(tx, day, zone) for day in days}
    ours = [row["invoice_s"] for row in measured.values() if row["invoice_s"] is not None]
    baseline = _baseline(tx, days[-1]) if ours else None
    return {
        day: {
            "status_latency_s": row["status_s"],
            "invoice_latency_percent": _percent(row["invoice_s"], baseline),
            "doubled_tasks": row["doubled_tasks"],
        }
        for day, row in measured.items()
    }


def _of_day(tx: Transaction, day: date, zone: ZoneInfo) -> dict[str, Decimal | None]:
    begins = datetime.combine(day, datetime.min.time(), zone)
    [row] = tx.rows("parity_latencies", begins=begins, ends=begins + timedelta(days=1))
    return dict(row)


def _baseline(tx: Transaction, last: date) -> Decimal | None:
    first = last - timedelta(days=BASELINE_DAYS - 1)
    [row] = tx.rows("parity_invoice_baseline", first_day=first, last_day=last)
    found: Decimal | None = row["invoice_s"]
    return found


def _percent(ours_s: Decimal | None, baseline_s: Decimal | None) -> Decimal | None:
    return 100 * ours_s / baseline_s if ours_s is not None and baseline_s else None
