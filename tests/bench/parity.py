"""Two paths side by side: injected differences found in their classes, and rows compared as fast as they are joined."""

import csv
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import psycopg

from include.connectors.legacy.client import LegacyFolder
from include.flows.compare_parity import Compared, compare_parity
from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.store.postgres import PostgresStore
from include.store.queries import query
from include.twin.generate import generate_world
from tests.bench.landed import land_in
from tests.bench.places import VENV, keep

Named = tuple[str, str, str, str]
"""Day, kind, key and field of a difference."""


def tie_out(store: PostgresStore, world: Path, *, days: Iterable[date]) -> None:
    """Land a world, and tie out days of it in order."""
    land_in(store, world)
    for day in days:
        reconcile(store, as_of=day, policy=load_policy())
        publish_run(store, as_of=day)


def compare(store: PostgresStore, world: Path, *, days: Iterable[date]) -> list[Compared]:
    """Compare tied out days with the old path's answers in the world."""
    theirs, policy = LegacyFolder(world / "legacy"), load_policy()
    return [compare_parity(store, day=day, policy=policy, theirs=theirs) for day in days]


def score(url: str, world: Path) -> dict[str, Any]:
    """The first edition of every day in a database against the truth of the world.

    `recall`: of the injected differences, those found, in whatever class; `false`: found and not injected; `f1`: macro
    over the classes, where a difference counts for a class only when both say it is of it.
    """
    found, truth, days = dict(_found(url)), dict(_truth(world)), _days(url)
    truth = {name: true for name, true in truth.items() if name[0] in days}
    confused = Counter((truth[name], found[name]) for name in truth.keys() & found.keys())
    scores = {one: _f1(one, truth, found) for one in sorted(set(truth.values()))}
    return {
        "days": len(days),
        "injected": len(truth),
        "found": len(found),
        "recall": len(truth.keys() & found.keys()) / len(truth) if truth else None,
        "false": len(found.keys() - truth.keys()),
        "f1": sum(scores.values()) / len(scores) if scores else None,
        "f1_by_class": scores,
        "confused": {f"{true} as {said}": many for (true, said), many in confused.items() if true != said},
        "examples": sorted(map(list, found.keys() ^ truth.keys()))[:20],
    }


def _f1(one: str, truth: Mapping[Named, str], found: Mapping[Named, str]) -> float:
    true = {name for name, named in truth.items() if named == one}
    said = {name for name, named in found.items() if named == one}
    return 2 * len(true & said) / (len(true) + len(said))


def _found(url: str) -> Iterator[tuple[Named, str]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT day::text, kind, key, field, class FROM parity.differences WHERE edition = 1"
        )
        for day, kind, key, field, named in rows:
            yield (day, kind, key, field), named


def _days(url: str) -> set[str]:
    """The days that were compared, whether or not anything was found on them."""
    with psycopg.connect(url) as connection:
        return {day for (day,) in connection.execute("SELECT DISTINCT day::text FROM parity.days").fetchall()}


