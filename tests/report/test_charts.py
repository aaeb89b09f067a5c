"""Pictures in which every word has room."""

from itertools import combinations

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from include.report import charts
from include.report.charts import Bar, Chart, trend, waterfall
from include.report.figures import Figures


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []
    monkeypatch.setattr(charts, "_drawn", lambda figure, alt: figures.append(figure) or Chart(b"", alt))
    return figures


def words(figure: Figure) -> dict[str, list[Bbox]]:
    """Where every word of a picture stands."""
    figure.draw_without_rendering()
    found: dict[str, list[Bbox]] = {}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            found.setdefault(text.get_text(), []).append(text.get_window_extent())
    return found


@pytest.mark.parametrize("scale", [1, 10**6, 10**12, 10**15])
@pytest.mark.parametrize("opening", [-5, 0, 1_200])
@pytest.mark.parametrize("steps", [1, 6])
def test_no_words_of_a_bridge_overlap_or_are_cut_off(
    drawn: list[Figure], scale: int, opening: int, steps: int
):
    moves = [sign * (450 + step) * scale for step, sign in zip(range(steps), (1, -1) * 3, strict=False)]
    values = [opening * scale, *moves, opening * scale + sum(moves)]
    waterfall(
        [
            Bar("Customers who came back", float(value), Figures("en_SG").rounded(value, "SGD"), whole=whole)
            for value, whole in zip(values, [True, *[False] * steps, True], strict=True)
        ],
        alt="",
    )
    boxes = [box for same in words(drawn[0]).values() for box in same]
    assert len(boxes) >= 2 * len(values)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    whole = drawn[0].bbox
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 <= whole.y1 for box in boxes)


def test_the_figures_of_a_bridge_stand_under_each_other_by_their_last_digit(drawn: list[Figure]):
    waterfall([Bar("Opening", 9.0, "9", whole=True), Bar("New", 1e9, "1,000,000,000")], alt="")
    found = words(drawn[0])
    assert found["9"][0].x1 == pytest.approx(found["1,000,000,000"][0].x1, abs=1)


@pytest.mark.parametrize("most", [0, 1, 3, 140, 1_234_567])
@pytest.mark.parametrize("days", [1, 7, 31])
def test_no_figure_of_a_trend_s_axis_stands_there_twice(drawn: list[Figure], most: int, days: int):
    names = [f"06-{day:02}" for day in range(1, days + 1)]
    counts = [("open", [most] * days), ("held", [0] * days)]
    trend(names, counts, alt="", say=Figures("en_SG").number)
    found = words(drawn[0])
    assert {"0", "06-01"} <= found.keys()
    assert all(len(same) == 1 for same in found.values())
    boxes = [box for same in found.values() for box in same]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
