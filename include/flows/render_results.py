"""The result files of a run, byte for byte: columns and order of the WORLD format, money in major units."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from include.domain.money import major
from include.ports import Row, Transaction

MONEY_COLUMNS: dict[str, str] = {
    "amount_minor": "amount",
    "residual_minor": "residual",
    "loaded_minor": "loaded",
    "matched_minor": "matched",
    "open_minor": "open",
    "excluded_minor": "excluded",
    "opening_minor": "opening",
    "new_minor": "new",
    "expansion_minor": "expansion",
    "contraction_minor": "contraction",
    "churn_minor": "churn",
    "reactivation_minor": "reactivation",
    "closing_minor": "closing",
}

FILES: dict[str, str] = {
    "matches.csv": "match_id recon rule side_a_type side_a_id side_b_type side_b_id currency amount residual "
    "residual_reason state",
    "breaks.csv": "break_id recon code key currency amount severity age_days owner action evidence",
    "control_totals.csv": "recon side currency loaded_count loaded matched open excluded quarantined proven",
    "aging.csv": "customer_id invoice_id currency open_amount days_past_due bucket",
    "arr.csv": "customer_id month currency opening new expansion contraction churn reactivation closing",
}
"""Result file -> its columns, in order."""


def render_results(tx: Transaction, run_id: UUID) -> dict[str, bytes]:
    """File name -> CSV bytes (UTF-8, LF)."""
    rows = {name: tx.rows(f"result_{name.removesuffix('.csv')}", run_id=run_id) for name in FILES}
    return {name: _csv(FILES[name].split(), [_cells(row) for row in rows[name]]) for name in FILES}


def _cells(row: Row) -> dict[str, Any]:
    """A row with its minor units written in its currency's major units."""
    cells = dict(row)
    for minor, name in MONEY_COLUMNS.items():
        if minor in row:
            cells[name] = _money(row[minor], row["currency"])
    cells["open_amount"] = cells.get("open")
    cells["quarantined"] = cells.get("quarantined_count")
    cells["proven"] = str(cells.get("proven", "")).lower()
    return cells


def _money(minor: Any, currency: str | None) -> str:
    return "" if minor is None or currency is None else major(int(minor), currency=currency)


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    # The writer quotes a lone CR only when its own line ends hold one.
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().replace("\r\n", "\n").encode()


def certificate_bytes(certificate: dict[str, Any]) -> bytes:
    """The certificate as `certificate.json`: sorted keys, two spaces, a final newline."""
    return (json.dumps(certificate, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