def _truth(world: Path) -> Iterator[tuple[Named, str]]:
    with (world / "truth" / "parity.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield (row["day"], row["kind"], row["key"], row["field"]), row["class"]


# --- rows against rows

COMPARED = "amount_minor, tax_minor, currency, on_date, due_date, status, text"
DAY = date(2026, 6, 30)
DIFFERING_EVERY = 1_000
REPEATED = 3
PEER_TIMEOUT_S = 1800
AT = {"day": DAY, "edition": 1}
PEERS = {"datacompy": "datacompy_rows", "reladiff joindiff": "reladiff_rows"}


def rows_against_rows(url: str, *, size: int, peers: Path | None = None) -> dict[str, Any]:
    """Our comparison of as many answers of each path, one in a thousand differing, beside a bare full join and peers.

    The best of three, all with the settings of the comparison; `peers`: the Python of their virtual environment.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        _fill(connection, size)
        bare, ours = [], []
        for _ in range(REPEATED):
            bare.append(_timed(connection, BARE, AT)[0])
            took, differing = _timed(connection, query("differing_answers"), AT)
            ours.append(took)
        plan = _plan(connection, query("differing_answers"), AT)
        figures: dict[str, Any] = {
            "rows": size,
            "bare_s": min(bare),
            "ours_s": min(ours),
            "differing": differing,
        }
        figures |= {"ratio": min(ours) / min(bare), "all_bare_s": bare, "all_ours_s": ours, "plan": plan}
        if peers:
            _plain(connection)
    if peers:
        figures["peers"] = {name: _peer(peers, script, url) for name, script in PEERS.items()}
    return figures


_OF_DAY = "SELECT kind, key, seq FROM parity.answers_{} WHERE day = %(day)s AND edition = %(edition)s"
BARE = (
    f"SELECT count(*) FROM ({_OF_DAY.format('ours')}) AS ours "
    f"FULL OUTER JOIN ({_OF_DAY.format('theirs')}) AS theirs USING (kind, key, seq)"
)


def _fill(connection: psycopg.Connection, size: int) -> None:
    for path in ("ours", "theirs"):
        other = f"CASE WHEN n % {DIFFERING_EVERY} = 7 THEN 1 ELSE 0 END" if path == "theirs" else "0"
        connection.execute(
            f"INSERT INTO parity.answers_{path} (path, day, edition, kind, key, seq, {COMPARED}, AT) "
            "SELECT %(path)s, %(day)s, 1, 'invoices', 'INV-2026-' || lpad(n::text, 8, '0'), 1, "
            f"n * 37 %% 1000000 + {other.replace('%', '%%')}, n * 3 %% 90000, 'SGD', date '2026-01-01' + n %% 180, "
            "date '2026-02-01' + n %% 180, 'PAID', 'so-' || n, timestamptz '2026-06-01 03:00+00' "
            "FROM generate_series(1, %(size)s) AS n",
            {"path": path, "day": DAY, "size": size},
        )
    connection.execute("VACUUM (ANALYZE) parity.answers_ours, parity.answers_theirs")


def _timed(connection: psycopg.Connection, statement: str, params: Mapping[str, Any]) -> tuple[float, int]:
    """Seconds until every row is here, and how many there are."""
    with connection.transaction():
        connection.execute(query("parity_planning"))
        started = monotonic()
        found = connection.execute(statement, params).fetchall()
        return monotonic() - started, len(found)


def _plan(connection: psycopg.Connection, statement: str, params: Mapping[str, Any]) -> list[str]:
    with connection.transaction():
        connection.execute(query("parity_planning"))
        return [line for (line,) in connection.execute(f"EXPLAIN {statement}", params).fetchall()][:6]


def _plain(connection: psycopg.Connection) -> None:
    """The same rows in two tables that anybody can read."""
    connection.execute("CREATE SCHEMA plain")
    for path in ("ours", "theirs"):
        connection.execute(
            f"CREATE TABLE plain.{path} AS SELECT kind, key, seq, {COMPARED} FROM parity.answers_{path}"
        )
        connection.execute(f"ALTER TABLE plain.{path} ADD PRIMARY KEY (key)")
    connection.execute("VACUUM (ANALYZE) plain.ours, plain.theirs")


def _peer(python: Path, script: str, url: str) -> dict[str, Any]:
    command = [str(python), str(Path(__file__).parent / "peers" / f"{script}.py"), url]
    if not python.exists():
        return {"failed": "there is no var/bench/venv; make bench makes it"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done within {PEER_TIMEOUT_S // 60} minutes"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["?"])[-1][:200]}
    took: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return took


# --- steps


def side_by_side(bench: Any, *, size: int) -> Path:
    """Fourteen days of a world beside its old path, against the truth; and once more, the last day first."""
    days = [DAY - timedelta(days=back) for back in reversed(range(14))]
    with TemporaryDirectory() as folder, scratch_database(bench.urls) as url:
        world = generate_world(
            out=Path(folder) / "world", seed=bench.seed, size=size, profile="clean", legacy_days=len(days)
        ).path
        with PostgresStore(url).keeping() as store:
            tie_out(store, world, days=days)
            compare(store, world, days=days)
            again = compare(store, world, days=reversed(days))
        figures = score(url, world) | {"same_again": sum(1 for one in again if one.unchanged)}
    return keep(f"parity-{size}", {"seed": bench.seed, "size": size, **figures})


def rows_beside_rows(bench: Any, *, size: int) -> Path:
    """Row and field parity against a bare join and the peers."""
    with scratch_database(bench.urls) as url:
        return keep(f"parity-rows-{size}", rows_against_rows(url, size=size, peers=VENV / "bin/python"))
