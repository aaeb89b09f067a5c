"""What must be reached in seconds, line by line, against the figures of the live steps."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.required import Kept, Line, why_not

EVENTS = {
    "webhook": ("by webhook, one at a time", {"p50": 0.3, "p95": 1.0, "p99": 3.0}, 200),
    "backfill": ("beside a 14-day backfill and full reconciliations", {"p95": 3.0}, 100),
    "polling": ("webhooks lost, polling only", {"p95": 5.0}, 100),
}
"""Sub-step -> what it is, the most seconds by percentile, and the fewest samples that count."""

SUSTAINED_P95_S, CROWD, CROWD_S = 3.0, 2_000, 60.0
SUSTAINED_EVENTS = 6_000
ACK_P99_S, ACK_EVENTS = 0.050, 6_000
ROLLBACK_S = 60.0
WON_P95_S, WON_SAMPLES = 5.0, 50
OF_BARE, OVER_SINGLE = 0.8, 20


def live_lines(kept: Kept) -> Iterator[Line]:
    """Every requirement in its order."""
    for name, (called, limits, fewest) in EVENTS.items():
        what = f"payment event → field in Salesforce, {called}"
        yield from _percentiles(kept, f"latency-{name}", what, limits, fewest)
    yield from _load(kept)
    yield from _acknowledged(kept)
    what = "Closed-Won → order, invoice and the reference back"
    yield from _percentiles(kept, "latency-won", what, {"p95": WON_P95_S}, WON_SAMPLES)
    yield from _writes(kept)
    yield from _kills(kept)
    yield from _disorder(kept)
    yield from _cutover(kept)


def _percentiles(
    kept: Kept, name: str, what: str, limits: Mapping[str, float], fewest: int
) -> Iterator[Line]:
    for percentile, limit in limits.items():
        required = f"{percentile} ≤ {limit:g} s"
        if missing := why_not(kept, name):
            yield Line(what, required, missing, None)
            continue
        found = kept[name]
        words = f"{found[percentile]:.2f} s ({_about(found)})"
        reached = found[percentile] <= limit
        yield Line(what, required, words, reached if found["n"] >= fewest or not reached else None)


def _about(found: Mapping[str, Any]) -> str:
    floor, hand_overs = found["floor"], found.get("hand_overs")
    words = f"{found['n']:,} samples"
    if hand_overs is not None:
        words += f", {hand_overs} hand-overs"
    return f"{words}; bare Airflow p50 {floor['p50']:.2f} s, p95 {floor['p95']:.2f} s"


def _load(kept: Kept) -> Iterator[Line]:
    required = {
        "20 payments a second for 5 minutes": f"p95 ≤ {SUSTAINED_P95_S:g} s",
        "then 2,000 at once": f"drained ≤ {CROWD_S:g} s",
        "of all these, some told twice": "0 lost, 0 doubled, order per invoice kept",
    }
    if missing := why_not(kept, "latency-load"):
        yield from (Line(what, must, missing, None) for what, must in required.items())
        return
    found = kept["latency-load"]
    sustained, crowd = found["sustained"], found["crowd"]
    whole = sustained["n"] >= SUSTAINED_EVENTS and crowd["n"] >= CROWD
    kept_order = f"{found['out_of_order']} out of order, {found['invoices_wrong']} invoices wrong"
    words = [
        f"{sustained['p95']:.2f} s ({_about({**found, 'n': sustained['n']})})",
        f"{crowd['n']:,} in {crowd['drained_s']:.1f} s",
        f"{found['lost']} lost, {found['doubled']} doubled, {kept_order}",
    ]
    wrong = sum(found[name] for name in ("lost", "doubled", "out_of_order", "invoices_wrong"))
    reached = [sustained["p95"] <= SUSTAINED_P95_S, crowd["drained_s"] <= CROWD_S, wrong == 0]
    for (what, must), said, passed in zip(required.items(), words, reached, strict=True):
        yield Line(what, must, said, passed if whole or not passed else None)


def _acknowledged(kept: Kept) -> Iterator[Line]:
    what, required = (
        "webhook acknowledged at 200 a second",
        f"p99 ≤ {ACK_P99_S * 1000:.0f} ms, durable before 2xx",
    )
    if missing := why_not(kept, "latency-ack"):
        yield Line(what, required, missing, None)
        return
    found = kept["latency-ack"]
    good = int(found["statuses"].get("200", 0))
    answered = f"{good:,} of {found['n']:,} answered 200, {found['held']:,} held"
    words = f"{found['p99'] * 1000:.0f} ms; {answered} ({_about(found)})"
    reached = found["p99"] <= ACK_P99_S and good == found["n"] == found["held"]
    yield Line(what, required, words, reached if found["n"] >= ACK_EVENTS or not reached else None)


def _writes(kept: Kept) -> Iterator[Line]:
    what, name = "outbox → Salesforce", "latency-writes"
    limits = {f"≥ {OF_BARE}x bare Collections": OF_BARE, f"≥ {OVER_SINGLE}x one call a record": OVER_SINGLE}
    for (required, floor), ratio in zip(limits.items(), ("of_bare", "over_single"), strict=True):
        if missing := why_not(kept, name):
            yield Line(what, required, missing, None)
            continue
        found = kept[name]
        rates = f"{found['ours']:,}/s; bare {found['bare']:,}/s, one by one {found['one_by_one']:,}/s"
        yield Line(what, required, f"{found[ratio]:.2f}x ({rates})", found[ratio] >= floor)


def _kills(kept: Kept) -> Iterator[Line]:
    what = "killed (-9) at every checkpoint of each recipe, and started again"
    required, found_all = "each effect there once, nothing lost", "mistakes planted, found by killing"
    put_back = "our database put back to every commit of each recipe, 1 h and 25 h later"
    if missing := why_not(kept, "kills"):
        yield Line(what, required, missing, None)
        yield Line(found_all, "all", missing, None)
        yield Line(put_back, required, missing, None)
        return
    recipes, planted = kept["kills"]["recipes"].values(), kept["kills"]["planted"]
    cells, wrong = (sum(recipe[name] for recipe in recipes) for name in ("cells", "wrong"))
    names = ", ".join(
        f"{name.replace('_', ' ')} {one['checkpoints']}" for name, one in kept["kills"]["recipes"].items()
    )
    yield Line(what, required, f"{wrong} wrong of {cells} deaths (checkpoints: {names})", wrong == 0)
    after = ", ".join(f"{name}: {one['cells'] or 'never'}" for name, one in planted.items())
    yield Line(found_all, "all", f"after deaths: {after}", all(one["cells"] for one in planted.values()))
    restored = kept["kills"].get("restored")
    if not restored:
        yield Line(put_back, required, "not measured yet", None)
        return
    words = f"{restored['wrong']} wrong of {restored['losses']} restores"
    yield Line(put_back, required, words, restored["wrong"] == 0)


def _disorder(kept: Kept) -> Iterator[Line]:
    what, swept = (
        "every event delivered twice and shuffled within 5 minutes",
        "what the sweep repaired after it",
    )
    required = "the state is that of once and in order"
    if missing := why_not(kept, "disorder"):
        yield Line(what, required, missing, None)
        yield Line(swept, "0", missing, None)
        return
    found = kept["disorder"]
    words = f"{len(found['different'])} tables differ ({found['events']:,} events of {found['invoices']:,} invoices)"
    yield Line(what, required, words, not found["different"])
    repaired = {name: len(messages) for name, messages in found["repaired"].items()}
    yield Line(
        swept,
        "0",
        ", ".join(f"{count} {name}" for name, count in repaired.items()),
        not any(repaired.values()),
    )


def _cutover(kept: Kept) -> Iterator[Line]:
    what = "cutover to and fro while deals are won: processing of the slowest switch"
    nothing = "effects lost, and doubled, by it"
    unasked = "a path that writes without asking, planted, shows as orders doubled"
    required = f"≤ {ROLLBACK_S:g} s"
    if missing := why_not(kept, "cutover"):
        yield Line(what, required, missing, None)
        yield Line(nothing, "0, 0", missing, None)
        yield Line(unasked, "≥ 1", missing, None)
        return
    found = kept["cutover"]
    slowest, lost, doubled = max(found["seconds"]), len(found["lost"]), len(found["doubled"])
    yield Line(what, required, f"{slowest:.2f} s of {len(found['seconds'])}", slowest <= ROLLBACK_S)
    by = ", ".join(f"{count:,} by {path}" for path, count in found["written_by"].items())
    enough = all(found["written_by"].values()) and not found["broken"]
    words = f"{lost}, {doubled} of {found['deals']:,} deals (orders: {by})"
    yield Line(nothing, "0, 0", words, not lost and not doubled and enough)
    yield Line(unasked, "≥ 1", f"{found['planted']} doubled", found["planted"] > 0)
