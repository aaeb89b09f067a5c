"""docs/reliability.md, written from what the last runs found."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from include.local.home import PROJECT
from tests.chaos.cells import ELSEWHERE
from tests.chaos.flows import FLOWS
from tests.chaos.parts import KEPT, PARTS
from tests.chaos.soak import OF_A_PAYMENT
from tests.kills.flows import FLOWS as KILLED

PLACE = PROJECT / "docs" / "reliability.md"
Figures = Mapping[str, Any]

HEAD = """# What goes wrong, and what becomes of it

Written by `make chaos` from what it found; do not edit. Every table says when it was measured and how busy the machine
was. Nothing is left out: what was not run is listed as not run, and what nothing finds is listed as not found.

Promised is that after any of this each deal has one order, one invoice and one reference, each payment shows once,
each message has ended, what Salesforce shows is what the payments platform and the ERP hold, the checks of `sql/checks`
find nothing, and reading everything anew finds nothing that was missed.
"""

NOT_IN_TABLES = """## Not in these tables

What changes the truth instead of disturbing how it is found out, or disturbs one system alone, has tests of its own:

{elsewhere}

A list that is short and says so nowhere is let loose on reading alone, where counts are compared afterwards. An answer
to a look-up that leaves out the one row there is cannot be told from the truth: an order whose customer the ERP says it
does not have is parked, for a person to look at.

