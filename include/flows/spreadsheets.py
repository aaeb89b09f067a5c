"""A result file of a run for people who open it in a spreadsheet program."""

from uuid import UUID

from include.flows.render_results import stream_result
from include.ports import Transaction
from include.report.spreadsheets import for_spreadsheets


def spreadsheet(tx: Transaction, run_id: UUID, name: str) -> bytes:
    """One of RESULTS as CSV in which no cell is run as a formula."""
    return for_spreadsheets(b"".join(stream_result(tx, name, run_id)))
