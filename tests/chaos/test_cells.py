"""One fault at one call of one flow: it ends as if nothing had happened. A sample: `make chaos` runs every cell."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from include.domain.delivery import AFTER
from include.flows import deliver_outbox
from include.local.databases import DatabaseUrls
from include.local.home import PROJECT
from include.twin.faults import KINDS
from tests.chaos.cells import AWAY, BY_OTHER_NAMES, ELSEWHERE, EVENTS, WIRE, Cell, cells
from tests.chaos.clocks import worker_off_by
from tests.chaos.flows import FLOWS
from tests.chaos.grid import Grid, grid


@pytest.fixture(scope="module")
def place(server_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with grid(server_urls, tmp_path_factory.mktemp("cells")) as place:
        yield place


@pytest.mark.parametrize(
    "cell",
    [
        Cell("reset_after", "collect", "payments", 1),
        Cell("partial_batch", "send mirror", "salesforce", 0),
        Cell("answer to commit lost", "send order", "database", 2),
        Cell("events in reverse", "webhook", "events", 0),
        Cell("database 25 hours ahead", "send order", "database", 2),
        Cell("database 50 minutes back", "webhook", "database", 1),
        Cell("worker 25 hours ahead", "collect", "worker", 0),
        Cell(AWAY, "send order", "erp", 0),
    ],
    ids=str,
)
def test_a_fault_changes_nothing_in_the_end(place: Grid, cell: Cell) -> None:
    verdict = place.verdict(cell)
    assert verdict.struck
    assert verdict.wrong == ""


def test_a_mistake_that_is_planted_shows_in_a_cell_and_nowhere_else(place: Grid) -> None:
    place.expected("send order")
    with patch.dict(AFTER, uncertain="confirmed"):  # a lost answer counts as done
        assert place.verdict(Cell("reset_before", "send order", "erp", 999)).wrong == ""
        lost = (place.verdict(Cell("reset_before", "send order", "erp", skip)).wrong for skip in range(4, 9))
        assert any("sale.sale" in wrong for wrong in lost)


def test_whoever_asks_for_the_time_while_the_worker_is_off_is_told_another() -> None:
    then = datetime.now(UTC)
    with worker_off_by(timedelta(hours=25)):
        assert deliver_outbox.datetime.now(UTC) - then > timedelta(hours=24)  # type: ignore[attr-defined]
        assert isinstance(then, deliver_outbox.datetime)  # type: ignore[attr-defined]
    assert deliver_outbox.datetime is datetime  # type: ignore[attr-defined]


def test_an_outage_nobody_is_told_of_shows(place: Grid) -> None:
    place.expected("send order")
    with patch("tests.chaos.grid.raise_alerts"):
        verdict = place.verdict(Cell(AWAY, "send order", "erp", 0))
    assert verdict.wrong == "alerts: ['messages_waiting erp untold'] and not []"


def test_the_matrix_has_every_fault_and_every_flow() -> None:
    every = cells()
    assert len(every) == len(set(every)) >= 150
    assert {cell.flow for cell in every} == set(FLOWS)
    faults = {cell.fault for cell in every}
    assert {*WIRE, *EVENTS, AWAY} <= faults
    for kind in KINDS.keys() - WIRE.keys() - ELSEWHERE.keys():
        assert BY_OTHER_NAMES.get(kind, kind) in faults
    for kind, where in ELSEWHERE.items():
        assert kind in (PROJECT / where).read_text(), f"{where} does not try {kind}"
