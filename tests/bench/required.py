"""What must be reached, line by line, against the figures kept in var/bench."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.bench.show import figure

Kept = Mapping[str, dict[str, Any]]
"""Name of a step -> what it kept. A step that was not run has no entry."""

PRECISION, PRECISION_BY_VALUE = Decimal("0.9999"), Decimal("0.99999")
RECALL, COVERAGE, MACRO_F1, WITHHELD = Decimal("0.97"), Decimal("0.94"), Decimal("0.95"), Decimal("0.99")
PLAIN_RATIO, DAY_RATIO, FLAT_RATIO = 3, 1.5, 1.5
PEAK_MIB = 1024
PAGE_MS, PAINT_MS = 300, 1000
LIMIT_SHARE, LANDING_MIB = 0.6, 300
SIZES = {10_000: "10k", 100_000: "100k", 1_000_000: "1M", 10_000_000: "10M"}
WHOLE = 100_000
BIG = 1_000_000
BIGGEST = 10_000_000


@dataclass(frozen=True)
class Line:
    """One requirement. `passed` is None when it was not measured, and `measured` says why."""

    measure: str
    required: str
    measured: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        return {True: "pass", False: "**FAIL**", None: "not measured"}[self.passed]


def lines(kept: Kept) -> Iterator[Line]:
    """Every requirement in its order."""
    for profile in ("default", "hostile"):
        yield from _precisions(kept, profile)
    yield from _reach(kept)
    yield from _controls(kept)
    yield from _plain(kept)
    yield from _peers(kept)
    yield _day(kept)
    yield from _growth(kept)
    yield from _sameness(kept)
    yield from _throughput(kept)
    yield from _console(kept)


def why_not(kept: Kept, name: str) -> str:
    """Why a step has no figures; empty when it has."""
    found = kept.get(name)
    if found is None:
        return "this step was not run"
    return str(found.get("skipped") or found.get("failed") or "")


def _precisions(kept: Kept, profile: str) -> Iterator[Line]:
    for size, name in ((WHOLE, f"accuracy-{profile}-{WHOLE}"), (BIG, f"cash-{profile}-{BIG}")):
        what = f"R3 posted-link precision, {profile}, {SIZES[size]}"
        if missing := why_not(kept, name):
            yield Line(what, f"≥ {PRECISION} / ≥ {PRECISION_BY_VALUE} by value", missing, None)
            continue
        links = kept[name]["score"]["links"]
        yield _at_least(f"{what}, by count", PRECISION, links["R3"]["precision"], note=_wrong(links["R3"]))
        yield _at_least(f"{what}, by value", PRECISION_BY_VALUE, links["R3"]["precision_by_value"])
        yield from _other_precisions(f"{profile}, {SIZES[size]}", links)


def _other_precisions(where: str, links: Mapping[str, Any]) -> Iterator[Line]:
    for recon in sorted(links.keys() - {"R3"}):
        what = f"{recon} posted-link precision, {where}, by count"
        if links[recon]["posted"]:
            yield _at_least(what, PRECISION, links[recon]["precision"], note=_wrong(links[recon]))
        else:
            yield Line(what, f"≥ {PRECISION}", f"{recon} posts nothing yet", None)


def _reach(kept: Kept) -> Iterator[Line]:
    for size, name in ((WHOLE, f"accuracy-default-{WHOLE}"), (BIG, f"cash-default-{BIG}")):
        at = f"default, {SIZES[size]}"
        if missing := why_not(kept, name):
            yield Line(f"recall, coverage and ambiguous withheld, {at}", "see 100k", missing, None)
            continue
        found = kept[name]["score"]
        cash = found["cash"]
        of_all = f"{figure(_decimal(cash['coverage_of_all']), 4)} of all received"
        yield _at_least(f"R3 recall of the matchable, {at}", RECALL, found["links"]["R3"]["recall"])
        yield _at_least(f"R3 coverage (auto-posted), {at}", COVERAGE, cash["coverage"], note=of_all)
        yield _at_least(f"ambiguous cases withheld, {at}", WITHHELD, cash["withheld"])
    name = f"accuracy-default-{WHOLE}"
    if missing := why_not(kept, name):
        yield Line("reason-code macro-F1, default", f"≥ {MACRO_F1}", missing, None)
        return
    for recon, value in sorted(kept[name]["score"]["macro_f1"].items()):
        which = "all reconciliations" if recon == "all" else recon
        yield _at_least(f"reason-code macro-F1, default, {SIZES[WHOLE]}, {which}", MACRO_F1, value)


def _controls(kept: Kept) -> Iterator[Line]:
    if missing := why_not(kept, "controls"):
        yield Line("negative controls", "0 posted", missing, None)
        return
    for name, found in kept["controls"]["controls"].items():
        rules = ", ".join(f"{rule} {count}" for rule, count in sorted(found["by_rule"].items()))
        measured = f"{found['posted']:,} of {found['payments']:,} payments" + (f" ({rules})" if rules else "")
        yield Line(f"negative control: {name}", "0 posted", measured, found["posted"] == 0)


def _plain(kept: Kept) -> Iterator[Line]:
    required = f"≤ {PLAIN_RATIO}x plain COPY + hash join"
    what = "whole R3 run, 1M x 1M, persisted and certified"
    if missing := why_not(kept, f"cash-default-{BIG}"):
        yield Line(what, required, missing, None)
        return
    found = kept[f"cash-default-{BIG}"]
    took, plain = found["run"]["seconds"], found["plain"]
    parts = f"{took:.1f} s against {plain['copy_s']:.1f} + {plain['join_s']:.1f} s"
    yield Line(what, required, f"{plain['ratio']:.1f}x ({parts})", plain["ratio"] <= PLAIN_RATIO)


def _peers(kept: Kept) -> Iterator[Line]:
    name = f"cash-default-{BIG}"
    if missing := why_not(kept, name):
        yield Line("faster than each peer, 1M", "quicker on the same rows", missing, None)
        return
    ours, links = kept[name]["run"]["seconds"], kept[name]["score"]["links"]["R3"]
    for peer, found in kept[name]["others"].items():
        if found["kind"] != "peer":
            continue
        what = f"faster than {peer}, 1M, reading and writing Postgres"
        if "failed" in found:
            yield Line(what, "quicker", f"it did not finish: {found['failed']}", None)
            continue
        precise = f"its precision {figure(_decimal(found['precision']))}, ours {figure(_decimal(links['precision']))}"
        measured = f"{ours:.1f} s against {found['seconds']:.1f} s ({precise})"
        yield Line(what, "quicker", measured, ours < found["seconds"])


def _day(kept: Kept) -> Line:
    what, required = "a 10k-row day on a 10M-row history", f"≤ {DAY_RATIO}x the same day on none"
    measured = [size for size in SIZES if not why_not(kept, f"day-{size}")]
    if not measured:
        return Line(what, required, why_not(kept, f"day-{BIGGEST}"), None)
    found = kept[f"day-{measured[-1]}"]
    rows = found["history"]["rows"]
    took = f"{found['history']['total_s']:.1f} s against {found['empty']['total_s']:.1f} s"
    words = f"{found['ratio']:.2f}x on a history of {rows:,} rows ({took})"
    if found["ratio"] > DAY_RATIO:
        return Line(what, required, words, passed=False)
    return Line(what, required, words, True if rows >= BIGGEST else None)


def _growth(kept: Kept) -> Iterator[Line]:
    runs = {size: kept[f"cash-default-{size}"] for size in SIZES if not why_not(kept, f"cash-default-{size}")}
    what, required = "time per row, 10k → 10M (rise from any size to a larger one)", f"≤ {FLAT_RATIO}x"
    memory = "peak memory of the Python process"
    if len(runs) < 2:
        yield Line(what, required, "fewer than two sizes were run", None)
    else:
        per_row = {size: run["run"]["seconds"] / run["rows"] for size, run in runs.items()}
        rise = max(per_row[big] / per_row[small] for small in per_row for big in per_row if small < big)
        words = ", ".join(f"{SIZES[size]} {took * 1e6:.0f} µs" for size, took in per_row.items())
        reached = True if BIGGEST in runs else None
        passed = reached if rise <= FLAT_RATIO else False
        yield Line(what, required, f"{rise:.2f}x ({words})", passed)
    if runs:
        peak = {size: run["run"]["peak_mib"] for size, run in runs.items()}
        words = ", ".join(f"{SIZES[size]} {mib:,} MiB" for size, mib in peak.items())
        reached = True if BIGGEST in runs else None
        yield Line(memory, "≤ 1 GiB", words, reached if max(peak.values()) <= PEAK_MIB else False)
    else:
        yield Line(memory, "≤ 1 GiB", "no size was run", None)


def _sameness(kept: Kept) -> Iterator[Line]:
    required = "identical certificate hash"
    if missing := why_not(kept, "determinism"):
        yield Line("re-run, shuffled input, 1 against 8 buckets", required, missing, None)
        return
    found = kept["determinism"]
    first = found["hashes"]["first run"]
    for name, one in found["hashes"].items():
        if name != "first run":
            yield Line(name, required, f"{one[:12]} against {first[:12]}", one == first)
    buckets = found["buckets"]
    if not buckets:
        yield Line("1 against 8 buckets", required, "the engine has no buckets yet", None)
    else:
        words = " against ".join(one[:12] for one in buckets.values())
        yield Line("1 against 8 buckets", required, words, len(set(buckets.values())) == 1)


def _throughput(kept: Kept) -> Iterator[Line]:
    for entity in ("accounts", "payments"):
        what = f"extract to landed, {entity}"
        names = [
            name for name in kept if name.startswith(f"throughput-{entity}-") and not why_not(kept, name)
        ]
        if not names:
            yield Line(what, f"≥ {LIMIT_SHARE}x a bare client", "this step was not run", None)
            continue
        found = max((kept[name] for name in names), key=lambda one: one["size"])
        what, run = f"{what}, {found['size']:,} rows", found["run"]
        if "failed" in run:
            yield Line(what, f"≥ {LIMIT_SHARE}x a bare client", f"it broke: {run['failed']}", passed=False)
            continue
        share = found["bare"]["seconds"] / run["seconds"]
        rates = (
            f"{run['rows'] / run['seconds']:,.0f}/s against {run['rows'] / found['bare']['seconds']:,.0f}/s"
        )
        words = f"{share:.2f}x ({rates}; proving it takes {run['prove_s']:.1f} s more)"
        yield Line(what, f"≥ {LIMIT_SHARE}x a bare client", words, share >= LIMIT_SHARE and run["proven"])
        yield Line(
            f"{what}, memory",
            f"≤ {LANDING_MIB} MiB",
            f"{run['peak_mib']} MiB",
            run["peak_mib"] <= LANDING_MIB,
        )
        for peer, other in found["peers"].items():
            if "failed" in other:
                yield Line(f"{what}, ahead of {peer}", "quicker", f"it broke: {other['failed']}", None)
                continue
            words = f"{run['seconds']:.1f} s against {other['seconds']:.1f} s and {other['peak_mib']} MiB"
            yield Line(f"{what}, ahead of {peer}", "quicker", words, run["seconds"] < other["seconds"])


def _console(kept: Kept) -> Iterator[Line]:
    name = f"console-{BIG}"
    page, paint = (
        "every page of the console, 1M matches, 100k breaks, p95",
        "first meaningful paint of a page, on loopback",
    )
    if missing := why_not(kept, name):
        yield Line(page, f"≤ {PAGE_MS} ms", missing, None)
        yield Line(paint, f"≤ {PAINT_MS} ms", missing, None)
        return
    found = kept[name]
    asked, files = found["pages"] | found.get("acts", {}), found.get("downloads", {})
    slowest = max(asked, key=lambda one: asked[one]["p95_ms"])
    took = asked[slowest]["p95_ms"]
    words = f"{took:.0f} ms at most, of {len(asked)} pages and acts (`{slowest}`)"
    yield Line(page, f"≤ {PAGE_MS} ms", words, took <= PAGE_MS)
    if files:
        first = max(one["first_p95_ms"] for one in files.values())
        longest = max(files, key=lambda one: files[one]["p95_ms"])
        words = (
            f"{first:.0f} ms at most, of {len(files)}; whole {files[longest]['p95_ms']:.0f} ms (`{longest}`)"
        )
        yield Line("a file of that day, until its first bytes", f"≤ {PAGE_MS} ms", words, first <= PAGE_MS)
    painted = found["paint"]
    if "skipped" in painted:
        yield Line(paint, f"≤ {PAINT_MS} ms", painted["skipped"], None)
        return
    longest = max(painted.values())
    yield Line(
        paint, f"≤ {PAINT_MS} ms", f"{longest:.0f} ms at most, of {len(painted)} pages", longest <= PAINT_MS
    )


def _at_least(what: str, floor: Decimal, value: str | None, *, note: str = "") -> Line:
    found = _decimal(value)
    if found is None:
        return Line(what, f"≥ {floor}", "nothing to divide by", None)
    return Line(what, f"≥ {floor}", figure(found) + (f" ({note})" if note else ""), found >= floor)


def _wrong(links: Mapping[str, Any]) -> str:
    return f"{links['wrong']:,} wrong of {links['posted']:,}"


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