How a seed is made: the real flows, the real Postgres (one connection, a savepoint for each transaction, rolled back
after the seed) and the twin in this process take turns under one seeded scheduler with a virtual clock. Workers take
turns between transactions and calls, never inside a transaction: locks that wait for each other are not part of it
(the kill matrix and `tests/flows` have real processes and threads). Rows in a seed are good ones; validation is
switched off for speed, and has tests of its own.
"""


TITLES = {
    "stops": "Stops of Postgres",
    "catch-up": "An outage of a day",
    "matrix": "Fault matrix",
    "mistakes": "Planted mistakes",
    "kills": "Deaths",
    "platform": "Deaths of a platform's processes",
    "living": "Deaths of a platform that is up",
    "journeys": "Disturbances with tests of their own",
}
SHOWN = (
    *("simulation", "mistakes", "matrix", "kills", "stops", "platform"),
    *("living", "journeys", "disorder", "catch-up", "soak"),
)
"""The parts in their order."""


def write_document() -> Path:
    """Write it from what is kept. What it says of a part without figures here stays, under its date."""
    parts = [_part(name) or _as_told(name) for name in SHOWN]
    elsewhere = "\n".join(f"- {kind}: `{where}`" for kind, where in ELSEWHERE.items())
    PLACE.write_text("\n".join([HEAD, *parts, NOT_IN_TABLES.format(elsewhere=elsewhere)]), encoding="utf-8")
    return PLACE


def _as_told(name: str) -> str:
    title, text = _title(name), PLACE.read_text(encoding="utf-8") if PLACE.exists() else ""
    told = [part for part in text.split("\n## ") if part.startswith(f"{title}\n")]
    return f"## {told[0]}" if told else f"## {title}\n\nNot run.\n"


def _title(name: str) -> str:
    return TITLES.get(name, name.capitalize())


def _part(name: str) -> str:
    """Empty without figures."""
    path = KEPT / f"{name}.json"
    title = _title(name)
    assert name in PARTS
    if not path.exists():
        return ""
    figures = json.loads(path.read_text(encoding="utf-8"))
    when = f"{figures['at']}, {figures['seconds']:,} s, load {figures['load']} on {figures['processors']} processors"
    return f"## {title}\n\n*{when}*\n\n" + "\n".join(_TOLD[name](figures)) + "\n"


def _simulation(figures: Figures) -> Iterator[str]:
    rate = figures["seeds"] / max(1, figures["seconds"])
    struck = sum(figures["struck"].values())
    yield (
        f"{figures['seeds']:,} seeds from {figures['first']} on, {figures['steps']:,} steps, {struck:,} faults, "
        f"{figures.get('processes', 1)} at a time, "
        f"{rate:.2f} seeds a second: **{len(figures['failed'])} failed**."
    )
    yield from ("", "By who tells us what changed: " + _counts(figures["lanes"]) + ".")
    yield from ("", "Faults that struck: " + _counts(figures["struck"]) + ".")
    for case in figures["failed"]:
        yield from ("", f"- seed {case['seed']}: {case['wrong'][0]}", f"  `{case['command']}`")


def _mistakes(figures: Figures) -> Iterator[str]:
    yield "A mistake is planted in the product, and seeds run until one that is right without it goes wrong with it."
    yield "Faults strike two or six times as often as usual in these seeds, where no other lane makes up for it."
    yield from ("", "| planted | seeds until found | by |", "|---|---:|---|")
    for one in figures["mistakes"]:
        found = one["tried"] if one["seed"] is not None else f"not in {one['tried']}"
        yield f"| {one['plant']} | {found} | {_cell(one['by'] or one['why'] or 'nothing')} |"
    for name in figures["not run"]:
        yield f"| {name} | not run | |"


def _matrix(figures: Figures) -> Iterator[str]:
    table: Mapping[str, Mapping[str, Mapping[str, int]]] = figures["table"]
    totals = Counter[str]()
    for flows in table.values():
        for words in flows.values():
            totals.update(words)
    yield (
        f"{figures['cells']:,} cells: {totals['held']:,} ended as undisturbed, **{totals['wrong']:,} did not**, in "
        f"{totals['never struck']:,} the flow never came by the fault, {figures['not run']:,} were not run."
    )
    yield from (
        "",
        "Cells that ended as undisturbed, by fault and flow; `·` where the flow never came by, `!` where not.",
    )
    yield from ("", "| fault | " + " | ".join(FLOWS) + " |", "|---|" + "---:|" * len(FLOWS))
    for fault in sorted(table):
        yield f"| {fault} | " + " | ".join(_square(table[fault].get(flow)) for flow in FLOWS) + " |"
    yield from (f"\n- {one['cell']}: {_cell(one['wrong'])}" for one in figures["wrong"])


def _square(words: Mapping[str, int] | None) -> str:
    if not words:
        return ""
    if words.get("wrong"):
        return f"! {words['wrong']}"
    return str(words["held"]) if words.get("held") else "·"


def _kills(figures: Figures) -> Iterator[str]:
    yield "A process is killed (`kill -9`) before or after a commit or a call to another system, and later another does"
    yield "the same. Compared are all three systems, our tables, what the certificate says, alerts, seals and mails by"
    yield "their Message-ID; every check holds, and so does the audit log."
    yield from (
        "",
        "| flow | again after, hours | deaths | run | not as undisturbed |",
        "|---|---|---:|---:|---:|",
    )
    for name, told in figures["recipes"].items():
        pauses = " or ".join(f"{hours:g}" for hours in KILLED[name].pauses)
        yield f"| {name} | {pauses} | {told['cells']:,} | {told['run']:,} | {len(told['wrong'])} |"
    for told in figures["recipes"].values():
        yield from (f"\n- {_cell(one)}" for one in told["wrong"])


def _platform(figures: Figures) -> Iterator[str]:
    yield "The day of `make demo` on a new platform, one of whose processes is killed (`kill -9`) in the middle of it,"
    yield "or beside which the same day is run once more."
    yield "It must end by itself: published once, as the undisturbed day is, mailed once, nothing left running."
    undisturbed = figures["undisturbed"]
    yield from ("", f"Undisturbed it takes {undisturbed['seconds']} s. {undisturbed['wrong']}".rstrip())
    yield from (
        "",
        "| killed, or begun | once so many tasks had succeeded | seconds | not as undisturbed |",
        "|---|---:|---:|---|",
    )
    for one in figures["deaths"]:
        wrong = _cell(one["wrong"]) if one["struck"] else "(the day was over)"
        second = "with a second scheduler, " if one["beside"] else ""
        yield f"| {second}{one['victim']} | {one['after']} | {one['seconds']} | {wrong} |"
    for name in figures["not run"]:
        yield f"| {name} | not run | | |"


def _living(figures: Figures) -> Iterator[str]:
    yield "The platform as `make up` starts it, with reads, lane, watch and webhooks' door at work. Its processes were"
    yield "struck one after another while customers paid, and nobody helped."
    yield (
        f"{figures['payments']:,} payments were made, one every two seconds or so, and told by webhook. Afterwards all "
        "that is promised above was looked for, every acknowledged webhook, that each alert raised meanwhile is over, "
        "and that nothing is left running once it is taken down. The twin forgets what it was told: it comes last, "
        f"after that. {figures['late']} answers to calls came late, by whoever no longer had the message, and count "
        "for nothing."
    )
    yield from ("", f"Alerts raised meanwhile: {', '.join(figures['alerts']) or 'none'}.", "")
    yield "| struck | how | seconds until a later payment showed | the longest any took | measured, s |"
    yield "|---|---|---:|---:|---|"
    for one in figures["strikes"]:
        measured = ", ".join(f"{what} {seconds}" for what, seconds in one.get("measured", {}).items())
        showed = "never" if one["showed"] is None else one["showed"]
        yield f"| {one['victim']} | {one['how']} | {showed} | {one['longest']} | {measured} |"
    yield from (f"| {name} | not run | | | |" for name in figures["not run"])
    yield from _not_as_promised(figures)


def _journeys(figures: Figures) -> Iterator[str]:
    yield "What is disturbed too deeply for a cell has tests of its own, run here on the machine that ran the rest."
    yield from ("", "| disturbed | tests | held | not possible here | wrong |", "|---|---|---:|---:|---:|")
    for one in figures["journeys"]:
        yield f"| {one['what']} | `{one['tests']}` | {one['passed']} | {one['skipped']} | {one['wrong']} |"
    yield from (f"| {what} | not run | | | |" for what in figures["not run"])
    yield from (f"\n- {_cell(one['said'])}" for one in figures["journeys"] if one["wrong"])


def _disorder(figures: Figures) -> Iterator[str]:
    repaired = sum(figures["repaired"].values())
    yield (
        f"{figures['events']:,} events about {figures['invoices']:,} invoices, told once and in order, and again "
        f"{figures['delivered']:,} times and shuffled: {len(figures['different'])} tables differ, {repaired} messages "
        "that only reading everything led to."
    )


def _stops(figures: Figures) -> Iterator[str]:
    yield (
        f"Postgres was stopped at once (SIGQUIT) {figures['stops']} times, at moments that fall by a seed, and started "
        "again, while the lane, the reads, the days and the webhooks' door were at work, each a process of its own; it "
        f"was back within {figures['back_s_max']} s. Meanwhile {figures['payments']:,} payments were made and told, "
        f"and {figures['deals']:,} deals won. Afterwards all that is promised above was looked for, every acknowledged "
        "webhook, and the audit log held to its seals."
    )
    yield from _not_as_promised(figures)


def _catch_up(figures: Figures) -> Iterator[str]:
    live, waited = figures["live"], figures["waited at most"]
    yield (
        f"{figures['size']:,} payments were made while nothing of ours ran for 24 hours. Caught up with in "
        f"{figures['took_s']:,} s, {figures['rows_per_s']} a second: {figures['times_real']} times as fast as 500,000 "
        f"come in a day. {live.get('n', 0)} payments made meanwhile showed after {live.get('p50', '?')} s (p50), "
        f"{live.get('p95', '?')} s (p95) and {live.get('max', '?')} s at most. At most {waited['hints']:,} hints and "
        f"{waited['messages']:,} messages waited; memory at most, MiB: {_counts(figures['memory_mib'])}."
    )
    yield from _not_as_promised(figures)


def _soak(figures: Figures) -> Iterator[str]:
    yield (
        f"{figures['events']:,} events of {figures['payments']:,} payments ({', '.join(OF_A_PAYMENT)} of each), "
        f"{figures['deals']:,} deals won beside them, in {figures['took_s']:,} s: "
        f"{figures['events_per_s']} a second; one run of the lane from beginning to end. At 35 a second that is "
        f"{figures['events'] / 35 / 3600:.1f} hours' worth, but for what the clock alone leads to."
    )
    yield from (
        "",
        "| memory of | first, MiB | last | rose over the second half | varies by |",
        "|---|---:|---:|---:|---:|",
    )
    for name, found in figures["memory_mib"].items():
        yield f"| {name} | {found[0]:,} | {found[1]:,} | {found[2]:,} | {found[3]:,} |"
    yield from (
        "",
        "| tables that grew | first, MiB | half way | last | kept |",
        "|---|---:|---:|---:|---|",
    )
    for name, mib in figures["tables_mib"].items():
        yield f"| {name} | {mib[0]:,} | {mib[1]:,} | {mib[2]:,} | {mib[3]} |"
    yield from _not_as_promised(figures)


def _not_as_promised(figures: Figures) -> Iterator[str]:
    wrong = "; ".join(f"{name}: {_cell(str(told))}" for name, told in figures["wrong"].items())
    yield from ("", f"**Not as promised**: {wrong or 'nothing'}.")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda one: -one[1]))


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:200]


_TOLD: Mapping[str, Callable[[Figures], Iterator[str]]] = {
    "simulation": _simulation,
    "mistakes": _mistakes,
    "matrix": _matrix,
    "kills": _kills,
    "platform": _platform,
    "living": _living,
    "journeys": _journeys,
    "disorder": _disorder,
    "stops": _stops,
    "catch-up": _catch_up,
    "soak": _soak,
}
