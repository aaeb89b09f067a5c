"""What a published run says is asked for once: a run never changes, and a page may be shown a thousand times."""

from collections import OrderedDict
from typing import Any

from include.ports import Row, Transaction

KEPT_MAX = 256
"""Answers kept by a process, the last ones asked for; each is a page's worth of rows."""

_kept: OrderedDict[tuple[Any, ...], list[Row]] = OrderedDict()


def of_run(tx: Transaction, name: str, run_id: Any, **params: Any) -> list[Row]:
    """The rows of a named query about one published run. They are shared: whoever reads them does not change them."""
    key = (name, str(run_id), *sorted(params.items()))
    if key not in _kept:
        _kept[key] = tx.rows(name, run_id=run_id, **params)
    _kept.move_to_end(key)
    while len(_kept) > KEPT_MAX:
        _kept.popitem(last=False)
    return _kept[key]
