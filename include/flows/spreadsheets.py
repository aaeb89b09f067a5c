"""The result files of a run for people who open them in a spreadsheet program."""

from uuid import UUID

from include.flows.render_results import render_results
from include.ports import Transaction
from include.report.spreadsheets import for_spreadsheets


def spreadsheets(tx: Transaction, run_id: UUID) -> dict[str, bytes]:
    """File name -> CSV in which no cell is run as a formula."""
    return {name: for_spreadsheets(content) for name, content in render_results(tx, run_id).items()}
