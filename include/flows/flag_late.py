"""Says which facts arrived after their day had been published: they are in this day's results, not in that one's."""

from collections.abc import Iterator

from include.domain.breaks import Break
from include.domain.entities import ENTITIES
from include.flows.snapshot import Seen
from include.policy import Policy
from include.ports import Transaction


def flag_late(tx: Transaction, seen: Seen, _: Policy) -> Iterator[Break]:
    """DQ04, one for each entity: how many rows, from which day on, and the first of them. A first day has none."""
    if not seen.opening:
        return
    published = seen.opening["as_of"]
    for entity in ENTITIES.values():
        if not entity.dated_on:
            continue
        [late] = tx.rows_for(
            "late_rows",
            names={"table": f"canonical.{entity.name}", "day": entity.dated_on},
            opening_batch=seen.opening["batch_through"],
            opening_as_of=published,
            batch=seen.batch,
        )
        if late["rows"]:
            more = " and more" if late["rows"] > len(late["first_ids"]) else ""
            yield Break(
                recon="all",
                code="DQ04",
                key=entity.name,
                evidence=(
                    f"{late['rows']:,} of the {entity.name} of {late['first_day']} to {published} arrived after "
                    f"{published} was published: {', '.join(late['first_ids'])}{more}"
                ),
                since=late["first_day"],
            )
