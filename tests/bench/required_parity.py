"""What must be reached by parity, against the figures kept in var/bench."""

from collections.abc import Iterator

from tests.bench.required import SIZES, Kept, Line, why_not

F1 = 0.95
RATIO = 1.5
BIGGEST = 10_000_000
DAYS = 14


def parity_lines(kept: Kept) -> Iterator[Line]:
    """Every requirement in its order."""
    yield from _classes(kept)
    yield from _rows(kept)
    yield from _fortnight(kept)


def _classes(kept: Kept) -> Iterator[Line]:
    name = next((one for one in sorted(kept) if one.startswith("parity-") and "rows" not in one), "parity")
    what = "two paths side by side, 14 days"
    if missing := why_not(kept, name):
        yield Line(f"{what}: recall, class F1, false differences", f"1.0, ≥ {F1}, 0", missing, None)
        return
    found = kept[name]
    of = f"of {found['injected']:,} injected"
    yield Line(f"{what}: recall", "1.0", f"{found['recall']:.4f} {of}", found["recall"] == 1)
    confused = ", ".join(f"{many} {pair}" for pair, many in found["confused"].items()) or "none confused"
    yield Line(f"{what}: class F1", f"≥ {F1}", f"{found['f1']:.4f} ({confused})", found["f1"] >= F1)
    yield Line(f"{what}: false differences", "0", str(found["false"]), found["false"] == 0)
    same = f"{found['same_again']} of {found['days']} verdicts"
    yield Line(
        f"{what}: again, the last day first", "the same hashes", same, found["same_again"] == found["days"]
    )


def _rows(kept: Kept) -> Iterator[Line]:
    name = max(
        (one for one in kept if one.startswith("parity-rows-")), key=_size, default=f"parity-rows-{BIGGEST}"
    )
    what = f"row and field parity, {SIZES.get(_size(name), name)} rows a side"
    if missing := why_not(kept, name):
        yield Line(what, f"≤ {RATIO}x a bare full outer join", missing, None)
        return
    found = kept[name]
    ours = found["ours_s"]
    measured = f"{found['ratio']:.2f}x ({ours:.1f} s against {found['bare_s']:.1f} s)"
    yield Line(what, f"≤ {RATIO}x a bare full outer join", measured, found["ratio"] <= RATIO)
    for peer, took in found["peers"].items():
        if "failed" in took:
            yield Line(f"{what}, faster than {peer}", "quicker", f"it did not finish: {took['failed']}", None)
            continue
        same = (
            "the same differences"
            if took["differing"] == found["differing"]
            else f"{took['differing']} differ"
        )
        yield Line(
            f"{what}, faster than {peer}",
            "quicker",
            f"{ours:.1f} s against {took['seconds']:.1f} s ({same})",
            ours < took["seconds"],
        )


def _fortnight(kept: Kept) -> Iterator[Line]:
    name = max((one for one in kept if one.startswith("fortnight-")), key=_size, default="fortnight-100000")
    what = f"14 days of {_size(name):,} rows, backfilled once all have landed"
    same, quick = "identical to the 14 daily runs", "≤ the sum of the daily times"
    if missing := why_not(kept, name):
        yield Line(what, f"{same}; {quick}", missing, None)
        return
    found = kept[name]
    yield Line(
        f"{what}: certificates",
        same,
        f"{found['same']} of {found['days']}",
        found["same"] == found["days"] == DAYS,
    )
    took, landing, daily = (sum(found[part]) for part in ("backfilled_s", "landing_s", "daily_s"))
    yield Line(
        f"{what}: seconds",
        quick,
        f"{took:.1f} s against {daily:.1f} s, landing ({landing:.1f} s more) left out",
        took <= daily,
    )


def _size(name: str) -> int:
    return int(name.rpartition("-")[2])
