"""Compares the fields a source shows us with the last time, before anything is read with them."""

from dataclasses import dataclass

from include.ports import Described, Fatal, Store


@dataclass(frozen=True)
class Drift:
    """Fields, as the source names them: used ones that vanished, new ones, and ones of another type (with both)."""

    vanished: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()


def check_shape(
    source: Described, store: Store, *, entity: str, accept: frozenset[str] = frozenset()
) -> Drift:
    """What changed since the last look; recorded once.

    Raises Fatal for a field we use that was taken from us, each time, until it is back or among those to `accept`:
    read on, it would empty a column. Raises Retryable.
    """
    shown = dict(source.shape(entity))
    with store.transaction() as tx:
        held = tx.rows("latest_shape", system=source.system, entity=entity)
        before: dict[str, str] = held[0]["fields"] if held else shown
        missing = sorted((before.keys() - shown.keys()) & source.reads(entity) - accept)
        drift = Drift(
            vanished=tuple(missing),
            added=tuple(sorted(shown.keys() - before.keys())),
            retyped=tuple(
                f"{name}: {before[name]} -> {shown[name]}"
                for name in sorted(before.keys() & shown.keys())
                if before[name] != shown[name]
            ),
        )
        # What vanished stays expected, so that the next look misses it too.
        expected = shown | {name: before[name] for name in missing}
        known = held and expected == before and held[0]["vanished"] == missing
        if not known:
            tx.run(
                "record_shape",
                system=source.system,
                entity=entity,
                fields=expected,
                vanished=missing,
                added=list(drift.added),
                retyped=list(drift.retyped),
            )
    if missing:
        raise Fatal(
            f"{source.system} {entity}: {', '.join(missing)} is no longer shown to us; give our user access to it "
            "again (field-level security), or accept that it is gone"
        )
    return drift
