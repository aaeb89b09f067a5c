from datetime import UTC, datetime, timedelta

from include.connectors.windows import numbered, walk_from, window

OVERLAP = timedelta(minutes=2)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at_noon() -> datetime:
    return NOON


def never() -> datetime:
    raise AssertionError("the horizon of a walk is fixed when it begins")


def test_the_first_walk_has_no_lower_end():
    walk = walk_from(None, overlap=OVERLAP, horizon=at_noon)
    assert (walk.since, walk.until) == (None, NOON)


def test_the_next_walk_begins_an_overlap_before_the_last_one_ended():
    last = walk_from(None, overlap=OVERLAP, horizon=at_noon).page([], at=None, request="")
    walk = walk_from(last.next_cursor, overlap=OVERLAP, horizon=lambda: NOON + timedelta(hours=1))
    assert (walk.since, walk.until) == (NOON - OVERLAP, NOON + timedelta(hours=1))


def test_a_walk_resumes_where_its_last_page_ended_up_to_the_same_horizon():
    first = walk_from({"until": "2026-01-01T00:00:00+00:00"}, overlap=OVERLAP, horizon=at_noon)
    page = first.page([], at=("2026-01-02T00:00:00+00:00", "x"), request="")
    assert page.has_more
    resumed = walk_from(page.next_cursor, overlap=OVERLAP, horizon=never)
    assert resumed == walk_from(page.next_cursor, overlap=OVERLAP, horizon=never)
    assert (resumed.since, resumed.until, resumed.at) == (
        first.since,
        NOON,
        ("2026-01-02T00:00:00+00:00", "x"),
    )


def test_a_source_whose_clock_went_back_takes_the_cursor_with_it_so_that_nothing_new_lies_below():
    morning = NOON - timedelta(hours=3)
    walk = walk_from({"until": NOON.isoformat()}, overlap=OVERLAP, horizon=lambda: morning)
    assert (walk.since, walk.until) == (morning - OVERLAP, morning)


def test_a_window_is_what_the_walks_between_its_cursors_read():
    after = {"until": "2026-01-01T00:00:00+00:00"}
    walk = walk_from(after, overlap=OVERLAP, horizon=at_noon)
    assert window(after=after, until=walk.page([], at=None, request="").next_cursor, overlap=OVERLAP) == walk


def test_keys_stated_twice_are_told_apart():
    assert list(numbered([("a", "1"), ("a", "1"), ("b", "1")])) == [("a", "1"), ("a", "1#2"), ("b", "1")]
