"""A past day is computed once what it opens with is published, and never out of order."""

from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest

from include.flows.await_earlier_days import EarlierRun, earlier_days_are_published
from include.ports import Fatal
from include.store.postgres import PostgresStore

EVE, DAY, NEXT = date(2026, 6, 29), date(2026, 6, 30), date(2026, 7, 1)
BEGAN = datetime(2026, 8, 1, 10, tzinfo=UTC)
BEFORE, SINCE = BEGAN.replace(hour=9), BEGAN.replace(hour=11)


@pytest.fixture
def published(store: PostgresStore) -> PostgresStore:
    """A database in which the eve was published before, the day since its run began, and a run of the next refused."""
    rows = ((1, EVE, "published", BEFORE), (2, DAY, "published", SINCE), (3, NEXT, "refused", SINCE))
    with psycopg.connect(store.url) as connection:
        for number, as_of, state, at in rows:
            connection.execute(
                "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, "
                "state, certificate, computed_at) VALUES (%s, %s, 0, 0, '', '', %s, '{}', %s)",
                (UUID(int=number), as_of, state, at),
            )
    return store


@pytest.mark.parametrize(
    ("as_of", "earlier", "waits"),
    [
        (NEXT, [], False),
        # Published since it began: that it still mails keeps nobody waiting.
        (NEXT, [EarlierRun("of the day", DAY, BEGAN)], False),
        # What was published before is computed anew.
        (DAY, [EarlierRun("of the eve", EVE, BEGAN)], True),
        (DAY, [EarlierRun("of the eve", EVE, None)], True),
        (DAY.replace(day=28), [EarlierRun("of the eve", EVE, BEGAN)], False),
        # It failed with the mails, or on a day after which others were published.
        (NEXT, [EarlierRun("of the day", DAY, BEGAN, failed=True)], False),
        (NEXT, [EarlierRun("long ago", DAY.replace(day=3), BEGAN, failed=True)], False),
    ],
)
def test_a_day_waits_for_what_it_opens_with(
    published: PostgresStore, as_of: date, earlier: list[EarlierRun], *, waits: bool
) -> None:
    said = earlier_days_are_published(published, as_of=as_of, earlier=earlier)
    assert bool(said) is waits
    assert not waits or "run of the eve of 2026-06-29 has published nothing yet" in said


def test_where_an_earlier_day_failed_unpublished_nothing_is_told_out_of_order(
    published: PostgresStore,
) -> None:
    failed = EarlierRun("of the next", NEXT, BEGAN, failed=True)
    with pytest.raises(Fatal, match=r"run of the next failed and 2026-07-01 is not published.*clear it"):
        earlier_days_are_published(published, as_of=NEXT.replace(day=3), earlier=[failed])
