"""Charts: what is drawn is what is said, in a drawing the page's policy lets through."""

import re
from xml.etree import ElementTree as ET

from markupsafe import Markup

from include.console.charts import bridge, floor, shares, stacks, trend


def said(name: str, value: int) -> str:
    return f"{name} {value}"


SVG = "{http://www.w3.org/2000/svg}"


def groups(drawing: Markup) -> list[ET.Element]:
    return list(ET.fromstring(drawing).iter(f"{SVG}g"))  # noqa: S314 - our own


def widths(drawing: Markup) -> dict[str, float]:
    """What each piece says -> how wide it is drawn; pieces of nothing have no width."""
    found = {}
    for bar in groups(drawing):
        if bar.get("class") == "bar":
            rect, title = bar[0], bar[-1].text or ""
            found[title] = float(rect.get("width", 0))
    return found


def test_pieces_are_as_wide_as_what_they_say_and_bars_share_one_scale():
    drawn = widths(stacks([("a", [30, 10]), ("b", [0, 20])], ["x", "y"], title="t", say=said))
    assert abs(drawn["x: a 30"] - 3 * drawn["y: a 10"]) < 0.01
    assert abs(drawn["y: b 20"] - 2 * drawn["y: a 10"]) < 0.01
    assert drawn["x: b 0"] == 0


def test_shares_fill_their_bars_whatever_they_are_of():
    drawn = widths(shares([("SGD", [1, 3]), ("JPY", [4_000, 0])], ["x", "y"], title="t", say=said))
    assert abs(drawn["x: SGD 1"] + drawn["y: SGD 3"] - drawn["x: JPY 4000"]) < 0.01
    assert widths(shares([("SGD", [0, 0])], ["x", "y"], title="t", say=said)) == {
        "x: SGD 0": 0,
        "y: SGD 0": 0,
    }


def test_a_bridge_ends_where_its_steps_lead_and_leaves_out_what_moved_nothing():
    drawing = bridge(100, [("new", 50), ("churn", -30), ("rates", 0)], title="t", say=said)
    labels = re.findall(r"<text[^>]*>([^<]+)</text>", drawing)
    assert [one for one in reversed(labels) if ":" in one] == [
        *("opening: opening 100", "new: new 50", "churn: churn -30", "closing: closing 120"),
    ]
    assert "rates" not in drawing


def test_a_bridge_of_small_steps_begins_below_them_and_says_where():
    assert floor(100, [("new", 50), ("churn", -30)]) == 50
    assert floor(100, [("new", 500)]) == 0
    assert floor(0, [("new", 5)]) == 0
    drawing = bridge(1000, [("new", 10)], title="t", say=said)
    whole = next(one for one in groups(drawing) if one.get("class", "").endswith("color-1"))
    closing, _, opening = (float(rect.get("width", 0)) for rect in whole.iter(f"{SVG}rect"))
    assert abs(closing - 2 * opening) < 0.01


def test_a_line_needs_two_points_and_names_each():
    assert trend([("2026-06", 5)], title="t", say=said) is None
    drawing = trend([("2026-05", 0), ("2026-06", 10)], title="t", say=said)
    assert drawing is not None
    assert "<title>2026-06:  10</title>" in drawing


def test_a_drawing_has_a_name_and_nothing_that_the_policy_forbids_or_that_data_could_break_out_of():
    drawing = stacks([("<b>", [1])], ["</svg><script>"], title='a "name" & more', say=said)
    assert 'role="img" aria-label="a &quot;name&quot; &amp; more"' in drawing
    assert "<script" not in drawing
    assert "&lt;b&gt;" in drawing
    assert re.findall(r"<style|style=|\bid=|<b>|onload", drawing) == []
