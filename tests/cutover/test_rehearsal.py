"""Both directions with events arriving throughout: no effect lost, none doubled.

A sample: `python -m tests.bench run --only cutover` rehearses hundreds of deals.
"""

from pathlib import Path

from include.local.databases import DatabaseUrls
from tests.cutover.rehearsal import rehearse


def test_going_back_and_going_again_while_deals_are_won_loses_and_doubles_nothing(
    server_urls: DatabaseUrls, tmp_path: Path
) -> None:
    found = rehearse(server_urls, tmp_path, deals=16, gap_s=0.2)
    assert (found.lost, found.doubled, found.broken) == ([], [], [])
    assert min(found.written_by.values()) >= 1, "both paths wrote"
    assert sum(found.tasks_by.values()) == 4, "of each deal that may not be ordered one, whoever made it"
    assert found.marked_by_them >= 1, "both paths showed payments"
    assert max(found.seconds) < 60
