"""Writes docs/benchmarks.md from var/bench/*.json: what is required, what was measured, and beside it the others."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from include.local.home import PROJECT
from tests.bench.places import BENCH
from tests.bench.required import SIZES, Kept, lines, why_not
from tests.bench.required_audit import audit_lines
from tests.bench.required_daily import daily_lines
from tests.bench.required_live import live_lines
from tests.bench.required_parity import parity_lines
from tests.bench.show import figure

BESIDE = 3
"""Pages whose figures share a line."""
DOCUMENT = PROJECT / "docs/benchmarks.md"

HEAD = """\
# Benchmarks

Written by `make bench` from `var/bench/*.json`; failures stand as failures. Worlds are generated from a seed that the
engine never sees (`make bench SEED=…`), and judged against their truth. Figures are cut off, not rounded.
"""

NOTES = """\
## How it is measured

- *Precision* is right pairs of all posted pairs; by value each pair weighs its amount in SGD at the world's last rate.
  A payment that the truth calls unmatchable cannot be told from the files; a pair posted for one is *lucky* when right.
- *Recall* is over true pairs of matchable payments; *coverage* is payments posted of the matchable.
- *macro-F1* is the mean over the codes the truth has; a break counts when reconciliation, code and key agree.
- The R3 run is `reconcile` and `publish_run` on landed rows of the files R3 reads, in a process of its own: matching,
  breaks, proofs, certificate, everything persisted. Landing is not in it, nor is it in the peers' time: they read plain
  tables of the same rows. Keys of references are cut at landing, so that part of ours is paid there.
- The plain join copies the same invoices and payments in from memory and joins them once by number, currency and amount
  (`CREATE TABLE AS`, hash join), in the same database in the same minutes. Up to 500k invoices the quickest of three
  runs counts, for both.
- Two paths: a clean world beside its old manual path, whose errors are drawn and logged; fourteen days are tied out and
  compared. A difference counts for a class when the truth and the comparison both say so.
- Rows against rows: as many answers of each path, one in a thousand differing, by the comparison's own statement; the
  bare join counts the same rows by the same keys, with the same settings, in the same minutes; best of three.
  Peers read plain tables of these rows.
- Peak memory is VmHWM of the Python process after the run.
- Negative controls leave the payer's text as it was, so it contradicts the customer a payment was given.
- A day is the newest 10,000 rows of a world: pulled, proven, landed and reconciled; the history was run the day before.
- A killed process runs a recipe against the twin over HTTP and Postgres, and ends by SIGKILL before or after a commit
  or a call. Another takes over after 1 h, and in another run after 25 h, when other systems have forgotten our keys.
  What is in Salesforce, the ERP, the payments platform and our tables then is compared with a run nobody killed.
- In disorder two platforms hear of one payments platform; their states are compared before anything is swept.
- Seconds depend on what else the machine does (see its load below). The plain join, the peers and the two days are
  ratios taken in the same minutes; growth from size to size compares different ones and wants a quiet machine.
- Seconds are taken on the platform as `make up` starts it (Airflow, Postgres, twin, lane), from before a payment is
  made until the twin's Salesforce shows it, asked every 10 ms; under load, until Salesforce confirmed what happened and
  how the invoice stands after it. *Bare Airflow* is a task that does nothing, from its request by REST to its end,
  in the same minutes. *Hand-overs* are runs of the lane that began meanwhile.
- Bare Collections are prepared calls of 200 rows over kept connections, as many at once as the lane has hands.
- The e-mail is the whole way from a stored run to the bytes an SMTP server is given: page, charts, workbook, message.
- A page of the console is asked for 40 times over loopback, one after another; who asks is played, so that the login of
  Airflow is not in it. First meaningful paint is Chromium's largest contentful paint, the median of five loads.
- Cached below `var/bench` and in its server: generated worlds (by generator code, seed, size, profile) and databases
  with a world landed in them (by landing code and world). A run always starts from a copy where nothing was run yet.
"""


def read_kept() -> dict[str, dict[str, Any]]:
    """Every step's figures."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(BENCH.glob("*.json"))}


