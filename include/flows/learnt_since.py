"""What was learnt of a day after it was told, where it makes anything of the day another."""

from collections.abc import Sequence

from include.domain.entities import ENTITIES
from include.flows.day_facts import Day, whole_minor
from include.ports import Transaction
from include.report import RestatedFigure, RestatedTotal, Restatement


def learnt_since(tx: Transaction, day: Day, figures: Sequence[RestatedFigure]) -> Restatement | None:
    """What came after the run was told, where it changes a figure or an open item of the day; None where it does not.

    `figures` are those that differ (restate_day). What of an object only goes on, such as an invoice that is paid on a
    later day, changes none.
    """
    items = [RestatedTotal(**whole_minor(row)) for row in tx.rows("items_restated_since", run_id=day.run_id)]
    if not figures and not items:
        return None
    learnt = []
    for entity in ENTITIES.values():
        [found] = tx.rows_for(
            "facts_learnt_since",
            names={"table": f"canonical.{entity.name}"},
            batch=day.run["batch_through"],
            as_of=day.as_of,
            day=entity.dated_on,
            passing=_PASSING.get(entity.name, []),
        )
        if found["rows"]:
            learnt.append((entity.name, found["rows"]))
    return Restatement(learnt=learnt, items=items, figures=figures)


_PASSING = {"invoices": ["status"], "orders": ["status"], "subscriptions": ["status"]}
"""Columns that say how something stands today, and nothing of the day that is told."""
