"""Worlds to measure on: generated ones, kept below var/bench/worlds, and others made from them."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from include.twin.generate import generate_world
from tests.bench.places import GENERATING, WORLDS, code_hash
from tests.bench.truth import rows, write_rows

CASH_FILES = (
    "erp/customers.csv",
    "erp/invoices.csv",
    "erp/credit_notes.csv",
    "payments/payments.csv",
    "payments/attempts.csv",
    "payments/refunds.csv",
    "payments/disputes.csv",
    "fx/rates.csv",
)
"""What R3 reads. A run on these alone is the R3 run, with nothing for the other reconciliations to do."""

DATED = {
    "erp/invoices.csv": "issue_date",
    "erp/credit_notes.csv": "issue_date",
    "payments/payments.csv": "paid_on",
    "payments/attempts.csv": "occurred_at",
    "payments/refunds.csv": "created_on",
    "payments/disputes.csv": "opened_on",
}

Row = dict[str, str]


@dataclass(frozen=True)
class Cut:
    """A world cut in time. `empty` has customers and rates only, `history` what is older than `newest` as well."""

    empty: Path
    history: Path
    newest: Path
    eve: date  # the history's last day


def generated(*, seed: int, size: int, profile: str) -> Path:
    """A whole world with its truth; generated when this generator has not made it yet."""
    world = WORLDS / f"{code_hash(GENERATING)}-{seed}-{size}-{profile}"
    if not (world / "world.json").is_file():
        generate_world(out=world, seed=seed, size=size, profile=profile)
    return world


def cash_only(world: Path) -> Path:
    """The files R3 reads, and the truth, as links into the world."""
    part = world.with_name(f"{world.name}.cash")
    for name in (*CASH_FILES, "truth", "world.json"):
        link = part / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(world / name)
    return part


def day_of(world: Path) -> date:
    """A generated world's last day."""
    return date.fromisoformat(json.loads((world / "world.json").read_text())["as_of"])


def in_another_order(world: Path, *, seed: int) -> Path:
    """The same rows, the lines of every file shuffled."""

    def shuffle(path: Path, target: Path) -> None:
        header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        random.Random(f"{seed} {path.name}").shuffle(lines)  # noqa: S311 - nothing secret
        target.write_text(header + "".join(lines), encoding="utf-8")

    return _made_from(world, "shuffled", shuffle)


def with_strangers_paying(world: Path, *, references: bool) -> Path:
    """Every payment is another family's: no pair is right. `references` and applications are kept, or blanked."""
    family = {row["id"]: row["parent_id"] or row["id"] for row in rows(world / "erp/customers.csv")}

    def swap(path: Path, target: Path) -> None:
        if path.name != "payments.csv":
            shutil.copyfile(path, target)
            return
        payments = list(rows(path))
        payers = _strangers(payments, family)
        blank = {} if references else {"reference": "", "invoice_id": ""}
        changed = ({**row, "customer_id": payers[row["id"]], **blank} for row in payments)
        write_rows(target, payments[0], (row.values() for row in changed))

    return _made_from(world, "strangers" if references else "strangers-silent", swap, truth=False)


def _strangers(payments: list[Row], family: dict[str, str]) -> dict[str, str]:
    """Payment -> a customer of another family. Sorted by family and turned by the largest family's payments."""
    known = [row for row in payments if row["customer_id"]]
    families = {row["id"]: family.get(row["customer_id"], row["customer_id"]) for row in known}
    turn = max(Counter(families.values()).values())
    order = sorted(known, key=lambda row: (families[row["id"]], row["id"]))
    if 2 * turn > len(order):
        raise ValueError("one family makes more than half of all payments: there are not enough strangers")
    payers = {row["id"]: order[(place + turn) % len(order)]["customer_id"] for place, row in enumerate(order)}
    return {row["id"]: payers.get(row["id"], "") for row in payments}


