"""Reconciles one world folder without Airflow: the same flows, on a throw-away database."""

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from include.connectors.bank.client import StatementFolder
from include.connectors.bank.source import BankSource
from include.connectors.world.client import WorldSource
from include.connectors.world.translate import FILES
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import RunSummary, reconcile
from include.flows.render_results import RESULTS, certificate_bytes, stream_result
from include.policy import load_policy
from include.ports import NothingUsable
from include.store.postgres import PostgresStore
from include.vault.edge import SealedSource, Vault, sealed
from include.vault.keys import for_files

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What came out: the run, and rows used and quarantined over all files."""

    run: RunSummary
    good: int
    quarantined: int


def reconcile_world(
    world: Path,
    *,
    as_of: date,
    out: Path,
    database_url: str,
    buckets: int = 0,
    vault: Vault | None = None,
    step: Say = lambda _: None,
    warn: Say = lambda _: None,
) -> Outcome:
    """Reconcile a world as of a day and write the result files into `out` (see the README's WORLD format).

    `buckets` as in `reconcile`; `vault`: what seals personal data, by default under a key that nobody keeps.
    `step` is told what begins, `warn` what a person should know. Raises NothingUsable;
    Fatal when a proof fails.
    """
    with PostgresStore(database_url).keeping() as store:
        good = quarantined = 0
        for source in _sources(world, vault or Vault(for_files)):
            for note in source.notes():
                warn(note)
            for entity in source.entities:
                step(f"reading {entity}")
                pull_changes(source, store, entity=entity)
                check_completeness(source, store, entity=entity)
                landed = land_records(source, store, entity=entity)
                good, quarantined = good + landed.good, quarantined + landed.quarantined
                for complaint in landed.complaints:
                    warn(complaint)
        if not good:
            raise NothingUsable(f"{world} holds no row that can be used ({quarantined} quarantined)")
        step("reconciling")
        run = reconcile(store, as_of=as_of, policy=load_policy(), buckets=buckets)
        write_results(store, run, out)
        publish_run(store, as_of=as_of)
        return Outcome(run, good, quarantined)


def _sources(world: Path, vault: Vault) -> list[SealedSource]:
    """The files of the world, and the bank's own statements where some lie beside `bank/lines.csv`; sealed."""
    lines = Path(FILES["bank_lines"])
    folder = StatementFolder(world / lines.parent, others=frozenset({lines.name}))
    bank = BankSource(folder, label=lines.parent.name)
    found: list[WorldSource | BankSource] = [WorldSource(world), *([bank] if folder.found() else [])]
    return [sealed(source, vault) for source in found]


def write_results(store: PostgresStore, run: RunSummary, out: Path) -> None:
    """Write every result file, each appearing whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    with store.transaction() as tx:
        for name in RESULTS:
            _write(out / name, stream_result(tx, name, run.run_id))
        certificate = tx.rows("run_by_id", run_id=run.run_id)[0]["certificate"]
    _write(out / "certificate.json", [certificate_bytes(certificate)])


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        part.writelines(pieces)
    Path(part.name).chmod(0o644)
    os.replace(part.name, path)  # noqa: PTH105 - Path.replace says the same with more words
