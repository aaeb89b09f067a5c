"""Figures of charts: what is drawn adds up to what is said."""

from include.console.charts import WIDTH, bridge, shares, stacks, trend


def test_the_longest_bar_is_as_wide_as_the_drawing_and_the_others_in_proportion():
    [(_, total, long), (_, _, short)] = stacks([("a", [30, 10]), ("b", [0, 20])]).bars
    assert total == 40
    assert [(part.x, part.width) for part in long] == [(0, 450), (450, 150)]
    assert [(part.series, part.x, part.width) for part in short] == [(1, 0, 300)]


def test_shares_fill_the_drawing_and_what_is_there_is_seen():
    [(_, _, parts)] = shares([("SGD", [1, 10**12])]).bars
    assert parts[0].width >= 1
    assert parts[-1].x + parts[-1].width == WIDTH


def test_nothing_open_is_an_empty_bar():
    assert shares([("SGD", [0, 0])]).bars == [("SGD", 0, [])]


def test_a_bridge_ends_where_its_steps_lead():
    steps = bridge(100, [("new", 50), ("churn", -30), ("rates", 0)]).steps
    assert [(step.name, step.value, step.kind) for step in steps] == [
        ("opening", 100, "total"),
        ("new", 50, "up"),
        ("churn", -30, "down"),
        ("closing", 120, "total"),
    ]
    assert steps[1].x + steps[1].width == WIDTH


def test_a_line_needs_two_points():
    assert trend([("2026-06", 5)]) is None
    assert trend([("2026-05", 0), ("2026-06", 10)], height=100).points == f"0,100 {WIDTH},0"
