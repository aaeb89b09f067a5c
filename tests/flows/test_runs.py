"""Runs as a whole: the same inputs give the same bytes, nothing is lost, and what is not proven is not published."""

import random
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.connectors.world.client import WorldSource
from include.flows.await_sources import await_sources
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes, read_cursor, rewind
from include.flows.reconcile import reconcile
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Cursor, Fatal, Page, Retryable, Source
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.conftest import Draw, Live, TieOut, load, load_from, results

DAY = date(2026, 3, 31)
INVOICES = "\n".join(
    f"{n} INV-{n} C{n % 3} 2026-01-0{n} 2026-01-31 SGD {n % 4 + 1}0.00" for n in range(1, 10)
)
PAYMENTS = "\n".join(
    f"P{n} C{n % 3} {'INV-' + str(n) if n % 2 else '-'} SGD {n % 4 + 1}0.00 2026-02-0{n}" for n in range(1, 8)
)


def shuffled(lines: str, seed: int) -> str:
    rows = lines.splitlines()
    random.Random(seed).shuffle(rows)  # noqa: S311 - a shuffle, not a secret
    return "\n".join(rows)


def certificate_of(urls: DatabaseUrls, world: Path) -> str:
    with scratch_database(urls) as url:
        store = PostgresStore(url)
        load(store, world)
        certificate = reconcile(store, as_of=DAY, policy=load_policy()).certificate_sha256
        assert_checks_hold(url)
    return certificate


def test_the_order_of_the_input_changes_no_byte(draw: Draw, server_urls: DatabaseUrls) -> None:
    certificates = {
        certificate_of(
            server_urls,
            draw(invoices=shuffled(INVOICES, seed), payments=shuffled(PAYMENTS, seed), folder=str(seed)),
        )
        for seed in range(3)
    }
    assert len(certificates) == 1


def test_another_input_has_another_certificate(draw: Draw, server_urls: DatabaseUrls) -> None:
    first = certificate_of(server_urls, draw(invoices=INVOICES, payments=PAYMENTS, folder="a"))
    other = PAYMENTS.replace("P1 C1 INV-1 SGD 20.00", "P1 C1 INV-1 SGD 20.01")
    assert first != certificate_of(server_urls, draw(invoices=INVOICES, payments=other, folder="b"))


def test_an_unrelated_customer_changes_nothing_for_the_others(draw: Draw, server_urls: DatabaseUrls) -> None:
    posted = []
    for folder, more in (("without", ""), ("with", "\n99 INV-99 C99 2026-01-01 2026-01-31 SGD 20.00")):
        with scratch_database(server_urls, strategy="FILE_COPY") as url:
            store = PostgresStore(url)
            load(store, draw(invoices=INVOICES + more, payments=PAYMENTS, folder=folder))
            posted.append(results(store, str(DAY)).posted)
    assert posted[0] == posted[1]
    assert posted[0]


def test_a_published_day_gives_what_it_gave_whatever_is_learnt_later(
    draw: Draw, store: PostgresStore
) -> None:
    load(store, draw(invoices=INVOICES, folder="first"))
    before = results(store, str(DAY))
    publish_run(store, as_of=DAY)
    late = WorldSource(draw(payments=PAYMENTS, folder="later"))
    late.system = "later"
    pull_changes(late, store, entity="payments")
    land_records(late, store, entity="payments")
    again = results(store, str(DAY))
    assert again.run == before.run
    assert results(store, "2026-04-01").posted


def test_an_unpublished_day_learns_what_came_in_meanwhile(draw: Draw, store: PostgresStore) -> None:
    load(store, draw(invoices=INVOICES, folder="first"))
    before = results(store, str(DAY))
    late = WorldSource(draw(payments=PAYMENTS, folder="later"))
    late.system = "later"
    pull_changes(late, store, entity="payments")
    land_records(late, store, entity="payments")
    assert results(store, str(DAY)).posted > before.posted


def test_repeating_every_step_changes_nothing(draw: Draw, store: PostgresStore) -> None:
    world = draw(invoices=INVOICES, payments=PAYMENTS)
    load(store, world)
    first = results(store, str(DAY))
    load(store, world)
    assert results(store, str(DAY)) == first


