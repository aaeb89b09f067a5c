"""What tasks do to a source, entity by entity: pull, land, prove, sweep."""
# ruff: noqa: PLC0415  # flows are imported inside tasks only, as in include/wiring/connections.py

import logging
from collections.abc import Callable, Collection

from include.ports import Away, Fatal, Retryable, Source, Stop, Store
from include.wiring import connections

COMPLAINTS_SHOWN = 20
AWAY_MAX = 2
"""Entities in a row of which a source said nothing at all; then it is not asked about the others."""

log = logging.getLogger(__name__)


MONEY = frozenset(
    {"opportunities", "orders", "invoices", "credit_notes", "payments", "refunds", "disputes", "payouts"}
)
"""What is compared whole every hour, and not only at night."""


def each_entity(source: Source, act: Callable[[str], object], *, only: Collection[str] = ()) -> None:
    """Do it for every entity (`only` some), also after one that stops; then raises what stopped, naming all of it.

    A source that is away is left alone: nobody waits for each of its entities in turn.
    """
    stopped: dict[str, Stop] = {}
    away = 0
    for entity in source.entities:
        if only and entity not in only:
            continue
        if away == AWAY_MAX:
            stopped[entity] = Retryable("not asked")
            continue
        try:
            log.info("%s %s: %s", source.system, entity, act(entity))
            away = 0
        except Stop as stop:
            away = away + 1 if isinstance(stop, Away) else 0
            log.error("%s %s: %s", source.system, entity, stop)  # noqa: TRY400  # the message is the news, not the stack
            stopped[entity] = stop
    if stopped:
        worst = next((stop for stop in stopped.values() if not isinstance(stop, Retryable)), None)
        kind = type(worst) if worst else Retryable
        raise kind("; ".join(f"{source.system} {entity}: {stop}" for entity, stop in stopped.items()))


def pull(source: Source) -> None:
    """Keep what changed in every entity."""
    from include.flows.pull_changes import pull_changes

    db = connections.store(connections.INGEST)
    try:
        each_entity(source, lambda entity: pull_changes(source, db, entity=entity))
    finally:
        note_budget(source, db)
    for note in list(getattr(source, "notes", tuple)())[:COMPLAINTS_SHOWN]:
        log.warning("%s: %s", source.system, note)


def note_budget(source: Source, db: Store) -> None:
    """Keep what the source last said of the day's calls, where it says that."""
    budget = getattr(source, "budget", None)
    if budget and budget.limit:
        from include.flows.spare_systems import note_allowance

        with db.transaction() as tx:
            pace = connections.policy().delivery.pace
            note_allowance(tx, source.system, used=budget.used, allowed=budget.limit, pace=pace)


def prove(source: Source) -> None:
    """Prove every entity's window complete. One that is not is pulled and asked once more."""
    db = connections.store(connections.INGEST)
    each_entity(source, lambda entity: prove_entity(source, db, entity=entity))


def sweep(source: Source, *, gone_max: int | None = None, only: Collection[str] = ()) -> None:
    """Compare all of every entity (of some, `only`), not its last window alone, and mend what differs.

    `gone_max`: rows of an entity that may vanish at once, by default a small share of them.
    """
    from include.flows.sweep_entity import sweep_entity

    db = connections.store(connections.INGEST)
    each_entity(source, lambda entity: sweep_entity(source, db, entity=entity, gone_max=gone_max), only=only)


def prove_entity(source: Source, db: Store, *, entity: str) -> object:
    """The proof. Raises Fatal with its text when the window stays unproven, Retryable."""
    from include.flows.check_completeness import check_completeness
    from include.flows.land_records import land_records
    from include.flows.pull_changes import pull_changes, rewind

    proof = check_completeness(source, db, entity=entity)
    if not proof.proven:
        log.warning("%s; reading the unproven window once more", proof)
        rewind(db, system=source.system, entity=entity)
        pull_changes(source, db, entity=entity)
        land_records(source, db, entity=entity)
        proof = check_completeness(source, db, entity=entity)
    if not proof.proven:
        raise Fatal(str(proof))
    return proof


def land(source: Source) -> None:
    """Land every entity; what is quarantined is told, some of it by name."""
    from include.flows.land_records import land_records

    db = connections.store(connections.INGEST)

    def land_entity(entity: str) -> str:
        landed = land_records(source, db, entity=entity)
        for complaint in landed.complaints[:COMPLAINTS_SHOWN]:
            log.warning("quarantined: %s", complaint)
        return f"{landed.good} good, {landed.quarantined} quarantined"

    each_entity(source, land_entity)