def write_document() -> Path:
    """Write the table for what is kept now."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(read_kept()), encoding="utf-8")
    return DOCUMENT


def document(kept: Kept) -> str:
    """The whole document."""
    parts = [HEAD, _required(kept)]
    parts += [part for part in (_beside(kept), _codes(kept), _real(kept), _pages(kept)) if part]
    return "\n".join([*parts, NOTES, _sources(kept)])


def _required(kept: Kept) -> str:
    found = [*lines(kept), *live_lines(kept), *daily_lines(kept), *parity_lines(kept), *audit_lines(kept)]
    passed, failed = (sum(1 for line in found if line.passed is outcome) for outcome in (True, False))
    count = f"{passed} pass, {failed} fail, {len(found) - passed - failed} not measured.\n"
    rows = ([line.measure, line.required, line.measured, line.verdict] for line in found)
    return count + "\n" + _table(["measure", "must reach", "measured", "verdict"], rows)


def _beside(kept: Kept) -> str:
    """Naive rules and peers beside the engine, size by size."""
    parts = []
    for size, called in SIZES.items():
        name = f"cash-default-{size}"
        if why_not(kept, name) or not kept[name]["others"]:
            continue
        rows = [_ours(kept[name]), *(_other(other, found) for other, found in kept[name]["others"].items())]
        head = [
            "",
            "posted",
            "wrong",
            "lucky",
            "precision",
            "by value",
            "recall",
            "coverage",
            "withheld",
            "seconds",
        ]
        parts.append(f"### {called} invoices, default profile\n\n" + _table(head, rows))
    return "## Beside naive rules and peers\n\n" + "\n".join(parts) if parts else ""


def _ours(found: dict[str, Any]) -> list[str]:
    links, cash = found["score"]["links"]["R3"], found["score"]["cash"]
    return _figures("**Tieout**", {**links, **cash, "posted": links["posted"]}, found["run"]["seconds"])


def _other(name: str, found: dict[str, Any]) -> list[str]:
    if "failed" in found:
        return [name, f"did not finish: {found['failed']}", *[""] * 8]
    return _figures(name, found, found["seconds"])


def _figures(name: str, found: dict[str, Any], seconds: float) -> list[str]:
    counts = [f"{found[key]:,}" for key in ("posted", "wrong", "lucky")]
    ratios = ("precision", "precision_by_value", "recall", "coverage", "withheld")
    return [name, *counts, *(_ratio(found[key]) for key in ratios), f"{seconds:.2f}"]


def _codes(kept: Kept) -> str:
    """Every reason code of the whole default world."""
    name = "accuracy-default-100000"
    if why_not(kept, name):
        return ""
    rows = [
        [recon, code, f"{right:,}", f"{invented:,}", f"{missed:,}", _ratio(f1)]
        for recon, codes in kept[name]["score"]["codes"].items()
        for code, (right, invented, missed, f1) in codes.items()
    ]
    return "## Reason codes, default, 100k\n\n" + _table(
        ["", "code", "right", "invented", "missed", "F1"], rows
    )


def _real(kept: Kept) -> str:
    parts = []
    for name in (name for name in kept if name.startswith("real-")):
        if missing := why_not(kept, name):
            parts.append(f"- `{name.removeprefix('real-')}`: skipped, {missing}")
            continue
        found = kept[name]
        links = found["score"]["links"].get("R3")
        truth = (
            f"precision {_ratio(links['precision'])}, recall {_ratio(links['recall'])} of {links['true']:,} true pairs"
            if links
            else "no truth to compare with"
        )
        codes = ", ".join(f"{code} {count:,}" for code, count in found["breaks"].items()) or "none"
        parts.append(
            f"- `{name.removeprefix('real-')}` as of {found['as_of']}: {found['posted']:,} pairs posted, {truth}; "
            f"breaks: {codes}; {'proven' if found['run']['proven'] else 'NOT proven'}, {found['run']['seconds']:.1f} s"
        )
    return "## Worlds nobody generated\n\n" + "\n".join(parts) + "\n" if parts else ""


def _pages(kept: Kept) -> str:
    """Every page of the console, what is posted to it, and its files."""
    name = "console-1000000"
    if why_not(kept, name):
        return ""
    parts = ("pages", "page"), ("acts", "act, posted"), ("downloads", "file of the day, whole")
    tables = [
        _table(
            [called, "p95, ms"] * BESIDE,
            [
                [cell for one, took in row for cell in (f"`{one}`", f"{took['p95_ms']:.0f}")]
                + [""] * 2 * (BESIDE - len(row))
                for row in (
                    list(found.items())[start : start + BESIDE] for start in range(0, len(found), BESIDE)
                )
            ],
        )
        for part, called in parts
        if (found := kept[name].get(part))
    ]
    return "## The console, 1M matches and 100k breaks\n\n" + "\n".join(tables)


def _sources(kept: Kept) -> str:
    rows = [
        [
            name,
            str(found.get("seed", "")),
            found["commit"],
            found["date"],
            found["machine"],
            found.get("load", ""),
        ]
        for name, found in kept.items()
    ]
    return "## Measured when\n\n" + _table(["step", "seed", "commit", "date", "machine", "load"], rows)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    def draw() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        for row in rows:
            yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"

    return "\n".join(draw()) + "\n"


def _ratio(value: str | None) -> str:
    return figure(None if value is None else Decimal(value))