class Forgetful:
    """A source that delivers a page without some of its rows, while its own totals still count them."""

    system = "world"
    states_once = True

    def __init__(self, honest: WorldSource) -> None:
        self._honest = honest
        self.entities = honest.entities
        self.translate = honest.translate
        self.totals = honest.totals
        self.complete_until = honest.complete_until
        self.column = honest.column

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        page = self._honest.fetch_page(entity, cursor)
        return Page(records=page.records[:-1], next_cursor=page.next_cursor, has_more=page.has_more)


def test_a_row_the_source_holds_and_did_not_deliver_blocks_publication(
    draw: Draw, store: PostgresStore
) -> None:
    source: Source = Forgetful(WorldSource(draw(invoices=INVOICES)))
    pull_changes(source, store, entity="invoices")
    proof = check_completeness(source, store, entity="invoices")
    land_records(source, store, entity="invoices")
    assert (proof.proven, proof.missing) == (False, ["9 @ line 10"])
    assert ("DQ02", "world invoices") in results(store, str(DAY)).codes
    with pytest.raises(Fatal, match="not published: DQ02"):
        publish_run(store, as_of=DAY)


def test_an_unproven_window_is_read_again_from_where_it_began(draw: Draw, store: PostgresStore) -> None:
    honest = WorldSource(draw(invoices=INVOICES))
    pull_changes(Forgetful(honest), store, entity="invoices")
    assert not check_completeness(honest, store, entity="invoices").proven
    rewind(store, system="world", entity="invoices")
    assert pull_changes(honest, store, entity="invoices").new == 1
    assert check_completeness(honest, store, entity="invoices").proven


def test_a_row_that_goes_back_to_what_it_was_is_current_again(draw: Draw, store: PostgresStore) -> None:
    seen = []
    for gross in ("50.00", "60.00", "50.00", "50.00"):
        source = Live(draw(invoices=f"1 INV-1 C1 2026-01-01 2026-01-31 SGD {gross}"))
        new = pull_changes(source, store, entity="invoices").new
        land_records(source, store, entity="invoices")
        seen.append((new, results(store, str(DAY)).open["1"][0]))
    assert seen == [(1, "50.00"), (1, "60.00"), (1, "50.00"), (0, "50.00")]


class Hourly(WorldSource):
    """A system that vouches for its rows up to a horizon."""

    horizon = datetime(2026, 3, 31, 15, 55, tzinfo=UTC)

    def complete_until(self, cursor: Cursor) -> datetime:  # type: ignore[override]  # noqa: ARG002 - it is fixed
        return self.horizon


def test_a_day_waits_until_every_source_is_proven_through_its_end(draw: Draw, store: PostgresStore) -> None:
    source, day_end = (
        Hourly(draw(invoices=INVOICES, payments=PAYMENTS)),
        datetime(2026, 3, 31, 16, 0, tzinfo=UTC),
    )
    load_from(source, store)
    with pytest.raises(Retryable, match=r"world invoices, world payments \(2 in all\)"):
        await_sources([source], store, day_end=day_end)
    source.horizon = day_end
    load_from(source, store)
    assert await_sources([source], store, day_end=day_end) == 2


def test_a_page_pulled_and_proven_but_not_landed_makes_the_day_wait(draw: Draw, store: PostgresStore) -> None:
    source, day_end = WorldSource(draw(invoices=INVOICES)), datetime(2026, 4, 1, tzinfo=UTC)
    pull_changes(source, store, entity="invoices")
    check_completeness(source, store, entity="invoices")
    with pytest.raises(Retryable, match="world invoices"):
        await_sources([source], store, day_end=day_end)
    load_from(source, store)
    assert await_sources([source], store, day_end=day_end) == len(source.entities)


def test_a_page_that_another_worker_overtook_is_read_again(draw: Draw, store: PostgresStore) -> None:
    world = draw(invoices=INVOICES)

    class Overtaken(WorldSource):
        def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
            page = super().fetch_page(entity, cursor)
            pull_changes(WorldSource(world), store, entity=entity)
            return page

    with pytest.raises(Retryable, match="another worker moved the cursor"):
        pull_changes(Overtaken(world), store, entity="invoices")
    assert pull_changes(WorldSource(world), store, entity="invoices").new == 0


