"""The parity pack: a page for people, tables for machines, and a manifest of hashes over all of it."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from include.domain.canonical_json import dumps
from include.flows.judge_parity import Judged, judged
from include.flows.sign_parity import ROLES
from include.ports import Row, Store, Transaction
from include.report.parity import parity_page
from include.report.spreadsheets import marked, unmarked

MANIFEST, FORMAT = "manifest.json", "tieout-parity/3"

TABLES: Mapping[str, str] = {
    "days.csv": "day edition judged source ours_count theirs_count quarantined_count doubled_count differences "
    "accepted verdict_sha256",
    "kinds.csv": "day edition kind ours_count theirs_count pairs_count",
    "totals.csv": "day edition kind currency ours_count theirs_count ours_minor theirs_minor",
    "metrics.csv": "day metric value at_least at_most required passes",
    "differences.csv": "day edition kind key seq field ours theirs currency ours_minor theirs_minor class cause "
    "evidence accepted_no",
    "quarantine.csv": "day edition place kind key column_name reason",
    "restated.csv": "day side item_id currency was_minor now_minor why",
    "accepted.csv": "accepted_no kind field class cause key owner reason maker checker expires_on",
    "drills.csv": "drill day person found",
    "signatures.csv": "role person reason signed_at",
}
"""File -> its columns."""


def parity_pack(store: Store, window_no: int) -> dict[str, bytes]:
    """Every file of the pack of a window, by name; equal facts give equal bytes. Raises Fatal without such a window."""
    with store.transaction() as tx:
        seen = judged(tx, window_no)
        tables = _tables(tx, seen)
        [by] = tx.rows("signed_by", pack=seen.content_sha256) or [{"rules": [], "codes": []}]
    files = {name: _csv(columns.split(), tables[name]) for name, columns in TABLES.items()}
    files["parity.html"] = parity_page(_view(seen, tables) | {"by": by}).encode()
    manifest = {
        "format": FORMAT,
        "window_no": seen.window_no,
        "first_day": seen.first_day,
        "last_day": seen.last_day,
        "excused": list(seen.excused),
        "rules_sha256": seen.rules_sha256,
        "computed_by": {name: by[name] for name in ("rules", "codes")},
        "content_sha256": seen.content_sha256,
        "obstacles": list(seen.obstacles),
        "signed_by": {row["role"]: row["person"] for row in seen.signed},
        "missing": [role for role in ROLES if role not in {row["role"] for row in seen.signed}],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
    return files | {MANIFEST: f"{dumps(manifest)}\n".encode()}


def _tables(tx: Transaction, seen: Judged) -> dict[str, Sequence[Row]]:
    span = {"first_day": seen.first_day, "last_day": seen.last_day}
    return {
        "days.csv": seen.days,
        "kinds.csv": tx.rows("parity_window_kinds", window_no=seen.window_no),
        "totals.csv": tx.rows("parity_window_totals", window_no=seen.window_no),
        "metrics.csv": seen.metrics,
        "differences.csv": tx.rows("parity_window_differences", window_no=seen.window_no),
        "quarantine.csv": tx.rows("parity_window_quarantine", window_no=seen.window_no),
        "restated.csv": tx.rows("parity_restated", **span, limit=None),
        "accepted.csv": tx.rows("parity_window_register", window_no=seen.window_no),
        "drills.csv": tx.rows("parity_window_drills", window_no=seen.window_no),
        "signatures.csv": seen.signed,
    }


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([marked(_cell(row[column])) for column in columns] for row in rows)
    return out.getvalue().encode()


def rows_of(content: bytes) -> list[dict[str, Any]]:
    """What a table of a pack says, to the letter; a row of too few or too many cells keeps a None."""
    return [
        {name: unmarked(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(content.decode(), newline=""))
    ]


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def _view(seen: Judged, tables: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """What the page shows: figures by day, differences by class and cause, the register, who signed."""
    figures: dict[Any, dict[str, Row]] = {}
    for row in seen.metrics:
        figures.setdefault(row["day"], {})[row["metric"]] = row
    counted = Counter(
        (row["class"], row["cause"], row["kind"], row["field"], row["accepted_no"])
        for row in tables["differences.csv"]
    )
    return {
        "seen": seen,
        "names": sorted({row["metric"] for row in seen.metrics}),
        "figures": figures,
        "causes": sorted(counted.items(), key=lambda one: (-one[1], str(one[0]))),
        "accepted": tables["accepted.csv"],
        "drills": tables["drills.csv"],
        "quarantined": len(tables["quarantine.csv"]),
        "roles": ROLES,
        "signed": {row["role"]: row for row in seen.signed},
    }
