"""What a published run says is asked for once: a run never changes, and a page may be shown a thousand times."""

from collections import OrderedDict
from threading import Lock
from typing import Any
from uuid import UUID

from fastapi import HTTPException

from include.ports import Row, Transaction
from include.wiring import connections

KEPT_MAX = 256
"""Answers kept by a process, the last ones asked for; each is a page's worth of rows."""

_kept: OrderedDict[tuple[Any, ...], list[Row]] = OrderedDict()
_lock = Lock()


def of_run(tx: Transaction, name: str, run_id: Any, **params: Any) -> list[Row]:
    """The rows of a named query about one published run. They are shared: whoever reads them does not change them."""
    key = (name, str(run_id), *sorted(params.items()))
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    rows = tx.rows(name, run_id=run_id, **params)  # asked without the lock: twice at worst, never in line
    with _lock:
        _kept[key] = rows
        while len(_kept) > KEPT_MAX:
            _kept.popitem(last=False)
    return rows


def run_read(tx: Transaction, run: UUID | None) -> Row | None:
    """The published run that a page shows: the newest, or the one its list began with; None before any is published.

    Raises HTTPException 404 where the one asked for is none.
    """
    if run is None:
        return next(iter(tx.rows("console_run")), None)
    found = tx.rows("console_published_run", run_id=run)
    if not found:
        raise HTTPException(404, f"no published day has the run {run}")
    return found[0]


rules = connections.kept_policy
"""The policy, which is read again only when it changed."""