def test_a_crash_between_pages_loses_no_row(draw: Draw, store: PostgresStore) -> None:
    world = draw(invoices=INVOICES)

    class Crashing(WorldSource):
        def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
            if cursor and int(cursor["line"]) > 4:
                raise Retryable("the source went away")
            return super().fetch_page(entity, cursor)

    with pytest.raises(Retryable):
        pull_changes(Crashing(world, page_rows=2), store, entity="invoices")
    position = read_cursor(store, system="world", entity="invoices")
    assert position is not None
    assert position["line"] == "5"
    resumed = pull_changes(WorldSource(world, page_rows=2), store, entity="invoices")
    assert resumed.new == 5
    landed = land_records(WorldSource(world), store, entity="invoices")
    assert (landed.good, landed.quarantined) == (9, 0)


def test_a_source_that_never_ends_is_stopped(
    draw: Draw, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.flows.pull_changes.PAGES_MAX", 3)

    world = draw(invoices=INVOICES)

    class Endless(WorldSource):
        def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:  # noqa: ARG002 - the protocol's
            turn = int(cursor["turn"]) + 1 if cursor else 1
            return Page(records=[], next_cursor={"turn": str(turn)}, has_more=True)

    with pytest.raises(Fatal, match="its paging does not end"):
        pull_changes(Endless(world), store, entity="invoices")


def state(store: PostgresStore, draw: Draw, gross: str) -> None:
    """The one invoice now has this amount."""
    source = Live(draw(invoices=f"1 INV-1 C1 2026-01-01 2026-01-31 SGD {gross}"))
    pull_changes(source, store, entity="invoices")
    land_records(source, store, entity="invoices")


def test_a_row_edited_and_still_bad_is_one_break_until_it_is_good(draw: Draw, store: PostgresStore) -> None:
    seen = []
    for gross in ("NaN", "1_0", "50.00"):
        state(store, draw, gross)
        seen.append([code for code, _ in results(store, str(DAY)).codes])
    assert seen == [["DQ01"], ["DQ01"], []]


def test_a_row_whose_newest_version_is_unreadable_is_owed_and_untouched(
    draw: Draw, store: PostgresStore
) -> None:
    state(store, draw, "50.00")
    state(store, draw, "NaN")
    pays = WorldSource(draw(payments="P C1 INV-1 SGD 50.00 2026-02-01", folder="pays"))
    pull_changes(pays, store, entity="payments")
    land_records(pays, store, entity="payments")
    found = results(store, str(DAY))
    assert (found.posted, found.open) == (set(), {"1": ("50.00", "31-60")})


def test_a_row_mended_before_it_was_landed_is_not_quarantined(draw: Draw, store: PostgresStore) -> None:
    for gross in ("NaN", "50.00"):
        source = Live(draw(invoices=f"1 INV-1 C1 2026-01-01 2026-01-31 SGD {gross}"))
        pull_changes(source, store, entity="invoices")
    landed = land_records(Live(draw()), store, entity="invoices")
    assert (landed.good, landed.quarantined, results(store, str(DAY)).codes) == (1, 0, set())


def test_a_word_mapped_later_is_understood_without_landing_again(draw: Draw, store: PostgresStore) -> None:
    load(store, draw(invoices="1 INV-1 C1 2026-01-01 2026-01-31 SGD 50.00 frozen"))
    policy = load_policy()
    taught = {**policy.statuses["invoices"], "VOID": ("frozen",)}
    wiser = policy.model_copy(update={"statuses": {**policy.statuses, "invoices": taught}, "sha256": "wiser"})
    before, after = (reconcile(store, as_of=DAY, policy=rules).breaks for rules in (policy, wiser))
    assert (before, after) == (1, 0)


def test_a_day_that_was_not_reconciled_cannot_be_published(store: PostgresStore) -> None:
    with pytest.raises(Fatal, match="was not reconciled yet"):
        publish_run(store, as_of=DAY)


def test_a_rule_the_engine_does_not_know_is_refused(store: PostgresStore) -> None:
    policy = load_policy()
    unknown = policy.matching["R3"][0].model_copy(update={"rule": "gut_feeling"})
    with pytest.raises(Fatal, match="unknown rule 'gut_feeling'"):
        reconcile(store, as_of=DAY, policy=policy.model_copy(update={"matching": {"R3": (unknown,)}}))


def test_an_empty_day_ties(tie_out: TieOut, draw: Draw) -> None:
    found = tie_out(draw())
    assert (found.run.proven, found.matches, found.breaks, found.totals) == (True, [], [], [])
