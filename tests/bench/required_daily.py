"""What judging a day's data and mailing its report may cost, against the figures of their steps."""

from collections.abc import Iterator

from tests.bench.required import BIG, SIZES, Kept, Line, why_not

SCHEMAS_RATIO, EXPECTATIONS_S, EXPECTATIONS_RATIO = 1.5, 20, 3
MAIL_S, MAIL_MB = 10, 10


def daily_lines(kept: Kept) -> Iterator[Line]:
    """Every requirement in its order."""
    yield from _quality(kept)
    yield from _mail(kept)


def _quality(kept: Kept) -> Iterator[Line]:
    schemas, expectations = "schemas of received rows", "expectations of canonical rows"
    limits = (
        f"≤ {SCHEMAS_RATIO}x reading them",
        f"≤ {EXPECTATIONS_S} s",
        f"≤ {EXPECTATIONS_RATIO}x bare SQL",
    )
    measured = [size for size in SIZES if not why_not(kept, f"quality-{size}")]
    if not measured:
        missing = why_not(kept, f"quality-{BIG}")
        for what, limit in zip((schemas, expectations, expectations), limits, strict=True):
            yield Line(what, limit, missing, None)
        return
    found = kept[f"quality-{measured[-1]}"]
    edge, books = found["edge"], found["books"]
    whole = measured[-1] >= BIG
    ratio = edge["asked_s"] / edge["read_s"]
    words = f"{ratio:.2f}x ({edge['asked_s']:.1f} s against {edge['read_s']:.1f} s)"
    yield Line(f"{schemas}, {edge['rows']:,}", limits[0], words, ratio <= SCHEMAS_RATIO if whole else None)
    took, bare = books["checking_s"], books["bare_s"]
    what = f"{expectations}, {books['expectations']} of them, {books['rows']:,} rows"
    # Without invoices in Salesforce, what is expected of both systems has nothing to do.
    whole = whole and books.get("held_against", 0) > 0
    words = f"{took:.1f} s, and {books['rendering_s']:.1f} s for rendering"
    yield Line(what, limits[1], words, took <= EXPECTATIONS_S if whole else None)
    words = f"{took / bare:.1f}x ({took:.1f} s against {bare:.1f} s)"
    yield Line(what, limits[2], words, took <= EXPECTATIONS_RATIO * bare if whole else None)


def _mail(kept: Kept) -> Iterator[Line]:
    name = "mail-10000"
    what = "the e-mail of a day with 10,000 breaks, 20,000 matches and 50,000 open invoices"
    if missing := why_not(kept, name):
        yield Line(what, f"≤ {MAIL_S} s and ≤ {MAIL_MB} MB", missing, None)
        return
    found = kept[name]
    took = f"{found['seconds']:.1f} s ({found['cpu_s']:.1f} s on a core)"
    yield Line(f"{what}, built", f"≤ {MAIL_S} s", took, found["seconds"] <= MAIL_S)
    megabytes = found["bytes"] / 1e6
    yield Line(f"{what}, size", f"≤ {MAIL_MB} MB", f"{megabytes:.1f} MB", megabytes <= MAIL_MB)