def of_two(world: Path, other: Path, *, own_ids: bool) -> Path:
    """The ERP of one world, the payments of another. `own_ids`: whose customers bear other ids, as they would.

    Who has the same id and the same name in both is no stranger but one company: its payments are left out.
    """
    named = [{row["id"]: row["name"] for row in rows(one / "erp/customers.csv")} for one in (world, other)]
    known = {customer for customer, name in named[0].items() if named[1].get(customer) == name}

    def mix(path: Path, target: Path) -> None:
        if path.parent.name != "payments":
            shutil.copyfile(path, target)
            return
        theirs = list(rows(other / "payments" / path.name))
        if not own_ids and "customer_id" in theirs[0]:
            theirs = [row for row in theirs if row["customer_id"] not in known]
        if own_ids and "customer_id" in theirs[0]:
            theirs = [
                {**row, "customer_id": row["customer_id"] and f"X{row['customer_id']}"} for row in theirs
            ]
        write_rows(target, theirs[0], (row.values() for row in theirs))

    return _made_from(world, "two-worlds" if own_ids else "two-worlds-colliding", mix, truth=False)


def before_and_after(world: Path, *, day_rows: int) -> Cut:
    """Cut off the newest `day_rows` rows or a few more: whole days. Rows after the world's last day are in no part."""
    last = day_of(world).isoformat()
    dates: Counter[str] = Counter()
    for name, column in DATED.items():
        dates.update(row[column][:10] for row in rows(world / name) if row[column][:10] <= last)
    taken, first = 0, last
    for day in sorted(dates, reverse=True):
        if taken >= day_rows:
            break
        taken, first = taken + dates[day], day
    return Cut(
        empty=_part(world, "empty", lambda _: False, undated=True),
        history=_part(world, f"before-{first}", lambda day: day < first, undated=True),
        newest=_part(world, f"from-{first}", lambda day: first <= day <= last, undated=False),
        eve=date.fromisoformat(first) - timedelta(days=1),
    )


def daily_exports(world: Path, folder: Path, *, days: int) -> dict[date, Path]:
    """What the systems export on each of so many days, on each about as many rows more than on the one before.

    The history of the world is told in these days, each as of the last date among its rows; what is dated after the
    world's last day is never exported.
    """
    last = day_of(world).isoformat()
    dates: Counter[str] = Counter()
    for name, column in DATED.items():
        dates.update(row[column][:10] for row in rows(world / name) if row[column][:10] <= last)
    ends, told = [], 0
    for on, many in sorted(dates.items()):
        told += many
        if told * days >= dates.total() * (len(ends) + 1):
            ends.append(on)
    exports: dict[date, Path] = {}
    for after, until in zip(["", *ends], ends, strict=False):
        newest = _part(world, f"{days}-until-{until}", _between(after, until), undated=not exports)
        before = list(exports.values())[-1:]
        exports[date.fromisoformat(until)] = grown(*before, newest, folder / until) if before else newest
    return exports


def _between(after: str, until: str) -> Callable[[str], bool]:
    return lambda day: after < day <= until


def grown(base: Path, newest: Path, target: Path) -> Path:
    """The files of `base`, each with the rows of `newest` after its own, as a system exports them a day later."""
    for name in CASH_FILES:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / name, target / name)
        with (newest / name).open("rb") as more, (target / name).open("ab") as file:
            more.readline()
            shutil.copyfileobj(more, file)
    return target


def _part(world: Path, suffix: str, keeps: Callable[[str], bool], *, undated: bool) -> Path:
    def cut(path: Path, target: Path) -> None:
        column = DATED.get(f"{path.parent.name}/{path.name}")
        with path.open(encoding="utf-8") as file:
            header = file.readline().strip().split(",")
        write_rows(target, header, _kept(path, column, keeps, undated=undated))

    return _made_from(world, suffix, cut, truth=False)


def _kept(
    path: Path, column: str | None, keeps: Callable[[str], bool], *, undated: bool
) -> Iterator[list[str]]:
    for row in rows(path):
        if undated if column is None else keeps(row[column][:10]):
            yield list(row.values())


def _made_from(world: Path, suffix: str, make: Callable[[Path, Path], None], *, truth: bool = True) -> Path:
    """A sibling of the world with each file but the truth made anew; it appears whole or not at all."""
    made = world.with_name(f"{world.name}.{suffix}")
    if made.is_dir():
        return made
    draft = made.with_name(f"{made.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    for path in sorted(world.rglob("*.csv")):
        target = draft / path.relative_to(world)
        if target.parent.name != "truth":
            target.parent.mkdir(parents=True, exist_ok=True)
            make(path, target)
    shutil.copyfile(world / "world.json", draft / "world.json")
    if truth:
        shutil.copytree(world / "truth", draft / "truth")
    draft.rename(made)
    return made
