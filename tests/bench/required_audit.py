"""What must be reached by the audit log, against the figures kept in var/bench."""

from collections.abc import Iterator

from tests.bench.required import BIG, SIZES, Kept, Line, why_not

VERIFIED_PER_S, RATIO, FOUND_S = 300_000, 0.8, 5


def audit_lines(kept: Kept) -> Iterator[Line]:
    """Every requirement in its order."""
    name = next((one for one in sorted(kept) if one.startswith("audit-")), f"audit-{BIG}")
    of = f"audit log, {SIZES.get(int(name.rpartition('-')[2]), name)} rows"
    read, found, written = (
        f"{of}: read again",
        f"{of}: one edited row found",
        "audited effects against unaudited",
    )
    if missing := why_not(kept, name):
        yield Line(read, f"≥ {VERIFIED_PER_S:,} rows/s", missing, None)
        yield Line(found, f"< {FOUND_S} s", missing, None)
        yield Line(written, f"≥ {RATIO}x", missing, None)
        return
    figures = kept[name]
    rate, took = figures["verified_per_s"], figures["edit_found_s"]
    yield Line(read, f"≥ {VERIFIED_PER_S:,} rows/s", f"{rate:,.0f} rows/s", rate >= VERIFIED_PER_S)
    yield Line(found, f"< {FOUND_S} s", f"{took:.1f} s", took < FOUND_S)
    ratio = figures["ratio"]
    pace = f"{ratio:.2f}x ({figures['audited_per_s']:,.0f}/s against {figures['unaudited_per_s']:,.0f}/s)"
    yield Line(written, f"≥ {RATIO}x", pace, ratio >= RATIO)
