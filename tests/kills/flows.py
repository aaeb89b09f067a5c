"""What a process dies in: each flow of the platform, done until nothing is left of it to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import psycopg

from include.connectors.mail.alerts import MailHerald
from include.connectors.mail.client import MailPostman
from include.domain.alert_words import Words
from include.domain.recipients import Recipient, Scope
from include.flows.check_completeness import check_completeness
from include.flows.gather_facts import moment, money
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.raise_alerts import raise_alerts
from include.flows.reconcile import reconcile
from include.flows.remove_old import remove_old
from include.flows.report_day import report_day
from include.flows.seal_audit import seal_audit
from include.flows.sweep_entity import sweep_entity
from include.flows.tell_alerts import tell_alerts
from include.flows.tell_landed import tell_landed
from include.ports import LockingStore, Source, Store
from include.signing import signer_of
from include.store.postgres import PostgresStore
from tests.connectors.smtp import served_at
from tests.kills.desk import POLICY, RECIPES, Desk
from tests.kills.world import TODAY

SIGN = signer_of("1" * 64)
ROWS_OF_A_SEAL = 3
OLD = Path(__file__).parent / "old.sql"
MUCH_LATER = datetime(2040, 1, 1, tzinfo=UTC)
"""When whatever is removed one day is past its time."""

FINANCE = [
    Recipient(address="finance@example.com"),
    Recipient(address="eu@example.com", scope=Scope(currencies=frozenset({"EUR"})), locale="de_DE"),
]
WATCH = ["on-call@example.com", "lead@example.com"]


@dataclass(frozen=True)
class Flow:
    """`act`: one pass; how much moved. `pauses`: after how many hours another process goes on.

    `fresh`: it begins with an empty database, and else with one that read everything and tied out. `later`: other
    systems are as they are after changes nobody told of. `clock`: what the database's says when it begins, by default
    the real time. `before`: what else is in the database.
    """

    act: Callable[[Desk], int]
    pauses: tuple[float, ...] = (1,)
    fresh: bool = False
    later: bool = False
    clock: datetime | None = None
    before: Callable[[PostgresStore], None] | None = None


def _of(system: str, act: Callable[[Source, Store, str], int]) -> Callable[[Desk], int]:
    """Every entity of a source in its turn."""

    def pass_(desk: Desk) -> int:
        [source] = [one for one in desk.sources if one.system == system]
        return sum(act(source, desk.store, entity) for entity in source.entities)

    return pass_


def _extract(source: Source, store: Store, entity: str) -> int:
    pulled = pull_changes(source, store, entity=entity)
    land_records(source, store, entity=entity)
    check_completeness(source, store, entity=entity)
    return pulled.new


def _sweep(source: Source, store: Store, entity: str) -> int:
    sweep_entity(source, store, entity=entity)
    return 0


def _tie_out(desk: Desk) -> int:
    reconcile(desk.store, as_of=TODAY + timedelta(1), policy=desk.policy)
    publish_run(desk.store, as_of=TODAY + timedelta(1))
    return 0


def _mail(desk: Desk) -> int:
    store = cast("LockingStore", desk.store)
    told = report_day(store, _postman(desk), as_of=TODAY, recipients=FINANCE, policy=desk.policy)
    return len(told.mailed)


def _watch(desk: Desk) -> int:
    raise_alerts(desk.store, desk.policy)
    tell_alerts(desk.store, [MailHerald(_postman(desk), WATCH)], desk.policy, Words(money, moment))
    return 0


def _postman(desk: Desk) -> MailPostman:
    return MailPostman(served_at(desk.ports.smtp))


def _seal(desk: Desk) -> int:
    return seal_audit(desk.store, sign=SIGN, rows_max=ROWS_OF_A_SEAL)


def _remove_old(desk: Desk) -> int:
    done = remove_old(desk.store, zone=desk.policy.calendars.entity.zone.key, rows_at_once=2)
    assert not done.left, done.left
    return done.rows.total()


def _grow_old(store: PostgresStore) -> None:
    """Whatever is removed one day, and what of the same tables is not."""
    for rules in ("b", "c"):  # of these runs the first is never published
        reconcile(store, as_of=TODAY, policy=POLICY.model_copy(update={"sha256": rules * 64}))
    publish_run(store, as_of=TODAY)
    with psycopg.connect(store.url) as connection:
        connection.execute(OLD.read_bytes())


def _tell_landed(desk: Desk) -> int:
    return tell_landed(desk.store, desk.policy, most=2) + desk.deliver("salesforce")


SYSTEMS = ("salesforce", "erp", "payments")
FLOWS: Mapping[str, Flow] = {
    **{name: Flow(recipe, pauses=(1, 25)) for name, recipe in RECIPES.items()},
    **{f"extract {system}": Flow(_of(system, _extract), fresh=True) for system in SYSTEMS},
    **{f"sweep {system}": Flow(_of(system, _sweep), later=True) for system in SYSTEMS},
    "tie out": Flow(_tie_out),
    "mail": Flow(_mail),
    "watch": Flow(_watch, pauses=(0.05,), clock=MUCH_LATER),  # before more is late
    "tell landed": Flow(_tell_landed, pauses=(1, 25)),
    "seal": Flow(_seal),
    "remove old": Flow(_remove_old, clock=MUCH_LATER, before=_grow_old),
}
"""An hour later other systems still know our keys, and after 25 they forgot them: that is for flows that send any."""

ROUNDS_MAX = 20


def run(flow: str, desk: Desk) -> int:
    """A flow until nothing moves any more; how much did."""
    moved = 0
    for _ in range(ROUNDS_MAX):
        step = FLOWS[flow].act(desk)
        if not step:
            return moved
        moved += step
    raise AssertionError(f"{flow} does not come to rest")
