"""A result file of a run for people who open it in a spreadsheet program."""

from collections.abc import Iterator
from uuid import UUID

from include.flows.render_results import stream_result
from include.ports import Store
from include.report.spreadsheets import in_pieces


def spreadsheet(store: Store, run_id: UUID, name: str) -> Iterator[bytes]:
    """One of RESULTS, piece by piece, as CSV in which no cell is run as a formula; its transaction ends with it."""
    with store.transaction() as tx:
        yield from in_pieces(stream_result(tx, name, run_id))
