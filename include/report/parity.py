"""The page of a parity pack: one file that needs nothing else to be read or printed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from include.report.render import fill

METRICS = {
    "keys_in_ours": "Their keys that we have",
    "keys_in_theirs": "Our keys that they have",
    "keys_in_both": "Keys in both, nothing excused",
    "money": "Money, currency and dates",
    "status": "Status",
    "text": "Text",
    "totals": "Totals apart",
    "duplicates": "Duplicates of ours",
    "doubled_tasks": "Doubled tasks of ours",
    "unreadable": "Unreadable",
    "unexplained": "Unexplained",
    "reruns": "Equal re-runs",
    "status_latency_s": "Status p95, s",
    "invoice_latency_percent": "Invoice p95, % of theirs",
}
"""What a figure is called."""

CLASSES = {
    "timing": "timing",
    "rounding": "rounding",
    "mapping": "mapping",
    "logic": "logic",
    "legacy_error": "error of the old path",
}


def parity_page(view: Mapping[str, Any]) -> str:
    """The page as HTML."""
    return fill("parity.html", dict(view) | {"called": METRICS, "classes": CLASSES, "plain": plain})


def plain(value: Decimal | None) -> str:
    """A figure grouped and without zeros that say nothing; a dash where nothing was measured."""
    return "\u2013" if value is None else f"{value.normalize():,f}"
